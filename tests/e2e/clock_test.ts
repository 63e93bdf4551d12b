/** The wall clock jumps, as after a suspended machine or a wrong NTP: only the time in the logs may follow. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { clockVariables, noFaketime as skip, setClock } from "./faketime.ts";
import { load } from "./load.ts";
import { type Server, withFolder, withServer } from "./server.ts";

const APP = `
export default async (environ, startResponse) => {
  if (environ.PATH_INFO === "/wait") {
    environ["tsgi.errors"].write("wait begun\\n");
    await new Promise((resolve) => setTimeout(resolve, Number(environ.QUERY_STRING)));
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [String(new Date().getUTCFullYear())];
};
`;

/** A server whose wall clock `jump` moves by so many days. */
async function withClock(args: readonly string[], use: (server: Server, port: number, jump: (days: number) => void) => Promise<void>): Promise<void> {
  await withFolder({ "app.ts": APP, clock: "+0d" }, async (folder) => {
    const jump = (days: number) => setClock(folder, days);
    await withServer({ args: ["--log-level", "debug", "-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder, env: clockVariables(folder) }, async (server) => {
      await server.serving(2);
      await use(server, await server.port(2), jump);
    });
  });
}

const year = (days: number) => String(new Date(Date.now() + days * 86_400_000).getUTCFullYear());

test("tsgi murders nobody and cuts nothing short when the wall clock jumps ten years forward and back", { skip }, async () => {
  await withClock(["-w", "2", "-t", "2", "--graceful-timeout", "4"], async (server, port, jump) => {
    const pids = server.workers();
    let enough = false;
    const under = load({ to: { port }, clients: 4, requests: 1_000_000, more: () => !enough });
    const answered = async (days: number) => {
      const { bodies } = await load({ to: { port }, clients: 1, requests: 1 });
      return bodies[year(days)] === 1;
    };
    for (const days of [3650, -3650]) {
      jump(days);
      const end = performance.now() + 10_000;
      while (!(await answered(days))) assert.ok(performance.now() < end, `the workers' clock never moved by ${days} days`);
      // Longer than `timeout`: had anybody believed the clock, there would be a murder.
      await new Promise((resolve) => setTimeout(resolve, 2500));
      assert.deepEqual(server.workers(), pids);
    }
    enough = true;
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.doesNotMatch(server.log, /TIMEOUT|WARNING|ERROR/);
  });
});

for (const [way, days] of [["forward", 3650], ["back", -3650]] as const) {
  test(`tsgi stops gracefully, and in time, when the wall clock jumps ${way} meanwhile`, { skip }, async () => {
    await withClock(["-w", "2", "--graceful-timeout", "3"], async (server, port, jump) => {
      const slow = load({ to: { port }, clients: 1, requests: 1, target: "/wait?800" });
      const endless = load({ to: { port }, clients: 1, requests: 1, target: "/wait?60000" });
      await server.until(() => server.log.match(/wait begun/g)?.length === 2, "two who wait");
      const begun = performance.now();
      process.kill(server.pid, "SIGTERM");
      await server.logged(/Handling signal: term/);
      jump(days);
      assert.equal((await slow).answered, 1, "answered, though the clock says its time is over");
      assert.equal((await server.ended).code, 0);
      const took = performance.now() - begun;
      assert.ok(took > 2500 && took < 20_000, `the stop took ${took} ms`);
      assert.equal((await endless).answered, 0);
    });
  });
}
