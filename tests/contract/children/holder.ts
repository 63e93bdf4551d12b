/** Holds a port until killed, or says why it cannot. Arguments: port and mode; the mode `message` asks for the error's text. */
import process from "node:process";
import { ListenError } from "../../../core/arbiter/listener.ts";
import { hold } from "../../../runtimes/sockets.ts";

const [port, mode] = process.argv.slice(2);
try {
  await hold({ kind: "tcp", host: "127.0.0.1", port: Number(port) }, { backlog: 8, mode: mode === "message" ? "adopt" : (mode as "adopt") });
  console.log("held");
} catch (error) {
  if (!(error instanceof ListenError)) throw error;
  console.log(mode === "message" ? error.message : error.code);
}
setInterval(() => {}, 1000);
