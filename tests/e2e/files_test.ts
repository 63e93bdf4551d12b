/** Files sent by a real server: every byte, the log line, the descriptor, whatever the client and the file do meanwhile. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { curl, root, type Server, withFolder, withServer } from "./server.ts";

const SIZE = 40_000_000;
const LIBRARY = join(root, "runtimes/static_files.ts");
const APP = `
import { staticFiles } from ${JSON.stringify(LIBRARY)};
const iterating = (app) => async (environ, start) => {
  const body = await app(environ, start);
  const chunks = async function* () {
    for await (const chunk of body) yield chunk;
  };
  return { [Symbol.asyncIterator]: chunks, close: () => body.close?.() };
};
const own = (environ, start) => {
  let left = 3;
  const file = { read: () => left-- > 0 ? new TextEncoder().encode("block ") : null, close: () => environ["tsgi.errors"].write("closed by the gateway\\n") };
  environ["tsgi.response_finished"].push((_environ, status) => environ["tsgi.errors"].write("finished " + status + "\\n"));
  start("200 OK", [["Content-Type", "text/plain"]]);
  return environ["tsgi.file_wrapper"](file);
};
const files = staticFiles({ "/files": "files" });
const [plain, wrapped] = [files(own), iterating(files(own))];
export default (environ, start) => (environ.HTTP_X_WRAPPED ? wrapped : plain)(environ, start);`;

function withFiles(args: readonly string[], use: (server: Server, file: string, folder: string) => Promise<void>): Promise<void> {
  return withFolder({ "app.ts": APP }, async (folder) => {
    mkdirSync(join(folder, "files"));
    const file = join(folder, "files/big.bin");
    writeFileSync(file, content());
    await withServer({ args: [...args, "app.ts"], cwd: folder }, (server) => use(server, file, folder));
  });
}

/** Bytes of which no two regions are alike. */
function content(): Uint8Array {
  const bytes = new Uint32Array(SIZE / 4);
  for (let at = 0, x = 1; at < bytes.length; at++) bytes[at] = x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
  return new Uint8Array(bytes.buffer);
}

function hash(text: string | Uint8Array): string {
  return createHash("sha1").update(typeof text === "string" ? Buffer.from(text, "latin1") : text).digest("hex");
}

/** Asks for the file and reads only the beginning of the answer. */
function begin(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /files/big.bin HTTP/1.1\r\nHost: a\r\n\r\n"));
    socket.on("error", reject);
    socket.once("data", () => {
      socket.pause();
      resolve(socket);
    });
  });
}

function isOpen(pid: number, file: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(file);
    } catch {
      return false; // Closed since it was listed.
    }
  });
}

test("file_wrapper sends every byte of a file, whole or in part, to a slow client and a quick one, and the log counts them", async () => {
  await withFiles(["-b", "127.0.0.1:0", "--access-logfile", "-"], async (server, file) => {
    const url = `http://127.0.0.1:${await server.port()}/files/big.bin`;
    const expected = readFileSync(file);
    assert.equal(hash(curl(url)), hash(expected));
    assert.equal(hash(curl("--limit-rate", "30M", url)), hash(expected), "slowly");
    assert.equal(hash(curl("-H", "X-Wrapped: 1", url)), hash(expected), "through a middleware that iterates");
    assert.equal(hash(curl("-r", "1000003-30000001", url)), hash(expected.subarray(1_000_003, 30_000_002)));
    const head = curl("-I", url);
    assert.match(head, /content-length: 40000000\r\n/i);
    assert.doesNotMatch(head, /content-disposition|transfer-encoding/i);
    const etag = /etag: (.*)\r\n/i.exec(head)![1]!;
    assert.equal(curl("-o", "/dev/null", "-w", "%{http_code} %{size_download}", "-H", `If-None-Match: ${etag}`, url), "304 0");
    await server.until(() => server.out.split("\n").length > 6, "six lines");
    const lines = [...server.out.matchAll(/"(\w+) \/files\/big\.bin HTTP\/1\.1" (\d+) (\S+)/g)].map(([, ...fields]) => fields.join(" "));
    assert.deepEqual(lines, ["GET 200 40000000", "GET 200 40000000", "GET 200 40000000", "GET 206 28999999", "HEAD 200 0", "GET 304 0"]);
    const [pid = 0] = server.workers();
    await server.until(() => !isOpen(pid, file), "all descriptors closed");
  });
});

test("file_wrapper closes an application's own file, and response_finished follows", async () => {
  await withFiles(["-b", "127.0.0.1:0"], async (server) => {
    assert.equal(curl(`http://127.0.0.1:${await server.port()}/own`), "block block block ");
    await server.logged(/closed by the gateway[^]*finished 200 OK/);
  });
});

test("file_wrapper sends through a unix socket", async () => {
  await withFiles(["-b", "unix:tsgi.sock"], async (server, file, folder) => {
    await server.logged(/Listening at/);
    await server.until(() => curl("--unix-socket", join(folder, "tsgi.sock"), "-o", "/dev/null", "-w", "%{http_code}", "http://a/own") === "200", "an answer");
    assert.equal(hash(curl("--unix-socket", join(folder, "tsgi.sock"), "http://a/files/big.bin")), hash(readFileSync(file)));
  });
});

test("file_wrapper lets go of the file when the client has vanished", async () => {
  await withFiles(["-b", "127.0.0.1:0", "--access-logfile", "-"], async (server, file) => {
    const port = await server.port();
    const [pid = 0] = server.workers();
    const socket = await begin(port);
    assert.ok(isOpen(pid, file), "while it is sent");
    socket.destroy();
    await server.until(() => !isOpen(pid, file), "the descriptor to be closed");
    const [, bytes] = await server.until(() => /big\.bin HTTP\/1\.1" 200 (\d+)/.exec(server.out), "a log line");
    assert.ok(Number(bytes) < SIZE, `${bytes} bytes`);
  });
});

test("file_wrapper closes the connection when the file has become shorter", async () => {
  await withFiles(["-b", "127.0.0.1:0"], async (server, file) => {
    const socket = await begin(await server.port());
    truncateSync(file, 1000);
    let bytes = 0;
    socket.on("data", (chunk: Uint8Array) => bytes += chunk.length);
    socket.resume();
    await new Promise((resolve) => socket.on("close", resolve));
    assert.ok(bytes < SIZE, String(bytes));
    await server.logged(/big\.bin: it has become shorter, \d+ bytes are missing/);
  });
});

test("file_wrapper keeps memory small however much it sends", async () => {
  await withFiles(["-b", "127.0.0.1:0"], async (server) => {
    const url = `http://127.0.0.1:${await server.port()}/files/big.bin`;
    const [pid = 0] = server.workers();
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
    curl("-o", "/dev/null", url);
    const before = resident();
    for (let time = 0; time < 6; time++) curl("-o", "/dev/null", url);
    const grown = resident() - before;
    assert.ok(grown < 20, `${grown} MiB more after 240 MB`);
  });
});
