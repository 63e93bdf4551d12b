/** `--canary`: the first worker of a reload serves beside the old ones until it has proven itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.ts";
import { app, boots, withOld } from "./old_app.ts";
import { curl } from "./server.ts";

test("tsgi sends a canary ahead, and replaces the others when it holds", async () => {
  await withOld(["--canary", "1"], async ({ server, port, write }) => {
    const under = load({ to: { port }, clients: 8, requests: 1_000_000, more: () => !/Reloaded/.test(server.log) });
    write(app("new"));
    server.signal("HUP");
    await server.logged(/Canary \(pid:\d+\) serves generation 2 in slot 0 for 1 s/);
    assert.equal(boots(server), 3);
    const [, answers] = await server.logged(/Canary holds: (\d+) answers, 0 of them 5xx/);
    await server.logged(/Reloaded: generation 2 serves with 2 workers/);
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.ok(Number(answers) > 0, "the canary counted nothing");
    assert.equal(curl(`http://127.0.0.1:${port}/`), "new");
  });
});

const FAILURES = [
  ["answers with 5xx", app("new", { status: "503 Service Unavailable" }), /the canary answered \d+ of \d+ requests with 5xx, more than 5 %/],
  ["throws in a request", app("new", { inside: "throw new Error('oh');" }), /the canary answered (\d+) of \1 requests with 5xx/],
  ["leaves an exception uncaught", app("new", { inside: "setTimeout(() => { throw new Error('oh'); }, 1);" }), /the canary \(pid:\d+\) left an exception uncaught/],
  ["ends", app("new", { inside: "setTimeout(() => process.exit(7), 1);" }), /a new worker \(pid:\d+\) ended while it served/],
] as const;

for (const [what, code, said] of FAILURES) {
  test(`tsgi rolls back when its canary ${what}, and closes no connection for it`, async () => {
    await withOld(["--canary", "30"], async ({ server, port, write }) => {
      let enough = false;
      const under = load({ to: { port }, clients: 4, requests: 1_000_000, more: () => !enough });
      const before = server.workers();
      write(code);
      server.signal("HUP");
      await server.logged(said);
      await server.until(() => server.workers().length === 2, "the old workers only");
      enough = true;
      const { failures } = await under;
      // What a process had in flight when it ended is gone with it.
      if (what !== "ends") assert.deepEqual(Object.keys(failures).filter((kind) => !kind.startsWith("status 5")), [], JSON.stringify(failures));
      assert.deepEqual(server.workers(), before);
      for (let i = 0; i < 10; i++) assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
    });
  });
}
