/** A server that was handed its socket as descriptor 3, as a service manager does. Says where it serves. */
import { adopt } from "../../../runtimes/adoption.ts";
import { runtime } from "../../../runtimes/current.ts";
import { hold } from "../../../runtimes/sockets.ts";

const held = await hold({ kind: "fd", fd: 3 }, { backlog: 16, mode: "adopt" });
const answer = () => new Response("activated");
await adopt(runtime, held.descriptor(0)!, { handler: answer, onError: answer, keepAlive: 2 });
console.log(JSON.stringify(held.address));
