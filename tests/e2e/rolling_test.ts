/** `--reload-strategy rolling`: slot after slot, with few surplus processes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { hello, type Server, withFolder, withServer } from "./server.ts";

for (const [where, times] of [["tcp", 20], ["unix", 5]] as const) {
  test(`tsgi rolls ${times} times under 16 clients on ${where} and loses nothing`, async () => {
    await withFolder({}, async (folder) => {
      const path = join(folder, "app.sock");
      const args = ["-w", "2", "-b", where === "tcp" ? "127.0.0.1:0" : `unix:${path}`, "--reload-strategy", "rolling", "--max-surge", "3", "--no-preflight"];
      await withServer({ args: [...args, hello] }, async (server) => {
        const to = where === "tcp" ? { port: await server.port(2) } : (await server.logged(/Listening at: unix:/), await server.serving(2), { path });
        let enough = false;
        const under = load({ to, clients: 16, requests: 1_000_000, more: () => !enough });
        for (let reloads = 0; reloads < times; reloads++) await hangUp(server);
        enough = true;
        const report = await under;
        assert.equal(report.failed, 0, JSON.stringify(report.failures));
        assert.ok(report.answered > 1000, `only ${report.answered}`);
      });
    });
  });
}

test("tsgi rolls with one process more than it has workers, and makes one reload of two HUPs meanwhile", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "--reload-strategy", "rolling", hello] }, async (server) => {
    const port = await server.port(2);
    let most = 0;
    const under = load({ to: { port }, clients: 4, requests: 1_000_000, keepAlive: true, more: () => !/generation 3 serves/.test(server.log) });
    server.signal("HUP");
    await server.until(() => server.workers().length === 3, "a third process");
    server.signal("HUP");
    server.signal("HUP");
    await server.until(() => {
      most = Math.max(most, server.workers().length);
      return /Reloaded: generation 3/.test(server.log);
    }, "two reloads");
    assert.equal(most, 3);
    assert.equal((await under).failed, 0);
    await server.until(() => server.workers().length === 2, "two workers");
    assert.doesNotMatch(server.log, /generation 4|Preflight/);
  });
});

async function hangUp(server: Server): Promise<void> {
  const from = server.log.length;
  server.signal("HUP");
  await server.logged(/Reloaded: generation \d+/, { from });
}
