/** What workers may do, where the runtime asks: `--worker-allow-*`. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { curl, runtime, withFolder, withServer } from "./server.ts";

/** Tries what its path says, and answers with what came of it. */
const APP = `
import { readFileSync, writeFileSync } from "node:fs";
const ways = {
  "/read": (at) => readFileSync(at, "utf8"),
  "/write": (at) => writeFileSync(at, "written"),
  "/run": (at) => new TextDecoder().decode(new Deno.Command(at, { args: ["done"] }).outputSync().stdout),
  "/open": (at) => Deno.dlopen(at, {}),
  "/connect": async (at) => (await fetch(at)).status,
};
export default async (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  try {
    return [String(await ways[environ.PATH_INFO](decodeURIComponent(environ.QUERY_STRING)))];
  } catch (error) {
    return [error.name + ": " + error.message];
  }
};
`;
const DENIED = /^(?:NotCapable|Error|TypeError): .*[Rr]equires (?:read|write|net|run|ffi) access/;

test("tsgi --worker-allow-* leaves workers what is named, and nothing else", { skip: runtime !== "deno" }, async () => {
  await withFolder({ "secret.txt": "secret" }, async (folder) => {
    for (const name of ["app", "data"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "app/app.ts"), APP);
    writeFileSync(join(folder, "data/open.txt"), "open");
    const [data, access] = [join(folder, "data"), join(folder, "access.log")];
    const args = ["-b", "127.0.0.1:0", "--reuse-port", "--worker-allow-read", data, "--worker-allow-write", data, "--worker-allow-run", "echo", "--worker-allow-net", "127.0.0.2"];
    await withServer({ args: [...args, "--access-logfile", access, "app/app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      const ask = (way: string, at: string) => curl(`http://127.0.0.1:${port}/${way}?${encodeURIComponent(at)}`);
      assert.equal(ask("read", join(data, "open.txt")), "open");
      assert.match(ask("read", join(folder, "secret.txt")), DENIED);
      assert.match(ask("read", "/proc/self/environ"), DENIED);
      assert.equal(ask("write", join(data, "new.txt")), "undefined");
      assert.equal(readFileSync(join(data, "new.txt"), "utf8"), "written");
      assert.match(ask("write", join(folder, "app/app.ts")), DENIED);
      assert.equal(ask("run", "echo"), "done\n");
      assert.match(ask("run", "cat"), DENIED);
      assert.match(ask("open", "libc.so.6"), DENIED);
      assert.match(ask("connect", "http://127.0.0.3:8/"), DENIED);
      assert.doesNotMatch(ask("connect", "http://127.0.0.2:8/"), DENIED, "it may try");
      assert.match(server.log, /leaves workers without the C library: connections that are idle, or slow with a request, are never closed/);
      await server.until(() => readFileSync(access, "utf8").split("\n").length > 10, "the access log of a restricted worker");
      writeFileSync(join(folder, "app/app.ts"), APP.replace("startResponse(\"200 OK\"", "startResponse(\"201 Created\""));
      server.signal("HUP");
      await server.logged(/Worker exiting/);
      assert.equal(curl("-o", "/dev/null", "-w", "%{http_code}", `http://127.0.0.1:${port}/read?x`), "201");
    });
  });
});

test("tsgi refuses --worker-allow-* where workers would have all permissions all the same", async () => {
  const refused = async (...args: string[]) => await withFolder({ "app.ts": APP }, async (folder) => {
    mkdirSync(join(folder, "data"));
    return await withServer({ args: [...args, "--check-config", "app.ts"], cwd: folder }, async (server) => {
      assert.equal((await server.ended).code, 1);
      return server.log;
    });
  });
  if (runtime !== "deno") {
    assert.match(await refused("--worker-allow-read", "data", "--reuse-port"), /Cannot use --worker-allow-read: (?:Bun|Node) asks for no permission of this kind; use --runtime deno/);
    return;
  }
  assert.match(await refused("--worker-allow-net", "example.org"), /Cannot use --worker-allow-net: to adopt the arbiter's socket a worker needs the C library, .* add --reuse-port/);
  assert.match(await refused("--worker-allow-net", "*", "--reuse-port", "--threads", "2"), /Cannot use --worker-allow-net: worker classes other than async/);
});
