import assert from "node:assert/strict";
import { existsSync, mkdtempSync, realpathSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { wrapCgi } from "../../adapters/cgi.ts";
import { lint } from "../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../core/gateway/testing.ts";
import type { RunResult } from "../../core/gateway/testing.ts";
import { toFetch } from "../../core/gateway/to_fetch.ts";
import type { App } from "../../core/gateway/types.ts";
import { Recorder, signalOf } from "../core/gateway/exercise.ts";
import { RawClient, withServer } from "../core/gateway/live.ts";

const OK = "printf 'Content-Type: text/plain\\n\\n';";

/** A program that a shell runs. */
function script(text: string, env: Record<string, string> = {}): App {
  return wrapCgi("/bin/sh", { args: ["-c", text], env: { PATH: process.env.PATH ?? "", ...env } });
}

function run(text: string, environ = testEnviron("/")): Promise<RunResult> {
  return runApp(lint(script(text)), environ);
}

function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tsgi-cgi-")));
  return use(folder).finally(() => rmSync(folder, { recursive: true }));
}

test("T732 wrapCgi() under toFetch() gives status, headers and body of the program, and exports no HTTP_PROXY", async () => {
  await inFolder(async (folder) => {
    const path = join(folder, "hello.cgi");
    const lines = [
      "#!/bin/sh", "printf 'Status: 203 Made Up\\r\\nContent-Type: text/plain\\r\\nSet-Cookie: a=1\\r\\nSet-Cookie: b=2\\r\\n\\r\\n'",
      'echo "$REQUEST_METHOD $SCRIPT_NAME $PATH_INFO $QUERY_STRING $HTTP_X_A $GATEWAY_INTERFACE $SERVER_PROTOCOL"', "pwd", "env", "cat",
    ];
    writeFileSync(path, lines.join("\n"), { mode: 0o755 });
    const app = wrapCgi(path, { env: { MY: "1", HTTP_PROXY: "http://evil", PATH: process.env.PATH ?? "" } });
    const errors = new Recorder();
    const handle = toFetch(app, { scriptName: "/hello", errors, environ: { HTTP_PROXY: "http://evil" } });
    const headers = { "X-A": "b", Proxy: "http://evil" };
    const response = await handle(new Request("http://h/hello/caf%C3%A9?x=%20", { method: "POST", body: "posted", headers }));
    assert.deepEqual([response.status, response.statusText], [203, "Made Up"]);
    assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
    const text = await response.text();
    assert.equal(text.split("\n")[0], "POST /hello /caf\u00e9 x=%20 b CGI/1.1 HTTP/1.1");
    assert.equal(text.split("\n")[1], folder);
    assert.match(text, /^MY=1$/m);
    assert.doesNotMatch(text, /HTTP_PROXY|evil/);
    assert.match(text, /posted$/);
    assert.equal(errors.text, "");
  });
});

test("wrapCgi() gives the program PATH and the request, and nothing else of this process", async () => {
  process.env.TSGI_SECRET_OF_THE_TEST = "1";
  const { text } = await runApp(wrapCgi("/bin/sh", { args: ["-c", `${OK} env`] }), testEnviron({ REMOTE_USER: "me", HTTP_AUTHORIZATION: "Basic x" }));
  delete process.env.TSGI_SECRET_OF_THE_TEST;
  assert.match(text, /^PATH=/m);
  assert.match(text, /^REMOTE_USER=me$/m);
  assert.doesNotMatch(text, /SECRET|AUTHORIZATION|tsgi\./);
  assert.match((await run(`${OK} env`, testEnviron({ HTTP_AUTHORIZATION: "Basic x" }))).text, /^HTTP_AUTHORIZATION=Basic x$/m);
});

test("wrapCgi() answers 200 without Status, 302 with Location, and takes LF, CRLF and a bare code", async () => {
  const cases: readonly [text: string, status: string, headers: [string, string][], body: string][] = [
    ["printf 'Content-Type: a/b\\n\\nx'", "200 OK", [["Content-Type", "a/b"]], "x"],
    ["printf 'Location: /there\\r\\n\\r\\n'", "302 Found", [["Location", "/there"], ["Content-Length", "0"]], ""],
    ["printf 'Status: 404\\nContent-Type:a/b \\n\\n\\nx\\n'", "404 Not Found", [["Content-Type", "a/b"]], "\nx\n"],
    ["printf 'Status: 204 No Content\\nConnection: close\\n\\n'", "204 No Content", [], ""],
    ["printf 'Content-T'; sleep 0.05; printf 'ype: a/b\\r'; sleep 0.05; printf '\\n\\r'; sleep 0.05; printf '\\nx'", "200 OK", [["Content-Type", "a/b"]], "x"],
  ];
  for (const [text, status, headers, body] of cases) {
    const result = await run(text);
    assert.deepEqual([result.status, result.headers, result.text, result.error], [status, headers, body, null], text);
  }
});

test("wrapCgi() answers 502 to a program that fails or answers garbage, and says why", async () => {
  const cases: readonly [text: string, why: RegExp][] = [
    ["exit 3", /it ended without one/],
    ["kill -9 $$", /it ended without one; it was ended by SIGKILL/],
    ["echo oops >&2; exit 1", /oops\n/],
    ["printf 'Content-Type: a/b\\n'", /before the blank line/],
    ["printf '\\nhello'", /it has no headers/],
    ["printf 'hello, world\\n\\n'", /a line of it is no header: "hello, world"/],
    ["printf 'A: b\\n folded\\n\\n'", /a line of it is no header/],
    ["printf 'HTTP/1.1 200 OK\\r\\nContent-Type: a/b\\r\\n\\r\\n'", /NPH script's does, which is not supported: begin with Status:/],
    ["printf 'Status: 99 Low\\n\\n'", /its Status is "99 Low"/],
    ["printf 'Status: 101 Switching Protocols\\n\\n'", /its Status is "101/],
    ["printf 'Status: 200 OK\\nX-A: \\001\\n\\n'", /header X-A: it contains a control character/],
    ["printf 'Status: 200 OK\\nContent-Length: x\\n\\n'", /Content-Length/],
    ["head -c 70000 /dev/zero | tr '\\0' a", /longer than 65536 bytes/],
  ];
  for (const [text, why] of cases) {
    const { status, errors, text: body } = await runApp(script(text));
    assert.deepEqual([status, body], ["502 Bad Gateway", "Bad Gateway\n"], text);
    assert.match(errors, why);
    assert.match(errors, /Cannot use the answer of \/bin\/sh: /);
  }
});

test("wrapCgi() answers 500 if the program cannot be started", async () => {
  await inFolder(async (folder) => {
    const plain = join(folder, "plain.cgi");
    writeFileSync(plain, "#!/bin/sh\n", { mode: 0o644 });
    for (const path of [plain, join(folder, "none.cgi"), "no-such-program-anywhere"]) {
      const { status, errors } = await runApp(wrapCgi(path));
      assert.equal(status, "500 Internal Server Error");
      assert.match(errors, /Cannot start the CGI program .*(?:plain\.cgi|none\.cgi|no-such-program-anywhere) in /);
    }
  });
});

test("wrapCgi() logs what the program writes to stderr, and an exit code that is not 0", async () => {
  const { text, errors, error } = await run(`echo careful >&2; ${OK} echo fine; exit 7`);
  assert.deepEqual([text, error], ["fine\n", null]);
  assert.match(errors, /careful\n/);
  assert.match(errors, /The CGI program \/bin\/sh ended with exit code 7\n/);
});

test("wrapCgi() breaks the response off if the program is killed while it answers", async () => {
  const { text, error } = await run(`${OK} printf begun; kill -9 $$`);
  assert.equal(text, "begun");
  assert.match(String(error), /Cannot send the rest of the answer of \/bin\/sh: it was ended by SIGKILL/);
});

test("wrapCgi() sends a body of unknown length with its CONTENT_LENGTH, and answers 411 if it is too long to keep", async () => {
  const stream = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();
  const count = wrapCgi("/bin/sh", { args: ["-c", `${OK} printf "$CONTENT_LENGTH "; cat`], maxBuffered: 5 });
  const environ = (input: string) => testEnviron("/", { method: "POST", input: stream(input) });
  assert.equal((await runApp(count, environ("hello"))).text, "5 hello");
  assert.equal((await runApp(count, environ("hello!"))).status, "411 Length Required");
  assert.equal((await runApp(count, testEnviron("/"))).text, "0 ");
});

test("wrapCgi() answers 400 to a path that no environment can hold", async () => {
  for (const path of ["/%ff", "/%00"]) assert.equal((await run(`${OK}`, testEnviron(path))).status, "400 Bad Request", path);
});

test("wrapCgi() lets a program leave its input alone", async () => {
  const environ = testEnviron("/", { method: "POST", input: new Uint8Array(1 << 20) });
  assert.equal((await run(`exec 0<&-; ${OK} echo done`, environ)).text, "done\n");
});

test("wrapCgi() streams megabytes both ways at once", async () => {
  const environ = testEnviron("/", { method: "POST", input: new Uint8Array(8 << 20).fill(97) });
  const { body, error } = await run(`${OK} cat`, environ);
  assert.deepEqual([body.length, error], [8 << 20, null]);
});

test("wrapCgi() gives each part when it comes, and ends the program by SIGPIPE when the body is closed", async () => {
  await inFolder(async (folder) => {
    const end = join(folder, "end");
    // The shell around `yes` tells how it ended: with 128 + SIGPIPE.
    const chunks = await start(script(`${OK} printf first; yes; echo $? >${end}`));
    const { value } = await chunks.next();
    assert.equal(new TextDecoder().decode(value as Uint8Array).slice(0, 5), "first");
    await chunks.close();
    await written(end);
  });
});

test("wrapCgi() holds a program back that writes more than is read", async () => {
  await inFolder(async (folder) => {
    const end = join(folder, "end");
    const chunks = await start(script(`${OK} head -c 8388608 /dev/zero; echo >${end}`));
    let size = ((await chunks.next()).value as Uint8Array).length;
    // Time enough for the rest, if anybody took it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(existsSync(end), false);
    for (let result = await chunks.next(); !result.done; result = await chunks.next()) size += (result.value as Uint8Array).length;
    assert.equal(size, 8_388_608);
    await written(end);
    await chunks.close();
  });
});

test("wrapCgi() answers HEAD without waiting for the program's body", async () => {
  const { status, text, error } = await run(`${OK} yes`, testEnviron("/", { method: "HEAD" }));
  assert.deepEqual([status, text, error], ["200 OK", "", null]);
});

test("wrapCgi() makes the program end when the client goes, before the answer and within it", async () => {
  await inFolder(async (folder) => {
    for (const [name, before] of [["before", ""], ["within", `${OK} printf 'begun'; `]] as const) {
      const [ready, ended] = [join(folder, `${name}.ready`), join(folder, `${name}.ended`)];
      const app = script(`trap 'echo term >${ended}; exit 0' TERM; ${before} echo up >${ready}; while :; do sleep 0.05; done`);
      const errors = new Recorder();
      const over = signalOf();
      const watched: App = (environ, startResponse) => {
        environ["tsgi.response_finished"]!.push(() => over.resolve());
        void environ["tsgi.signal"];
        return app(environ, startResponse);
      };
      await withServer(toFetch(watched, { errors }), async ({ port }) => {
        const client = new RawClient(port);
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        if (before !== "") await client.until((text) => text.includes("begun"));
        await written(ready);
        client.reset();
        await written(ended);
        await over.promise;
      });
      assert.equal(errors.text, "", name);
    }
  });
});

/** Calls an application and gives its chunks by hand. */
async function start(app: App): Promise<{ next(): Promise<IteratorResult<unknown>>; close(): Promise<void> }> {
  const body = await app(testEnviron("/"), () => () => Promise.resolve()) as AsyncIterable<Uint8Array> & { close(): void | Promise<void> };
  const iterator = body[Symbol.asyncIterator]();
  return { next: () => iterator.next(), close: async () => await body.close() };
}

/** Resolves when there is something in the file. */
async function written(path: string): Promise<void> {
  const isWritten = (): boolean => existsSync(path) && statSync(path).size > 0;
  const { promise, resolve } = signalOf();
  const watcher = watch(dirname(path), () => {
    if (isWritten()) resolve();
  });
  if (!isWritten()) await promise;
  watcher.close();
}
