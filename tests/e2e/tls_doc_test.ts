/** The command that docs/tls.md has for the world: its ports are root's, and its key too. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Authority } from "./authority.ts";
import { curl, root, withFolder, withServer } from "./server.ts";

const WHO = `import process from "node:process";
export default (environ, startResponse) => { startResponse("200 OK", []); return [environ["tsgi.url_scheme"] + " " + process.getuid()]; };`;
const isRoot = process.getuid?.() === 0;

test("docs/tls.md: a key that workers may not read is served by them, and plain HTTP is sent to it", { skip: isRoot ? false : "only root may run workers as another user" }, async () => {
  const [, line] = /^ {4}tsgi (.*)$/m.exec(readFileSync(join(root, "docs/tls.md"), "utf8"))!;
  await withFolder({ "app.ts": WHO }, async (folder) => {
    chmodSync(folder, 0o755);
    const authority = new Authority(folder);
    const { certificate, key } = authority.issue("localhost");
    chmodSync(key, 0o600);
    // Ports that are free, and our names for certbot's files.
    const args = line!.replace("0.0.0.0:443", "127.0.0.1:0").replace("0.0.0.0:80", "127.0.0.1:0").replace("fullchain.pem", certificate).replace("privkey.pem", key).split(" ");
    await withServer({ args, cwd: folder }, async (server) => {
      const port = await server.port();
      const user = execFileSync("id", ["-u", "www-data"], { encoding: "utf8" }).trim();
      assert.equal(curl("--cacert", authority.ca, `https://localhost:${port}/`), `https ${user}`);
      const [, plain] = /,http:\/\/127\.0\.0\.1:(\d+) /.exec(server.log)!;
      assert.match(curl("-i", `http://localhost:${plain}/x`), new RegExp(`^HTTP/1\\.1 308 [^]*https://localhost:${port}/x`));
    });
  });
});
