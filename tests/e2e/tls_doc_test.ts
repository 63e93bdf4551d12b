/** The commands of docs/tls.md do what it says. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Authority } from "./authority.ts";
import { curl, program, root, withFolder, withServer } from "./server.ts";

const text = readFileSync(join(root, "docs/tls.md"), "utf8");
const [serve = "", doctor = "", ask = ""] = /^```sh\n([^]*?)^```/m.exec(text)![1]!.trim().split("\n");
const WHO = `import process from "node:process";
export default (environ, startResponse) => { startResponse("200 OK", []); return [environ["tsgi.url_scheme"] + " " + process.getuid()]; };`;
const isRoot = process.getuid?.() === 0;

test("docs/tls.md: the commands serve with a key that workers may not read, redirect, and see how long the certificate holds", { skip: isRoot ? false : "only root may run workers as another user" }, async () => {
  await withFolder({ "app.ts": WHO }, async (folder) => {
    chmodSync(folder, 0o755);
    const { certificate, key } = new Authority(folder).issue("localhost");
    chmodSync(key, 0o600);
    // Ports that are free, and the names of certbot's files for ours.
    const here = (line: string) => line.replace("0.0.0.0:443", "127.0.0.1:0").replace("0.0.0.0:80", "127.0.0.1:0").replaceAll("fullchain.pem", certificate).replaceAll("privkey.pem", key).split(" ").slice(1);
    await withServer({ args: here(serve), cwd: folder }, async (server) => {
      const port = await server.port();
      const user = Number(execFileSync("id", ["-u", "www-data"], { encoding: "utf8" }));
      const words = ask.replace("https://localhost/", `https://localhost:${port}/`).split(" ").slice(1);
      assert.equal(curl(...words.map((word) => (word === "ca.pem" ? join(folder, word) : word))), `https ${user}`);
      const plain = /,http:\/\/127\.0\.0\.1:(\d+) /.exec(server.log)![1];
      assert.match(curl("-i", `http://localhost:${plain}/x`), new RegExp(`^HTTP/1\\.1 308 [^]*https://localhost:${port}/x`));
    });
    const [command = "", ...before] = program();
    const { status, stdout } = spawnSync(command, [...before, ...here(doctor)], { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0);
    assert.match(stdout, /warning +certificate +\S+localhost\.pem expires in 1 day: /);
  });
});

test("docs/tls.md's settings and packages are there", () => {
  const flags = new Set([...text.replace(/`certbot[^`]*`/g, "").matchAll(/`[^`\n]*?(--[a-z][a-z-]+)/g)].map(([, flag]) => flag!));
  const settings = readFileSync(join(root, "SETTINGS.md"), "utf8");
  assert.ok(flags.size >= 5);
  for (const flag of flags) assert.ok(settings.includes(flag), flag);
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const [, name] of text.matchAll(/`tsgi\/(\w+)`/g)) assert.ok(Object.hasOwn(exports, `./${name}`), name!);
});
