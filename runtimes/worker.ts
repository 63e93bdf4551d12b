/** What a worker process runs. */
import process from "node:process";
import { serve } from "../core/arbiter/serve.ts";
import { runtime } from "./current.ts";
import { dieWithParent } from "./parent.ts";
import { workerSystem } from "./worker_process.ts";

const arbiter = Number(process.env.TSGI_WORKER);
// Whatever this process starts in its turn is no worker of ours.
delete process.env.TSGI_WORKER;
if (dieWithParent(arbiter) === false) process.exit(0);
serve(workerSystem(runtime));
