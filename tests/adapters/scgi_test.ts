import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { test } from "node:test";
import { wrapScgi } from "../../adapters/scgi.ts";
import { lint } from "../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../core/gateway/testing.ts";
import { toFetch } from "../../core/gateway/to_fetch.ts";
import type { App } from "../../core/gateway/types.ts";
import { Recorder, signalOf } from "../core/gateway/exercise.ts";
import { RawClient, withServer } from "../core/gateway/live.ts";
import { withScgi } from "./scgi_server.ts";
import type { ScgiRequest } from "./scgi_server.ts";

const OK = "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n";

for (const kind of ["tcp", "unix"] as const) {
  test(`wrapScgi() sends variables and body to a server on ${kind} and gives its answer`, async () => {
    let seen: ScgiRequest["headers"] = new Map();
    await withScgi(async ({ headers, socket, body }) => {
      seen = headers;
      socket.end(`Status: 201 Made\r\nContent-Type: a/b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close\r\n\r\n${await body()}`);
    }, async (address) => {
      const app = wrapScgi(address, { env: { DOCUMENT_ROOT: "/srv", SCGI: "x", HTTP_PROXY: "x" } });
      const environ = testEnviron("http://h:81/a%20b/%ff?x=%20", { method: "POST", input: "posted", environ: { HTTP_X_A: "caf\u00e9", HTTP_PROXY: "x" } });
      const { status, headers, text, error, closed } = await runApp(lint(app), environ);
      assert.deepEqual([status, text, error, closed], ["201 Made", "posted", null, 1]);
      assert.deepEqual(headers, [["Content-Type", "a/b"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]);
    }, kind);
    assert.deepEqual([...seen.keys()][0], "CONTENT_LENGTH");
    assert.equal(seen.get("SCGI"), "1");
    assert.equal(seen.get("CONTENT_LENGTH"), "6");
    assert.equal(seen.get("PATH_INFO"), "/a b/\u00ff");
    assert.equal(seen.get("REQUEST_URI"), "/a%20b/%ff?x=%20");
    assert.equal(seen.get("QUERY_STRING"), "x=%20");
    assert.equal(seen.get("HTTP_X_A"), "caf\u00e9");
    assert.equal(seen.get("DOCUMENT_ROOT"), "/srv");
    assert.equal(seen.has("HTTP_PROXY"), false);
  });
}

test("wrapScgi() answers 502 to garbage and to a server that is not there, and says why", async () => {
  const cases: readonly [answer: string, why: RegExp][] = [
    ["", /it ended without one/],
    ["hello\r\n\r\n", /a line of it is no header: "hello"/],
    ["HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n", /not supported: begin with Status:/],
    ["Status: OK\r\n\r\n", /its Status is "OK"/],
    ["Status: 200 OK\r\nContent-Type: a/b", /before the blank line/],
  ];
  for (const [answer, why] of cases) {
    await withScgi(({ socket }) => void socket.end(answer), async (address) => {
      const { status, errors } = await runApp(wrapScgi(address));
      assert.equal(status, "502 Bad Gateway");
      assert.match(errors, why);
      assert.match(errors, /Cannot use the answer of the SCGI server 127\.0\.0\.1:\d+: /);
    });
  }
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  await new Promise((closed) => gone.close(closed));
  for (const address of [`127.0.0.1:${port}`, "unix:/no/such/socket"]) {
    const { status, errors } = await runApp(wrapScgi(address));
    assert.equal(status, "502 Bad Gateway");
    assert.match(errors, /^Cannot reach the SCGI server (?:127|unix)/);
  }
});

test("wrapScgi() answers 400 to a NUL in the path, which would be the end of a value", async () => {
  let calls = 0;
  await withScgi(({ socket }) => {
    calls++;
    socket.end(OK);
  }, async (address) => {
    assert.equal((await runApp(wrapScgi(address), testEnviron("/a%00HTTPS%00on"))).status, "400 Bad Request");
    assert.equal((await runApp(wrapScgi(address), testEnviron("/a"))).status, "200 OK");
  });
  assert.equal(calls, 1);
});

test("wrapScgi() counts a body of unknown length, and answers 411 if it is too long to keep", async () => {
  await withScgi(async ({ headers, socket, body }) => void socket.end(`${OK}${headers.get("CONTENT_LENGTH")} ${await body()}`), async (address) => {
    const app = wrapScgi(address, { maxBuffered: 5 });
    const environ = (input: string) => testEnviron("/", { method: "POST", input: new Blob([input]).stream() });
    assert.equal((await runApp(app, environ("hello"))).text, "5 hello");
    assert.equal((await runApp(app, environ("hello!"))).status, "411 Length Required");
    assert.equal((await runApp(app, testEnviron("/"))).text, "0 ");
  });
});

test("wrapScgi() throws for what is no address", () => {
  for (const address of ["", "8000", "fd://3", "unix:", "http://h"]) {
    assert.throws(() => wrapScgi(address), { name: "SyntaxError", message: /^Cannot use the SCGI address / });
  }
  assert.throws(() => wrapScgi("127.0.0.1:1", { env: { A: "\0" } }), SyntaxError);
});

test("wrapScgi() breaks the response off if the connection breaks", async () => {
  let peer: Socket | undefined;
  await withScgi(({ socket }) => {
    peer = socket;
    socket.write(`${OK}begun`);
  }, async (address) => {
    const body = await wrapScgi(address)(testEnviron("/"), () => () => Promise.resolve()) as AsyncIterable<Uint8Array>;
    const chunks = body[Symbol.asyncIterator]();
    assert.equal(new TextDecoder().decode((await chunks.next()).value), "begun");
    peer!.resetAndDestroy();
    await assert.rejects(chunks.next(), /Cannot send the rest of the answer of the SCGI server 127\.0\.0\.1:\d+: /);
  });
});

test("wrapScgi() passes each part on when it comes, both ways", async () => {
  const asked = signalOf();
  await withScgi(async ({ socket, body }) => {
    socket.write(`${OK}first`);
    await body();
    socket.end("second");
  }, async (address) => {
    // The second half of the request is sent when the first half of the answer has come.
    const input = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("abc"));
        await asked.promise;
        controller.enqueue(new TextEncoder().encode("def"));
        controller.close();
      },
    });
    const environ = testEnviron("/", { method: "POST", input, environ: { CONTENT_LENGTH: "6" } });
    const body = await wrapScgi(address)(environ, () => () => Promise.resolve()) as AsyncIterable<Uint8Array>;
    const parts: string[] = [];
    for await (const part of body) {
      parts.push(new TextDecoder().decode(part));
      asked.resolve();
    }
    assert.deepEqual(parts, ["first", "second"]);
  });
});

test("wrapScgi() holds a server back that writes more than is read, and streams megabytes", async () => {
  const size = 32 << 20;
  let peer: Socket | undefined;
  await withScgi(({ socket }) => {
    peer = socket;
    socket.write(OK);
    socket.end(new Uint8Array(size));
  }, async (address) => {
    const body = await wrapScgi(address)(testEnviron("/"), () => () => Promise.resolve()) as AsyncIterable<Uint8Array>;
    const chunks = body[Symbol.asyncIterator]();
    let total = ((await chunks.next()).value as Uint8Array).length;
    // Time enough for the rest, if anybody took it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(peer!.writableLength > 0, "all of the answer was taken");
    for (let result = await chunks.next(); !result.done; result = await chunks.next()) total += result.value.length;
    assert.equal(total, size);
  });
});

test("wrapScgi() closes the connection when the client goes, before the answer and within it", async () => {
  for (const before of ["", `${OK}begun`]) {
    const [connected, closed, over] = [signalOf(), signalOf(), signalOf()];
    const errors = new Recorder();
    await withScgi(({ socket }) => {
      socket.on("close", () => closed.resolve());
      socket.resume();
      if (before !== "") socket.write(before);
      connected.resolve();
    }, async (address) => {
      const app = wrapScgi(address);
      const watched: App = (environ, startResponse) => {
        environ["tsgi.response_finished"]!.push(() => over.resolve());
        return app(environ, startResponse);
      };
      await withServer(toFetch(watched, { errors }), async ({ port }) => {
        const client = new RawClient(port);
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        await connected.promise;
        if (before !== "") await client.until((text) => text.includes("begun"));
        client.reset();
        await closed.promise;
        await over.promise;
      });
    });
    assert.equal(errors.text, "", before);
  }
});
