/** TLS in the server, with certificates of an authority of our own: every class of workers, reloads, renewals, and what is refused. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { join } from "node:path";
import { test } from "node:test";
import { hold } from "../../runtimes/sockets.ts";
import { Authority } from "./authority.ts";
import { load } from "./load.ts";
import { curl, program, runtime, Server, withFolder, withServer } from "./server.ts";

const APP = `
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  const { HTTPS = null, SERVER_PORT, HTTP_HOST, PATH_INFO, QUERY_STRING, REMOTE_ADDR } = environ;
  return [JSON.stringify({ scheme: environ["tsgi.url_scheme"], HTTPS, SERVER_PORT, HTTP_HOST, PATH_INFO, QUERY_STRING, REMOTE_ADDR, pid: process.pid })];
};
`;

interface Setting {
  readonly folder: string;
  readonly authority: Authority;
  readonly pair: { readonly certificate: string; readonly key: string };
  readonly args: readonly string[];
}

/** A folder with the application and a certificate for localhost, and the arguments that serve them. */
function withPair<T>(use: (setting: Setting) => Promise<T>, app = APP): Promise<T> {
  return withFolder({ "app.ts": app }, (folder) => {
    const authority = new Authority(folder);
    const pair = authority.issue("server");
    return use({ folder, authority, pair, args: ["-b", "127.0.0.1:0", "--certfile", "server.pem", "--keyfile", "server-key.pem"] });
  });
}

/** What a server that does not start says of why. */
async function refusal(folder: string, args: readonly string[]): Promise<string> {
  const server = new Server({ args: [...args, "app.ts"], cwd: folder });
  assert.deepEqual(await server.ended, { code: 1, signal: null }, server.log);
  assert.doesNotMatch(server.log, /\n +at /);
  return server.log;
}

/** The subject of the certificate that a server shows for `name`. */
function subject(port: number, name: string): string {
  const said = execFileSync("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", name], { input: "", encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] });
  return /^subject=.*?CN ?= ?(.*)$/m.exec(said)?.[1] ?? "none";
}

const CLASSES: readonly (readonly string[])[] = [[], ["-k", "sync", "-w", "2"], ["-w", "2", "--reuse-port"], ...(runtime === "node" ? [] : [["--threads", "2"]])];
for (const args of CLASSES) {
  test(`--certfile serves HTTP/1.1 over TLS (${args.join(" ") || "async"})`, async () => {
    await withPair(async ({ folder, authority, args: tls }) => {
      await withServer({ args: [...tls, ...args, "app.ts"], cwd: folder }, async (server) => {
        const port = await server.port();
        assert.match(server.log, /Listening at: https:\/\/127\.0\.0\.1:\d+ /);
        const { pid, ...environ } = JSON.parse(curl("--http1.1", "--cacert", authority.ca, `https://localhost:${port}/a%20b?c=d`));
        assert.ok(pid > 0);
        assert.deepEqual(environ, { scheme: "https", HTTPS: "on", SERVER_PORT: String(port), HTTP_HOST: `localhost:${port}`, PATH_INFO: "/a b", QUERY_STRING: "c=d", REMOTE_ADDR: "127.0.0.1" });
        const report = await load({ to: { port, ca: readFileSync(authority.ca, "utf8") }, clients: 4, requests: 60, keepAlive: true });
        assert.deepEqual([report.failed, report.failures], [0, {}]);
        // Whoever speaks plain HTTP there gets no answer.
        assert.throws(() => curl(`http://localhost:${port}/`));
      });
    });
  });
}

test("a certificate's file may have the key, and a Fetch application sees https", async () => {
  const app = `export default { fetch: (request) => new Response(request.url) };`;
  await withPair(async ({ folder, authority, pair }) => {
    writeFileSync(join(folder, "both.pem"), readFileSync(pair.key, "utf8") + readFileSync(pair.certificate, "utf8"));
    await withServer({ args: ["-b", "127.0.0.1:0", "--certfile", "both.pem", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal(curl("--cacert", authority.ca, `https://localhost:${port}/x?y`), `https://localhost:${port}/x?y`);
    });
  }, app);
});

test("HTTP/2 is offered by ALPN: always on Deno, with --http-protocols h1,h2 on Bun", { skip: runtime === "node" }, async () => {
  await withPair(async ({ folder, authority, args }) => {
    for (const asked of [[], ["--http-protocols", "h1,h2"]]) {
      await withServer({ args: [...args, ...asked, "app.ts"], cwd: folder }, async (server) => {
        const port = await server.port();
        const said = curl("--cacert", authority.ca, "-w", " %{http_version}", `https://localhost:${port}/`);
        assert.match(said, runtime === "deno" || asked.length > 0 ? / 2$/ : / 1\.1$/);
        const { HTTP_HOST, scheme } = JSON.parse(said.slice(0, said.lastIndexOf(" ")));
        assert.deepEqual([HTTP_HOST, scheme], [`localhost:${port}`, "https"]);
      });
    }
  });
});

test("HUP under HTTP/2: one connection's requests go on at the new workers, and none is lost that was taken", { skip: runtime === "node" }, async () => {
  await withPair(async ({ folder, authority, args }) => {
    await withServer({ args: [...args, "-w", "2", "--http-protocols", "h1,h2", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      const client = spawn("curl", ["-sS", "--cacert", authority.ca, "-w", "\n%{http_code} %{http_version}\n", "--rate", "200/s", `https://localhost:${port}/[1-1000]`], { stdio: ["ignore", "pipe", "ignore"] });
      let said = "";
      client.stdout.setEncoding("utf8").on("data", (text) => (said += text));
      const ended = new Promise<void>((resolve) => client.on("close", () => resolve()));
      await server.until(() => said.includes("200 2"), "the first answer");
      server.signal("HUP");
      await server.logged(/Reloaded: generation 2 serves/);
      await ended;
      const answers = [...said.matchAll(/^(\d{3}) (\S+)$/gm)].map(([, status, version]) => `${status} ${version}`);
      // Bun refuses what crosses its GOAWAY, which may be sent again, as this curl does not do by itself.
      const refused = answers.filter((answer) => answer === "000 0").length;
      assert.deepEqual([answers.length, answers.filter((answer) => answer === "200 2").length], [1000, 1000 - refused]);
      assert.ok(refused <= (runtime === "bun" ? 1 : 0), `${refused} requests were refused`);
      const pids = new Set([...said.matchAll(/"pid":(\d+)/g)].map(([, pid]) => pid));
      assert.ok(pids.size >= 2, "the same worker to the end");
      assert.doesNotMatch(server.log, /SIGKILL/);
    });
  });
});

test("--redirect-http answers 308 to https at the port of bind, and nothing else", async () => {
  await withPair(async ({ folder, authority, args }) => {
    await withServer({ args: [...args, "--redirect-http", "127.0.0.1:0", "-w", "2", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      const [, plain] = /,http:\/\/127\.0\.0\.1:(\d+) /.exec(server.log)!;
      const ask = () => curl("-i", "-X", "POST", "-d", "x", `http://localhost:${plain}/a%20b?c=d`);
      assert.match(ask(), new RegExp(`^HTTP/1\\.1 308 [^]*\\r\\nlocation: https://localhost:${port}/a%20b\\?c=d\\r\\n`, "i"));
      assert.equal(JSON.parse(curl("--cacert", authority.ca, "-L", `http://localhost:${plain}/there`)).PATH_INFO, "/there");
      assert.match(curl("-i", "-H", "Host: evil/x", `http://localhost:${plain}/`), /^HTTP\/1\.1 400 /);
      server.signal("HUP");
      await server.logged(/Reloaded: generation 2 serves/);
      assert.match(ask(), /^HTTP\/1\.1 308 /);
    });
  });
});

test("a renewed certificate is served without a signal and without a failed request, and a bad one leaves the old", async () => {
  await withPair(async ({ folder, authority, pair, args }) => {
    await withServer({ args: [...args, "-w", "2", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      assert.equal(subject(port, "localhost"), "server");
      const to = { port, ca: readFileSync(authority.ca, "utf8") };
      let enough = false;
      const clients = [load({ to, clients: 2, requests: 100_000, more: () => !enough }), load({ to, clients: 2, keepAlive: true, requests: 100_000, more: () => !enough })];
      const renewed = authority.issue("renewed");
      renameSync(renewed.key, pair.key);
      renameSync(renewed.certificate, pair.certificate);
      await server.logged(/Certificates have changed: reloading/);
      await server.logged(/Reloaded: generation 2 serves/);
      assert.equal(subject(port, "localhost"), "renewed");

      const from = server.log.length;
      writeFileSync(pair.key, "no key");
      const [, reason] = await server.logged(/Reload failed.* keeps serving: (.*)/, { from });
      assert.match(reason!, /Cannot use --keyfile: there is no private key in .*server-key\.pem: expected PEM/);
      assert.equal(subject(port, "localhost"), "renewed");
      enough = true;
      for (const { failed, failures, answered } of await Promise.all(clients)) {
        assert.equal(failed, 0, JSON.stringify(failures));
        assert.ok(answered > 0);
      }
      // Once it is mended, it is taken.
      const mended = authority.issue("mended");
      renameSync(mended.key, pair.key);
      renameSync(mended.certificate, pair.certificate);
      await server.logged(/Reloaded: generation 3 serves/);
      assert.equal(subject(port, "localhost"), "mended");
    });
  });
});

test("an expired certificate is served with a warning, and tsgi doctor calls it an error", async () => {
  await withPair(async ({ folder, authority, args }) => {
    authority.issue("server", "DNS:localhost", -1);
    await withServer({ args: [...args, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.match(server.log, /\[WARNING\] The certificate in .*server\.pem expired on \d{4}-.*: clients refuse it/);
      assert.equal(JSON.parse(curl("-k", `https://localhost:${port}/`)).scheme, "https");
    });
    const [command = "", ...before] = program();
    const { status, stdout } = spawnSync(command, [...before, "doctor", ...args, "app.ts"], { cwd: folder, encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stdout, /error +certificate +.*server\.pem has expired/);
  });
});

test("what cannot be served over TLS is refused, all at once", async () => {
  await withPair(async ({ folder, authority }) => {
    const other = authority.issue("other");
    writeFileSync(join(folder, "junk.pem"), "junk");
    execFileSync("openssl", ["pkcs8", "-topk8", "-in", other.key, "-out", join(folder, "locked.pem"), "-passout", "pass:x"]);
    const said = async (...args: readonly string[]) => (await refusal(folder, args)).split("\n").filter((line) => line.startsWith("Error: "));
    const tls = (certificate: string, key: string) => ["-b", "127.0.0.1:0", "--certfile", certificate, "--keyfile", key];
    assert.deepEqual(await said(...tls("server.pem", "other-key.pem")), [`Error: Cannot use --keyfile: the key in ${folder}/other-key.pem is not that of the certificate in ${folder}/server.pem`]);
    assert.deepEqual(await said(...tls("none.pem", "junk.pem")), [
      `Error: Cannot use --certfile: there is no file ${folder}/none.pem`,
      `Error: Cannot use --keyfile: there is no private key in ${folder}/junk.pem: expected PEM, which begins with -----BEGIN PRIVATE KEY-----`,
    ]);
    assert.match((await said(...tls("server.pem", "locked.pem"))).join(), /the key in .*locked\.pem is encrypted/);
    assert.match((await said("--keyfile", "server-key.pem", "--redirect-http", ":8080")).join("\n"), /^Error: Cannot use --keyfile: there is no TLS.*\nError: Cannot use --redirect-http: there is no TLS without a certificate, add --certfile$/);
    assert.match((await said("-b", "unix:s.sock", "--certfile", "server.pem", "--keyfile", "server-key.pem")).join(), /is a unix socket, which is served without TLS/);
  });
});

test("an inherited unix socket is not served as if it were secure", { skip: runtime === "node" }, async () => {
  await withPair(async ({ folder, args }) => {
    const held = await hold({ kind: "unix", path: join(folder, "s.sock") }, { backlog: 8, mode: "shared" });
    const server = new Server({ args: ["-b", "fd://3", ...args.slice(2), "app.ts"], cwd: folder, descriptor: held.descriptor(0)! });
    assert.equal((await server.ended).code, 1);
    assert.match(server.log, /Reason: Cannot serve unix:.*s\.sock over TLS: it is a unix socket/);
    held.close();
  });
});

test("certificates by server name (SNI)", async () => {
  await withPair(async ({ folder, authority, args }) => {
    authority.issue("one", "DNS:one.test,DNS:*.one.test");
    const twice = [...args, "--certfile", "one.pem", "--keyfile", "one-key.pem"];
    if (runtime === "deno") return assert.match(await refusal(folder, twice), /Cannot use --certfile: Deno's server has one certificate: use --runtime bun or node/);
    await withServer({ args: [...twice, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      const found = ["localhost", "one.test", "www.one.test", "elsewhere.test"].map((name) => subject(port, name));
      assert.deepEqual(found, ["server", "one", "one", "server"]);
    });
  });
});

test("--cert-reqs 2 lets in who has a certificate of --ca-certs", async () => {
  await withPair(async ({ folder, authority, args }) => {
    const client = authority.issue("client", "DNS:client.test");
    const asking = [...args, "--ca-certs", "ca.pem", "--cert-reqs", "2"];
    if (runtime === "deno") return assert.match(await refusal(folder, asking), /Cannot use --cert-reqs: Deno's server asks clients for no certificates: use --runtime bun or node/);
    await withFolder({}, async (elsewhere) => {
      const stranger = new Authority(elsewhere, "elsewhere").issue("stranger");
      await withServer({ args: [...asking, "app.ts"], cwd: folder }, async (server) => {
        const url = `https://localhost:${await server.port()}/`;
        const ask = (...more: readonly string[]) => curl("--cacert", authority.ca, ...more, url);
        assert.equal(JSON.parse(ask("--cert", client.certificate, "--key", client.key)).scheme, "https");
        assert.throws(() => ask());
        assert.throws(() => ask("--cert", stranger.certificate, "--key", stranger.key));
      });
    });
  });
});

test("--tls-min-version and --ciphers hold, or are refused", async () => {
  await withPair(async ({ folder, authority, args }) => {
    const newest = [...args, "--tls-min-version", "1.3"];
    const chosen = [...args, "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"];
    if (runtime === "deno") {
      assert.match(await refusal(folder, newest), /Cannot use --tls-min-version: Deno's server always takes 1\.2 and 1\.3/);
      assert.match(await refusal(folder, chosen), /Cannot use --ciphers: Deno's server has its own/);
      return assert.match(await refusal(folder, [...args, "--http-protocols", "h1"]), /Cannot use --http-protocols: Deno's server always offers HTTP\/2/);
    }
    const ask = (port: number, ...more: readonly string[]) => JSON.parse(curl("--cacert", authority.ca, ...more, `https://localhost:${port}/`)).scheme;
    await withServer({ args: [...newest, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal(ask(port), "https");
      assert.throws(() => ask(port, "--tls-max", "1.2"));
    });
    await withServer({ args: [...chosen, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal(ask(port, "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"), "https");
      assert.throws(() => ask(port, "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"));
    });
    assert.match(await refusal(folder, [...args, "--ciphers", "NONSENSE"]), /Cannot use --ciphers: "NONSENSE" names no cipher/);
  });
});

const ECHO = runtime === "bun"
  ? `export default { fetch: (request, server) => server.upgrade(request) ? undefined : new Response("no"), websocket: { message(socket, data) { socket.send(data); } } };`
  : `export default { fetch(request) {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
} };`;

test("a WebSocket over TLS echoes, and is closed with 1001 by a reload", { skip: runtime === "node" }, async () => {
  await withPair(async ({ folder, authority, args }) => {
    await withServer({ args: [...args, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      const socket = connectTls({ host: "127.0.0.1", port, ca: readFileSync(authority.ca), servername: "localhost" });
      const heard = hear(socket);
      socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
      await heard((bytes) => bytes.includes("HTTP/1.1 101") && bytes.includes("\r\n\r\n"));
      socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])); // "hi", masked with zeros.
      await heard((bytes) => bytes.includes(Buffer.from([0x81, 2, 0x68, 0x69])));
      server.signal("HUP");
      await heard((bytes) => bytes.includes(Buffer.from([0x03, 0xe9]))); // 1001.
      socket.destroy();
      await server.logged(/Reloaded: generation 2 serves/);
    });
  }, ECHO);
});

/** Waits until what has come so far is as it should be. */
function hear(socket: TLSSocket): (isThere: (bytes: Buffer) => boolean) => Promise<void> {
  let bytes = Buffer.alloc(0);
  let look = () => {};
  let failure: Error | null = null;
  socket.on("data", (more: Buffer) => {
    bytes = Buffer.concat([bytes, more]);
    look();
  });
  socket.on("error", (error) => {
    failure = error;
    look();
  });
  return (isThere) => new Promise((resolve, reject) => {
    look = () => {
      if (isThere(bytes)) resolve();
      else if (failure !== null) reject(failure);
    };
    look();
  });
}
