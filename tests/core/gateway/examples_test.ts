import assert from "node:assert/strict";
import { test } from "node:test";
import fetchHandler from "../../../examples/fetch_handler.ts";
import hello from "../../../examples/hello.ts";
import range from "../../../examples/range.ts";
import streaming from "../../../examples/streaming.ts";
import upload from "../../../examples/upload.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import { call } from "./exercise.ts";
import { bodyOf, RawClient, withServer } from "./live.ts";

test("examples/hello.ts says hello", async () => assert.equal(await (await call(hello)).response.text(), "Hello, World!\n"));

test("examples/streaming.ts stops when the client leaves", async () => {
  const { response, errors } = await call(streaming);
  const reader = response.body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "data: 1\n\n");
  await reader.cancel();
  assert.equal(errors.text, "streaming to somebody has ended\n");
});

test("examples/upload.ts counts 25 MB that come in chunks, live", async () => {
  await withServer(toFetch(upload), async ({ port }) => {
    const client = new RawClient(port);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    const chunk = `${(1 << 20).toString(16)}\r\n${"x".repeat(1 << 20)}\r\n`;
    for (let part = 0; part < 25; part++) client.send(chunk);
    client.send("0\r\n\r\n");
    assert.equal(bodyOf(await client.end()), `size ${25 << 20}, CONTENT_LENGTH absent, input_terminated true\n`);
    client.close();
  });
});

test("examples/range.ts answers exactly the bytes", async () => {
  for (const [header, status, bytes] of [["bytes=10-12", 206, [10, 11, 12]], ["bytes=-2", 206, [14, 15]], ["bytes=9998-", 206, [14, 15]], ["bytes=10000-", 416, []]] as const) {
    const { response } = await call(range, "/", { headers: { Range: header } });
    assert.equal(response.status, status);
    assert.deepEqual([...new Uint8Array(await response.arrayBuffer())], [...bytes]);
  }
  assert.equal((await (await call(range)).response.arrayBuffer()).byteLength, 10_000);
});

test("examples/fetch_handler.ts answers", async () => {
  assert.equal(await (await fetchHandler.fetch(new Request("http://h/"))).text(), "Hello, Fetch!\n");
  assert.deepEqual(await (await fetchHandler.fetch(new Request("http://h/", { method: "POST", body: "a" }))).json(), { received: "a" });
});

test("examples/hono_app.ts serves Hono, and TSGI in it", async () => {
  const { default: hono } = await import("../../../examples/hono_app.ts");
  assert.equal(await (await hono.request("/")).text(), "Hello, Hono!\n");
  assert.equal(await (await hono.request("/tsgi/a%20b")).text(), "TSGI below /tsgi, at /a b\n");
});
