/** The server's side of bin/tsgi.mjs: a server that was started for somebody else to wait for must not outlive him. */
import process from "node:process";

/** How often to look, in milliseconds. A system call, and no other thread's end can be mistaken for it, as with PR_SET_PDEATHSIG. */
const PERIOD = 500;

/** Sends this process TERM when the process that TSGI_LAUNCHER names, which must be its parent, has gone. A daemon is not concerned. */
export function followLauncher(): void {
  const launcher = Number(process.env.TSGI_LAUNCHER ?? 0);
  // What this process starts in its turn has another parent.
  delete process.env.TSGI_LAUNCHER;
  if (!(launcher > 0)) return;
  const timer = setInterval(() => {
    if (process.ppid === launcher) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, PERIOD);
  timer.unref();
}
