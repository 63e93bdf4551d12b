/** An arbiter with one worker, whose loop is blocked: prints the worker's process id when it is. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { start } from "../worker.ts";

const worker = await start();
await worker.order("dieWithParent", { parent: process.pid });
const used = () => Number(readFileSync(`/proc/${worker.pid}/stat`, "utf8").split(") ")[1]!.split(" ")[11]);
const before = used();
await worker.order("block");
while (used() < before + 10) await new Promise((resolve) => setTimeout(resolve, 10));
console.log(worker.pid);
setInterval(() => {}, 1000);
