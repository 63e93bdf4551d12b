/** A reload is a transaction: it loses nothing when it works, and changes nothing when it does not. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load, type LoadOptions } from "./load.ts";
import { curl, hello, type Server, withFolder, withServer } from "./server.ts";

const app = (text: string) => `
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [${JSON.stringify(text)}];
};
`;

for (const where of ["tcp", "unix"] as const) {
  test(`tsgi reloads 20 times under 32 clients with a connection per request on ${where} and loses none of 100,000`, async () => {
    await withFolder({}, async (folder) => {
      const path = join(folder, "app.sock");
      const bind = where === "tcp" ? "127.0.0.1:0" : `unix:${path}`;
      await withServer({ args: ["-w", "2", "-b", bind, hello] }, async (server) => {
        const to: LoadOptions["to"] = where === "tcp" ? { port: await server.port(2) } : (await server.logged(/Listening at: unix:/), await server.serving(2), { path });
        let enough = false;
        let asked = 0;
        const under = load({ to, clients: 32, requests: 1_000_000, more: () => ++asked <= 100_000 || !enough });
        for (let reloads = 0; reloads < 20; reloads++) {
          await hangUp(server);
          // Spread over the load: the next reload begins a twentieth of it later.
          await server.until(() => asked >= (reloads + 1) * 4_500, "the load to go on", 60_000);
        }
        enough = true;
        const report = await under;
        assert.equal(report.failed, 0, JSON.stringify(report.failures));
        assert.ok(report.answered >= 100_000, `only ${report.answered}`);
      });
    });
  });
}

test("tsgi reloads under keep-alive clients and loses nothing", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    let enough = false;
    const under = load({ to: { port }, clients: 32, requests: 1_000_000, keepAlive: true, more: () => !enough });
    for (let i = 0; i < 5; i++) await hangUp(server);
    enough = true;
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.ok(report.answered > 1000);
  });
});

test("tsgi reloads new code", async () => {
  await withFolder({ "app.ts": app("old") }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
      writeFileSync(join(folder, "app.ts"), app("new"));
      await hangUp(server);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "new");
    });
  });
});

test("tsgi keeps the old code when the new does not load, and says why", async () => {
  await withFolder({ "app.ts": app("old") }, async (folder) => {
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      const before = server.workers();
      assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
      const failures = [
        ["export default (", /Reload failed, generation 1 keeps serving: Cannot load app\.ts: .*syntax error/i],
        ["throw new Error('no database');", /Reload failed, generation 1 keeps serving: Cannot load app\.ts: it threw Error: no database/],
        ["export const other = 1;", /Reload failed, generation 1 keeps serving: Cannot load app\.ts: no default export/],
      ] as const;
      for (const [code, said] of failures) {
        writeFileSync(join(folder, "app.ts"), code);
        const from = server.log.length;
        server.signal("HUP");
        await server.logged(said, { from });
        assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
      }
      await server.until(() => server.workers().length === 2, "the old workers only");
      assert.deepEqual(server.workers(), before);
      writeFileSync(join(folder, "app.ts"), app("mended"));
      await hangUp(server);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "mended");
    });
  });
});

test("tsgi takes a new configuration over, and refuses a broken one", async () => {
  const config = (workers: string) => `export default { workers: ${workers}, bind: "127.0.0.1:0", app: "app.ts" };`;
  await withFolder({ "app.ts": app("here"), "tsgi.config.ts": config("1") }, async (folder) => {
    await withServer({ args: [], cwd: folder }, async (server) => {
      const port = await server.port(1);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "here");
      for (const [broken, said] of [
        ["-5", /Reload failed.*workers.*got -5/],
        ["1, workerz: 3", /Reload failed.*workerz.*workers/],
        ["(", /Reload failed.*tsgi\.config\.ts/],
      ] as const) {
        writeFileSync(join(folder, "tsgi.config.ts"), config(broken));
        const from = server.log.length;
        server.signal("HUP");
        await server.logged(said, { from });
        assert.equal(curl(`http://127.0.0.1:${port}/`), "here");
      }
      writeFileSync(join(folder, "tsgi.config.ts"), config("3"));
      await hangUp(server);
      await server.until(() => server.workers().length === 3, "three workers");
      assert.equal(curl(`http://127.0.0.1:${port}/`), "here");
    });
  });
});

test("tsgi moves to another address on reload", async () => {
  const config = (bind: string) => `export default { bind: ${bind}, app: "app.ts" };`;
  await withFolder({ "app.ts": app("here"), "tsgi.config.ts": config('"127.0.0.1:0"') }, async (folder) => {
    await withServer({ args: [], cwd: folder }, async (server) => {
      const port = await server.port();
      const path = join(folder, "second.sock");
      writeFileSync(join(folder, "tsgi.config.ts"), config(`["127.0.0.1:0", "unix:${path}"]`));
      await hangUp(server);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "here");
      assert.equal(curl("--unix-socket", path, "http://localhost/"), "here");
      writeFileSync(join(folder, "tsgi.config.ts"), config(`"unix:${path}"`));
      await hangUp(server);
      assert.equal(curl("--unix-socket", path, "http://localhost/"), "here");
      await server.until(() => refused(port), "the first address to be given up");
    });
  });
});

test("tsgi makes one reload of many HUPs, and settles", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    for (let i = 0; i < 50; i++) server.signal("HUP");
    await server.logged(/Reloaded: generation 2/);
    await server.until(() => server.workers().length === 2 && (server.log.match(/Worker exiting/g)?.length ?? 0) >= 2, "two workers");
    assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
    assert.ok((server.log.match(/Reloaded/g)?.length ?? 0) <= 5, "more reloads than needed");
  });
});

async function hangUp(server: Server): Promise<void> {
  const from = server.log.length;
  server.signal("HUP");
  await server.logged(/Reloaded: generation \d+/, { from });
}

function refused(port: number): boolean {
  try {
    curl("--max-time", "1", `http://127.0.0.1:${port}/`);
    return false;
  } catch {
    return true;
  }
}
