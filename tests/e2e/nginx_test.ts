/** The site that `tsgi init nginx` writes, in front of a real tsgi. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, makeCertificates, withNginx } from "./front.ts";
import { load } from "./load.ts";
import { curl, program, root, withFolder, withServer } from "./server.ts";

const APP = `
import { proxyFix } from "${root}core/middleware/proxy_fix.ts";
import { sendfile } from "${root}core/middleware/contrib/sendfile.ts";
import { staticFiles } from "${root}runtimes/static_files.ts";
const files = staticFiles({ "/secret/": import.meta.dirname + "/private/" });
const seen = [];
const shop = async (environ, startResponse) => {
  seen.push(environ.PATH_INFO);
  if (environ.PATH_INFO === "/big") { startResponse("200 OK", []); return ["x".repeat(8 << 20)]; }
  let length = 0;
  for await (const chunk of environ["tsgi.input"]) length += chunk.length;
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  const { REMOTE_ADDR = null, HTTPS = null, HTTP_HOST, SERVER_PORT } = environ;
  return [JSON.stringify({ scheme: environ["tsgi.url_scheme"], REMOTE_ADDR, HTTPS, HTTP_HOST, SERVER_PORT, length, seen, proxies: environ.HTTP_X_FORWARDED_SSL ?? null })];
};
// REMOTE_ADDR by proxyFix; the scheme by --forwarded-allow-ips, so that it can be told who decided.
export default proxyFix({ xFor: 1, xProto: 0 })(sendfile({ type: "X-Accel-Redirect", mappings: [[import.meta.dirname + "/private/", "/accel/"]] })(files(shop)));
`;

function init(cwd: string, ...args: readonly string[]): void {
  const [command = "", ...before] = program();
  const { status, stderr } = spawnSync(command, [...before, "init", "nginx", ...args], { cwd, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

const says = (text: string) => `export default (e, s) => { s("200 OK", [["Content-Type", "text/plain"]]); return [${JSON.stringify(text)}]; };`;

test("tsgi init nginx: through TLS and HTTP/2 to the unix socket, scheme and address right, whatever the client claims; files by nginx", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    for (const name of ["public", "private"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "public/a.txt"), "public");
    writeFileSync(join(folder, "private/a.txt"), "private");
    const { ca, certificate, key } = makeCertificates(folder);
    const [port, tlsPort] = [await freePort(), await freePort()];
    const more = ["--static", "/static=public", "--accel", "/accel=private", "--port", String(port)];
    init(folder, "-n", "shop", "-s", "localhost", "-b", `unix:${join(folder, "s.sock")}`, ...more, "--tls", "--tls-port", String(tlsPort), "--certificate", certificate, "--key", key, "-o", ".");
    const args = ["-b", "unix:s.sock", "-b", "127.0.0.1:0", "--forwarded-allow-ips", "unix:", "app.ts"];
    await withServer({ args, cwd: folder }, async (server) => {
      const direct = Number((await server.logged(/Listening at: .*127\.0\.0\.1:(\d+)/))[1]);
      await withNginx({ folder, site: "shop.conf", port }, async () => {
        const https = (path: string, ...rest: readonly string[]) => curl("--http2", "--cacert", ca, ...rest, `https://localhost:${tlsPort}${path}`);
        const claims = ["-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Forwarded-Proto: http", "-H", "X-Forwarded-Ssl: off", "-H", "X-Forwarded-Protocol: none"];
        const { scheme, REMOTE_ADDR, HTTPS, HTTP_HOST, length, proxies } = JSON.parse(https("/", "--data", "abc", ...claims));
        assert.deepEqual([scheme, HTTPS, HTTP_HOST, length, proxies], ["https", "on", `localhost:${tlsPort}`, 3, null]);
        assert.match(REMOTE_ADDR, /^(?:127\.0\.0\.1|::1)$/);
        assert.equal(https("/", "-o", "/dev/null", "-w", "%{http_version}"), "2");
        // Whoever comes to tsgi past nginx is believed nothing about the scheme.
        assert.equal(JSON.parse(curl("-H", "X-Forwarded-Proto: https", `http://127.0.0.1:${direct}/`)).scheme, "http");
        assert.match(curl("-i", `http://localhost:${port}/a?b`), new RegExp(`^HTTP/1\\.1 308 [^]*Location: https://localhost:${tlsPort}/a\\?b`, "i"));

        assert.equal(https("/static/a.txt"), "public");
        assert.equal(https("/secret/a.txt"), "private");
        // The application itself sends no more than a header: it was nginx that read the file.
        assert.match(curl("-i", `http://127.0.0.1:${direct}/secret/a.txt`), /x-accel-redirect: \/accel\/a\.txt/i);
        assert.equal(https("/accel/a.txt", "-o", "/dev/null", "-w", "%{http_code}"), "404");
      });
    });
  });
});

test("tsgi init nginx: reloads of tsgi under load cost no request, and a slow client holds no worker", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const port = await freePort();
    init(folder, "-n", "app", "-b", `unix:${join(folder, "s.sock")}`, "--port", String(port), "-o", ".");
    // One worker that serves one request at a time: who holds it holds up everybody.
    await withServer({ args: ["-k", "sync", "-b", "unix:s.sock", "--log-level", "debug", "app.ts"], cwd: folder }, async (server) => {
      await server.serving(1);
      await withNginx({ folder, site: "app.conf", port }, async () => {
        const slow = [await say(port, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"), await say(port, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")];
        slow[1]!.pause();
        const { length, seen } = JSON.parse(curl("--data", "abcd", `http://127.0.0.1:${port}/quick`));
        assert.equal(length, 4);
        // Of an upload that is not whole yet, no worker knows; of an answer that is not read yet, no worker any more.
        assert.deepEqual([seen.includes("/slow"), seen.at(-1)], [false, "/quick"]);

        let enough = false;
        let asked = 0;
        const clients = load({ to: { port }, clients: 8, requests: 1_000_000, more: () => ++asked < 200 || !enough });
        const keeping = load({ to: { port }, clients: 4, keepAlive: true, requests: 1_000_000, more: () => !enough });
        for (const generation of [2, 3]) {
          server.signal("HUP");
          await server.logged(new RegExp(`Reloaded: generation ${generation} serves`));
        }
        enough = true;
        for (const { failed, failures, answered } of await Promise.all([clients, keeping])) {
          assert.equal(failed, 0, JSON.stringify(failures));
          assert.ok(answered > 0);
        }
        for (const socket of slow) socket.destroy();
      });
    });
  });
});

test("tsgi init nginx: of several machines one is down and one says 503, and a GET gets its answer", async () => {
  const busy = createServer((socket) => socket.on("data", () => socket.end("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")).on("error", () => {}));
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  await withFolder({ "app.ts": says("well") }, async (folder) => {
    const [port, down] = [await freePort(), await freePort()];
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const binds = [`127.0.0.1:${await server.port()}`, `127.0.0.1:${(busy.address() as { readonly port: number }).port}`];
      for (const other of [binds[1]!, `127.0.0.1:${down}`]) {
        init(folder, "-n", "app", "-f", "-b", other, "-b", binds[0]!, "--port", String(port), "-o", ".");
        await withNginx({ folder, site: "app.conf", port }, async () => {
          for (let i = 0; i < 8; i++) assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "well");
        });
      }
    });
  });
  busy.close();
});

test("tsgi init nginx: an Upgrade goes through, and nothing of it where none was asked for", async () => {
  const heads: string[] = [];
  const backend = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      heads.push(String(bytes));
      const isUpgrade = /^upgrade:/im.test(String(bytes));
      socket.end(isUpgrade ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello" : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  await withFolder({}, async (folder) => {
    const port = await freePort();
    init(folder, "-n", "my-app", "-b", `127.0.0.1:${(backend.address() as { readonly port: number }).port}`, "--port", String(port), "-o", ".");
    await withNginx({ folder, site: "my-app.conf", port }, async () => {
      const socket = await say(port, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      let text = "";
      for await (const bytes of socket) text += String(bytes);
      assert.match(text, /^HTTP\/1\.1 101 [^]*\r\n\r\nhello$/);
      await (await fetch(`http://127.0.0.1:${port}/`)).text();
    });
  });
  backend.close();
  assert.match(heads[0]!, /\r\nUpgrade: websocket\r\n/);
  assert.match(heads[0]!, /\r\nConnection: upgrade\r\n/);
  assert.match(heads[1]!, /\r\nConnection: close\r\n/);
  assert.doesNotMatch(heads[1]!, /\r\nUpgrade:/);
});

async function say(port: number, text: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  return socket;
}
