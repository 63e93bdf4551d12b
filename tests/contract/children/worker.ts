/** A worker under test: does what the messages say, one answer each. */
import process from "node:process";
import type { Served } from "../../../core/arbiter/listener.ts";
import { adopt, bindReusePort, selfTest } from "../../../runtimes/adoption.ts";
import { runtime } from "../../../runtimes/current.ts";
import { takeDescriptors } from "../../../runtimes/descriptor_channel.ts";
import { inheritedDescriptors } from "../../../runtimes/inherited.ts";
import { dieWithParent } from "../../../runtimes/parent.ts";

const served: Served[] = [];
const inherited = inheritedDescriptors();
let answer = String(process.pid);
let slow = 0;
const options = {
  handler: () => (slow === 0 ? new Response(answer) : new Promise<Response>((resolve) => setTimeout(() => resolve(new Response(answer)), slow))),
  onError: () => new Response("failed", { status: 500 }),
  keepAlive: 5,
};

type Order = { readonly id: number; readonly order: string; readonly [name: string]: unknown };
process.on("disconnect", () => process.exit(0));
process.on("message", async ({ id, order, ...more }: Order) => {
  try {
    process.send!({ id, value: await obey(order, more) });
  } catch (error) {
    process.send!({ id, error: (error as Error).message });
  }
});

async function obey(order: string, more: Record<string, unknown>): Promise<unknown> {
  switch (order) {
    case "hello":
      return runtime.name;
    case "adopt":
      for (const fd of inherited?.splice(0, more["count"] as number) ?? takeDescriptors(3, more["count"] as number)) served.push(await adopt(runtime, fd, options));
      return served.length;
    case "bind":
      served.push(await bindReusePort(runtime, more["address"] as never, { ...options, backlog: 64 }));
      return;
    case "answer":
      answer = more["text"] as string;
      slow = (more["slow"] as number | undefined) ?? 0;
      return;
    case "pause":
      return served.forEach((one) => one.pause());
    case "resume":
      return served.forEach((one) => one.resume());
    case "leave":
      return served.forEach((one) => one.leave());
    case "close":
      await Promise.all(served.splice(0).map((one) => one.close(more["deadline"] as number)));
      return;
    case "selfTest":
      return await selfTest(runtime);
    case "dieWithParent":
      return dieWithParent(more["parent"] as number);
    case "title":
      return runtime.setTitle(more["text"] as string);
    case "arguments":
      return [process.argv.slice(2), process.execPath];
    case "environment":
      return process.env[more["name"] as string] ?? null;
    case "block":
      setTimeout(() => { for (;;); }, 20); // After the answer.
      return;
  }
  throw new Error(`Unknown order ${order}`);
}
