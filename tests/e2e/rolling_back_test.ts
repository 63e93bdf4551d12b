/** Reloads that go half of their way and back, and reloads that change where the server listens. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, type Server, withFolder, withServer } from "./server.ts";

const app = (text: string, before = "") => `
${before}
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [${JSON.stringify(text)}];
};
`;

test("tsgi rolls back to the old code when the second new worker fails, and loses nothing", async () => {
  const breaks = 'import process from "node:process"; if (process.env.TSGI_WORKER_ID === "1") throw new Error("no database");';
  await withFolder({}, async (folder) => {
    release(folder, "1", app("old"));
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "--chdir", join(folder, "current"), "--reload-strategy", "rolling", "app.ts"] }, async (server) => {
      const port = await server.port(2);
      let enough = false;
      const under = load({ to: { port }, clients: 8, requests: 1_000_000, more: () => !enough });
      release(folder, "2", app("new", breaks));
      server.signal("HUP");
      await server.logged(/Reload failed, generation 1 keeps serving: Cannot load app\.ts: it threw Error: no database/);
      await server.logged(/Rolling back: 1 worker goes back to generation 1/);
      await server.logged(/Rolled back: generation 1 serves in every slot/);
      await server.until(() => server.workers().length === 2, "two workers");
      for (let i = 0; i < 20; i++) assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
      release(folder, "3", app("mended"));
      await hangUp(server);
      enough = true;
      const report = await under;
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
      assert.ok(report.bodies["new"]! > 0, "the new code never answered");
      assert.equal(curl(`http://127.0.0.1:${port}/`), "mended");
    });
  });
});

for (const strategy of ["surge", "rolling"] as const) {
  test(`tsgi takes an address on and gives one up by ${strategy}, and loses nothing`, async () => {
    const config = (bind: string) => `export default { bind: ${bind}, workers: 2, app: "app.ts", reloadStrategy: "${strategy}" };`;
    await withFolder({ "app.ts": app("here"), "tsgi.config.ts": config('"127.0.0.1:0"') }, async (folder) => {
      await withServer({ args: [], cwd: folder }, async (server) => {
        const port = await server.port(2);
        const path = join(folder, "second.sock");
        const during = async (to: { readonly port: number } | { readonly path: string }, bind: string) => {
          let enough = false;
          const under = load({ to, clients: 8, requests: 1_000_000, more: () => !enough });
          writeFileSync(join(folder, "tsgi.config.ts"), config(bind));
          await hangUp(server);
          enough = true;
          const report = await under;
          assert.equal(report.failed, 0, JSON.stringify(report.failures));
          assert.ok(report.answered > 0);
        };
        await during({ port }, `["127.0.0.1:0", "unix:${path}"]`);
        assert.match(server.log, /Changed: --bind 127\.0\.0\.1:0 -> 127\.0\.0\.1:0,unix:/);
        await during({ path }, `"unix:${path}"`);
        assert.equal(curl("--unix-socket", path, "http://localhost/"), "here");
        if (strategy === "rolling") assert.match(server.log, /replaces all workers at once.* it gives up http:/);
      });
    });
  });
}

/** A release in a directory of its own, and `current` a link to it. */
function release(folder: string, name: string, code: string): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "app.ts"), code);
  symlinkSync(join(folder, name), join(folder, "next"));
  renameSync(join(folder, "next"), join(folder, "current"));
}

async function hangUp(server: Server): Promise<void> {
  const from = server.log.length;
  server.signal("HUP");
  await server.logged(/Reloaded: generation \d+/, { from });
}
