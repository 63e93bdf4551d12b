/** What a worker process runs. */
import process from "node:process";
import type { Identity } from "../core/arbiter/process.ts";
import { serve } from "../core/arbiter/serve.ts";
import { findZone } from "./clock.ts";
import { runtime } from "./current.ts";
import { requireLibc } from "./libc.ts";
import { dieWithParent } from "./parent.ts";
import { workerSystem } from "./worker_process.ts";

const arbiter = Number(process.env.TSGI_WORKER);
// Whatever this process starts in its turn is no worker of ours.
delete process.env.TSGI_WORKER;
const identity = process.env.TSGI_IDENTITY;
delete process.env.TSGI_IDENTITY;
if (identity !== undefined) {
  const { uid, gid, initgroups } = JSON.parse(identity) as Identity;
  if (runtime.become) runtime.become({ uid, gid, initgroups });
  else requireLibc().become(initgroups!, uid, gid);
}
// After the change of user, which would undo it.
if (dieWithParent(arbiter) === false) process.exit(0);
runtime.followUpgrades?.();
findZone();
serve(workerSystem(runtime));
