/** Two signals at once: the server ends as the one says that ends it. USR2 is in upgrade_test.ts. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { hello, isAlive, withServer } from "./server.ts";

test("tsgi ends with 0 and leaves nobody behind after any two signals of which one is to end it", async () => {
  const first = ["HUP", "TTIN", "TTOU", "WINCH", "USR1", "TERM", "INT", "QUIT"];
  const pairs = [...first.flatMap((one) => ["TERM", "INT"].map((other) => [one, other] as const)), ["TERM", "QUIT"] as const, ["INT", "QUIT"] as const];
  for (let at = 0; at < pairs.length; at += 6) await Promise.all(pairs.slice(at, at + 6).map(([one, other]) => pair(one, other)));

  async function pair(one: string, other: string): Promise<void> {
    await withServer({ args: ["-w", "1", "-b", "127.0.0.1:0", hello] }, async (server) => {
      await server.port();
      process.kill(server.pid, `SIG${one}`);
      process.kill(server.pid, `SIG${other}`);
      assert.deepEqual(await server.ended, { code: 0, signal: null }, `${one} and ${other}`);
      const everybody = [...server.log.matchAll(/Booting worker with pid: (\d+)/g)].map(([, pid]) => Number(pid));
      assert.deepEqual(everybody.filter(isAlive), [], `${one} and ${other}`);
    });
  }
});
