/** A reload of workers with threads loses nothing. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { hello, withFolder, withServer } from "./server.ts";

for (const [where, times] of [["tcp", 20], ["unix", 5]] as const) {
  test(`tsgi with threads reloads ${times} times under 8 clients on ${where} and loses nothing`, async () => {
    await withFolder({}, async (folder) => {
      const path = join(folder, "app.sock");
      const bind = where === "tcp" ? "127.0.0.1:0" : `unix:${path}`;
      await withServer({ args: ["--threads", "2", "-b", bind, hello] }, async (server) => {
        const to = where === "tcp" ? { port: await server.port() } : (await server.logged(/Listening at: unix:/), await server.serving(1), { path });
        let enough = false;
        const under = load({ to, clients: 8, requests: 1_000_000, keepAlive: where === "tcp", more: () => !enough });
        for (let reloads = 0; reloads < times; reloads++) {
          const from = server.log.length;
          server.signal("HUP");
          await server.logged(/Reloaded: generation \d+/, { from });
        }
        enough = true;
        const report = await under;
        assert.equal(report.failed, 0, JSON.stringify(report.failures));
        assert.ok(report.answered > 1000, `only ${report.answered}`);
      });
    });
  });
}
