/** examples/deploy: HAProxy and Caddy in front of a real tsgi. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { freePort, makeCertificates, withProgram } from "./front.ts";
import { curl, root, type Server, withFolder, withServer } from "./server.ts";

const APP = `
import { proxyFix } from "${root}core/middleware/proxy_fix.ts";
export default proxyFix({ xFor: 1, xProto: 0 })((environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  return [JSON.stringify([environ["tsgi.url_scheme"], environ.REMOTE_ADDR ?? null, environ.HTTP_X_FORWARDED_SSL ?? null])];
});
`;
const CLAIMS = ["-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Ssl: off"];

/** What holds whatever the front is. */
async function behind({ https, server }: { readonly https: (...args: readonly string[]) => string; readonly server: Server }): Promise<void> {
  assert.deepEqual(JSON.parse(https(...CLAIMS)), ["https", "127.0.0.1", null]);
  assert.equal(https("-o", "/dev/null", "-w", "%{http_version}"), "2");
  // A reload, and a second address that nobody serves: the front's clients notice neither.
  server.signal("HUP");
  for (let i = 0; i < 20; i++) assert.equal(https("-o", "/dev/null", "-w", "%{http_code}"), "200");
  await server.logged(/Reloaded: generation 2 serves/);
}

test("examples/deploy/haproxy.cfg: haproxy accepts it, speaks HTTP/2 and says what tsgi is to believe, and nobody else does", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const { ca, certificate, key } = makeCertificates(folder);
    writeFileSync(join(folder, "both.pem"), readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
    const [port, down] = [await freePort(), await freePort()];
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const values = {
        ADDRESS: `127.0.0.1:${port}`, CERTIFICATE: join(folder, "both.pem"), HERE: `127.0.0.1:${await server.port()}`, THERE: `127.0.0.1:${down}`,
      };
      const path = join(root, "examples/deploy/haproxy.cfg");
      execFileSync("haproxy", ["-c", "-f", path], { stdio: "pipe", env: { ...process.env, ...values } });
      await withProgram(["env", ...assignments(values), "haproxy", "-db", "-f", path], port, async () => {
        const https = (...args: readonly string[]) => curl("--http2", "--cacert", ca, ...args, `https://localhost:${port}/`);
        await behind({ https, server });
      });
    });
  });
});

test("examples/deploy/Caddyfile: caddy accepts it, speaks HTTP/2 and says what tsgi is to believe, and sends files itself", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const { ca, certificate, key } = makeCertificates(folder);
    mkdirSync(join(folder, "public"));
    writeFileSync(join(folder, "public/a.txt"), "public");
    const [port, down] = [await freePort(), await freePort()];
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const values = {
        HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder,
        GLOBAL: "auto_https off", SITE: `https://localhost:${port}`, TLS: `tls ${certificate} ${key}`, STATIC: join(folder, "public"),
        SERVERS: `127.0.0.1:${await server.port()} 127.0.0.1:${down}`,
      };
      const path = join(root, "examples/deploy/Caddyfile");
      execFileSync("caddy", ["validate", "--adapter", "caddyfile", "--config", path], { stdio: "pipe", env: { ...process.env, ...values } });
      await withProgram(["env", ...assignments(values), "caddy", "run", "--adapter", "caddyfile", "--config", path], port, async () => {
        const https = (...args: readonly string[]) => curl("--http2", "--cacert", ca, ...args, `https://localhost:${port}/`);
        assert.equal(curl("--cacert", ca, `https://localhost:${port}/static/a.txt`), "public");
        await behind({ https, server });
      });
    });
  });
});

function assignments(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`);
}
