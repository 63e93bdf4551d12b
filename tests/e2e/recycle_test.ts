/** Workers are replaced when they are worn out, and nobody notices. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { hello, withFolder, withServer } from "./server.ts";

test("--max-requests replaces workers under load, and loses nothing", async () => {
  const args = ["-w", "2", "--max-requests", "500", "--max-requests-jitter", "100", "-b", "127.0.0.1:0", hello];
  await withServer({ args }, async (server) => {
    const port = await server.port(2);
    const first = server.workers();
    for (const keepAlive of [false, true]) {
      const report = await load({ to: { port }, clients: 16, requests: 8000, keepAlive });
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
    }
    assert.ok((server.log.match(/\[INFO\] Autorestarting worker after current request\./g)?.length ?? 0) >= 4, server.log);
    await server.until(() => server.workers().length === 2, "two workers");
    assert.ok(!server.workers().some((pid) => first.includes(pid)));
    assert.doesNotMatch(server.log, /keep failing/);
  });
});

test("--max-rss replaces a worker that grows", async () => {
  const leaks = `
const kept = [];
export default (environ, startResponse) => {
  if (environ.PATH_INFO === "/leak") kept.push(new Uint8Array(64 << 20).fill(1));
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["well"];
};
`;
  await withFolder({ "app.ts": leaks }, async (folder) => {
    await withServer({ args: ["--max-rss", "300", "-b", "127.0.0.1:0", join(folder, "app.ts")] }, async (server) => {
      const port = await server.port();
      const [large] = server.workers();
      const report = await load({ to: { port }, clients: 1, requests: 6, target: "/leak" });
      assert.equal(report.failed, 0);
      await server.logged(/\[WARNING\] Worker \(pid: \d+\) uses \d+ MiB, more than max-rss 300: it will be replaced/);
      await server.until(() => server.workers().length === 1 && server.workers()[0] !== large, "the successor");
    });
  });
});

test("--max-lifetime replaces a worker in time", async () => {
  await withServer({ args: ["--max-lifetime", "1", "-b", "127.0.0.1:0", hello] }, async (server) => {
    await server.port();
    const [old] = server.workers();
    await server.logged(/Worker \(pid: \d+\) has served for 1(?:\.\d)? s: it will be replaced/);
    await server.until(() => server.workers().length > 0 && !server.workers().includes(old!), "the successor");
  });
});
