/** Worker classes of one's own, as `-k path.ts` names them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, hello, root, Server, withFolder, withServer } from "./server.ts";

const APP = `
let inside = 0;
let most = 0;
export default async (environ, startResponse) => {
  most = Math.max(most, ++inside);
  if (environ.PATH_INFO === "/hang") {
    environ["tsgi.errors"].write("hanging now\\n");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
  inside--;
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [String(most)];
};
`;

test("the worker_class example serves two at a time, and says how long each took", async () => {
  await withServer({ args: ["-w", "2", "-k", "examples/worker_class.ts", "-b", "127.0.0.1:0", hello], cwd: root }, async (server) => {
    const port = await server.port(2);
    assert.match(server.log, /Using worker: pair\n/);
    assert.match(curl("-i", `http://127.0.0.1:${port}/`), /server-timing: worker-[01];dur=[\d.]+\r\n[^]*Hello, World!/i);
    assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
  });
});

test("limit bounds the requests in the application", async () => {
  await withFolder({ "app.ts": APP, "three.ts": "export default { limit: 3 };" }, async (folder) => {
    await withServer({ args: ["-k", "three.ts", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.match(server.log, /Using worker: \/.*\/three\.ts\n/);
      const report = await load({ to: { port }, clients: 16, requests: 300 });
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
      assert.deepEqual(Object.keys(report.bodies).filter((most) => Number(most) > 3), []);
      assert.ok("3" in report.bodies, JSON.stringify(report.bodies));
    });
  });
});

test("beats between requests make timeout the limit of a request, as in sync", async () => {
  const strict = 'export default { limit: 1, beats: "between-requests", keepAlive: false, sockets: "shared" };';
  await withFolder({ "app.ts": APP, "strict.ts": strict }, async (folder) => {
    await withServer({ args: ["-k", "./strict.ts", "-t", "1", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.match(curl("-i", `http://127.0.0.1:${port}/`), /connection: close/i);
      const lost = load({ to: { port }, clients: 1, requests: 1, target: "/hang" });
      await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+\) blocked [\d.]+s; in flight: GET \/hang/);
      assert.equal((await lost).failed, 1);
    });
  });
});

test("what wrap throws, and what is no Response, is logged and answered with 500", async () => {
  const broken = `export default { wrap: (handler) => (request, platform) => {
    if (request.url.endsWith("/throw")) throw new Error("wrapped badly");
    if (request.url.endsWith("/reject")) return Promise.reject(new Error("wrapped badly later"));
    if (request.url.endsWith("/text")) return "text";
    return handler(request, platform);
  } };`;
  await withFolder({ "app.ts": APP, "broken.ts": broken }, async (folder) => {
    await withServer({ args: ["-k", "broken.ts", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      for (const [way, said] of [["throw", /Error: wrapped badly\n/], ["reject", /Error: wrapped badly later/], ["text", /not a Response/]] as const) {
        assert.match(curl("-w", " %{http_code}", `${url}/${way}`), / 500$/);
        await server.logged(said);
      }
      assert.match(curl("-w", " %{http_code}", `${url}/`), / 200$/);
    });
  });
});

test("everything that is wrong with a class is said at once, and nothing starts: exit code 1", async () => {
  const wrong = 'export default { limit: 0, beat: "always", sockets: "own", wrap: 5 };';
  await withFolder({ "app.ts": APP, "wrong.ts": wrong, "none.ts": "export const limit = 1;", "list.ts": "export default [];", "bad.ts": "export default (" }, async (folder) => {
    for (const [file, ...said] of [
      ["wrong.ts", /limit: expected a whole number >= 1, got 0/, /beat: a worker class has no such member, did you mean beats\?/, /sockets: expected slots or shared, got "own"/, /wrap: expected a function \(handler, worker\) that returns a handler, got 5/],
      ["none.ts", /none\.ts has no default export, write "export default defineWorkerClass/],
      ["list.ts", /expected the default export to be an object with name, limit, .*, got a list/],
      ["missing.ts", /there is no file \/.*\/missing\.ts/],
      ["bad.ts", /cannot read \/.*\/bad\.ts: /],
      ["gevent", /expected async, sync, gthread, threads or the path of a module such as \.\/my_class\.ts, got "gevent"/],
    ] as const) {
      const server = new Server({ args: ["-k", file, "-b", "127.0.0.1:0", "app.ts"], cwd: folder });
      assert.deepEqual(await server.ended, { code: 1, signal: null }, server.log);
      for (const pattern of said) assert.match(server.log, pattern);
      assert.match(server.log, /Error: Cannot use --worker-class|Error: Cannot use -k/);
    }
  });
});

test("a reload takes a new class over, and refuses a broken one", async () => {
  await withFolder({ "app.ts": APP, "mine.ts": "export default { limit: 1 };" }, async (folder) => {
    await withServer({ args: ["-k", "mine.ts", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal((await load({ to: { port }, clients: 8, requests: 40 })).bodies["1"], 40);
      writeFileSync(join(folder, "mine.ts"), "export default { limit: -1 };");
      server.signal("HUP");
      await server.logged(/Reload failed, generation 1 keeps serving: .*limit: expected a whole number >= 1, got -1/);
      writeFileSync(join(folder, "mine.ts"), "export default { limit: 2 };");
      server.signal("HUP");
      await server.logged(/Reloaded: generation 2/);
      const { bodies } = await load({ to: { port }, clients: 8, requests: 40 });
      assert.ok("2" in bodies && !("3" in bodies), JSON.stringify(bodies));
    });
  });
});
