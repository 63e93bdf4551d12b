/** Workers on Node under an arbiter of each runtime, and what an arbiter refuses because of them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, root, runtime, withFolder, withServer } from "./server.ts";

const WHOAMI = `export default { fetch: () => new Response("Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node") };`;
const env = { PATH: `${root}node_modules/.bin:${process.env.PATH}` };

test("tsgi reloads workers on Node under load, and loses nothing", async () => {
  await withFolder({ "app.ts": WHOAMI }, async (folder) => {
    await withServer({ args: ["-w", "2", "--runtime", "node", "--log-level", "debug", "-b", "127.0.0.1:0", "app.ts"], cwd: folder, env }, async (server) => {
      await server.serving(2);
      const port = await server.port();
      let enough = false;
      const under = load({ to: { port }, clients: 4, requests: 1_000_000, more: () => !enough });
      for (const generation of [2, 3, 4]) {
        server.signal("HUP");
        await server.logged(new RegExp(`Reloaded: generation ${generation} serves with 2 workers`));
        await server.until(() => server.workers().length === 2, "the end of the old workers");
      }
      enough = true;
      const { failed, failures, bodies } = await under;
      assert.equal(failed, 0, JSON.stringify(failures));
      assert.deepEqual(Object.keys(bodies), ["node"]);
    });
  });
});

test("tsgi warns that a busy sync worker on Node cannot stop accepting", async () => {
  await withFolder({ "app.ts": WHOAMI }, async (folder) => {
    await withServer({ args: ["-k", "sync", "--runtime", "node", "-b", "127.0.0.1:0", "app.ts"], cwd: folder, env }, async (server) => {
      await server.logged(/\[WARNING\] --worker-class sync on Node: a busy worker cannot stop accepting/);
    });
  });
});

test("tsgi refuses a HUP to workers on Node while others have sockets of their own, and serves on", { skip: runtime === "node" && "its sockets are of one kind" }, async () => {
  await withFolder({ "app.ts": WHOAMI, "tsgi.config.json": "{}" }, async (folder) => {
    await withServer({ args: ["-c", "tsgi.config.json", "-b", "127.0.0.1:0", "app.ts"], cwd: folder, env }, async (server) => {
      const port = await server.port();
      writeFileSync(join(folder, "tsgi.config.json"), '{ "runtime": "node" }');
      server.signal("HUP");
      await server.logged(/--runtime node needs sockets of another kind: stop the server and start it again/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), runtime);
    });
  });
});

test("tsgi on Node refuses an upgrade, and serves on", { skip: runtime !== "node" && "tests/e2e/upgrade_test.ts is for this runtime" }, async () => {
  await withFolder({ "app.ts": WHOAMI }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      process.kill(server.pid, "SIGUSR2");
      await server.logged(/Upgrade failed, this master keeps serving: .*Node has no foreign functions/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "node");
    });
  });
});
