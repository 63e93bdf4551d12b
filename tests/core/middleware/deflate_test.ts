import assert from "node:assert/strict";
import { test } from "node:test";
import { createGunzip, gunzipSync, inflateSync } from "node:zlib";
import { type RunResult, runApp, testEnviron } from "../../../core/gateway/testing.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, Environ, HeaderList } from "../../../core/gateway/types.ts";
import { deflate as deflateInCore, type DeflateOptions } from "../../../core/middleware/deflate.ts";
import { deflate } from "../../../runtimes/compressor.ts";
import { answering, ct, header, run, streaming, underLint, watched } from "./under_lint.ts";

const LONG = "Hello, world! ".repeat(200);

function accepting(coding = "gzip"): Environ {
  return testEnviron({ HTTP_ACCEPT_ENCODING: coding });
}

async function assertUntouched(app: App, options: DeflateOptions = {}): Promise<RunResult> {
  const [plain, result] = [await run((app) => app, app, accepting()), await run(deflate(options), app, accepting())];
  assert.deepEqual([result.status, result.text], [plain.status, plain.text]);
  assert.equal(header(result, "content-encoding"), header(plain, "content-encoding"));
  return result;
}

test("deflate() compresses as the client prefers", async () => {
  const codings = { gzip: "gzip", deflate: "deflate", "gzip;q=0.5, deflate": "deflate", "*": "gzip", "x-gzip": "gzip", "gzip;q=0": undefined, br: undefined, "identity, gzip;q=0.5": undefined };
  for (const [accept, expected] of Object.entries(codings)) {
    const result = await run(deflate(), answering("200 OK", ct, LONG), accepting(accept));
    assert.equal(header(result, "content-encoding"), expected, accept);
    assert.equal(header(result, "vary"), "Accept-Encoding");
    const plain = expected === "gzip" ? gunzipSync(result.body) : expected === "deflate" ? inflateSync(result.body) : result.body;
    assert.equal(new TextDecoder().decode(plain), LONG);
    assert.equal(header(result, "content-length"), String(result.body.length));
  }
});

test("T672 deflate() flushes after every chunk", async () => {
  const { promise: decoded, resolve } = Promise.withResolvers<void>();
  const app: App = async function* (_environ: unknown, startResponse: Parameters<App>[1]) {
    startResponse("200 OK", ct.slice());
    yield "foo";
    // The test would hang here if nothing came out before.
    await decoded;
    yield "bar";
  } as unknown as App;
  const response = await toFetch(underLint(deflate(), app))(new Request("http://h/", { headers: { "Accept-Encoding": "gzip" } }));
  const gunzip = createGunzip();
  let text = "";
  gunzip.on("data", (bytes: Uint8Array) => {
    text += new TextDecoder().decode(bytes);
    if (text === "foo") resolve();
  });
  const ended = new Promise((ended) => gunzip.once("end", ended));
  for await (const chunk of response.body!) gunzip.write(chunk);
  gunzip.end();
  await ended;
  assert.equal(text, "foobar");
});

test("T674 deflate() leaves 304 and what is empty alone", async () => {
  await assertUntouched(answering("304 Not Modified", []));
  await assertUntouched(answering("200 OK", [...ct, ["Content-Length", "0"]]));
  await assertUntouched(answering("200 OK", ct));
  await assertUntouched(answering("204 No Content", []));
});

test("T675 deflate() heeds no-transform and codings that are there", async () => {
  await assertUntouched(answering("200 OK", [...ct, ["Cache-Control", "public, no-transform"]], LONG));
  await assertUntouched(answering("200 OK", [...ct, ["Content-Encoding", "br"]], LONG));
  const result = await run(deflate(), answering("200 OK", [...ct, ["Content-Encoding", "identity"]], LONG), accepting());
  assert.equal(header(result, "content-encoding"), "gzip");
  assert.equal(gunzipSync(result.body).toString(), LONG);
});

test("T676 deflate() adds to Vary what is not in it", async () => {
  const cases = { "Accept-Encoding": "Accept-Encoding", "*": "*", Cookie: "Cookie, Accept-Encoding" };
  for (const [given, expected] of Object.entries(cases)) {
    const headers: HeaderList = [...ct, ["Vary", given]];
    assert.equal(header(await run(deflate(), answering("200 OK", headers, LONG), accepting()), "vary"), expected);
    assert.equal(header(await run(deflate(), answering("200 OK", headers, LONG)), "vary"), expected, "also when not compressing");
  }
});

test("T678 deflate() closes the application's body when the client leaves", async () => {
  const body = watched("200 OK", ct, LONG, LONG, LONG);
  const response = await toFetch(underLint(deflate(), body.app))(new Request("http://h/", { headers: { "Accept-Encoding": "gzip" } }));
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(body.closed(), 1);
});

test("T679 deflate() leaves parts alone", async () => {
  await assertUntouched(answering("206 Partial Content", [...ct, ["Content-Range", "bytes 0-2799/9999"]], LONG));
});

test("T681 deflate() leaves event streams alone unless told", async () => {
  const events = streaming("200 OK", [["Content-Type", "text/event-stream"]], LONG);
  await assertUntouched(events);
  assert.equal(header(await run(deflate({ include: () => true }), events, accepting()), "content-encoding"), "gzip");
});

test("deflate() leaves HEAD, images and small bodies alone", async () => {
  await assertUntouched(answering("200 OK", [["Content-Type", "image/png"]], LONG));
  await assertUntouched(answering("200 OK", ct, "small"));
  await assertUntouched(streaming("200 OK", [...ct, ["Content-Length", "5"]], "small"));
  const result = await run(deflate(), answering("200 OK", ct), testEnviron("/", { method: "HEAD", environ: { HTTP_ACCEPT_ENCODING: "gzip" } }));
  assert.equal(header(result, "content-encoding"), undefined);
  assert.equal(header(await run(deflate({ threshold: 0 }), answering("200 OK", ct, "small"), accepting()), "content-encoding"), "gzip");
});

test("deflate() weakens a strong ETag and takes Content-Length away from streams", async () => {
  const result = await run(deflate(), streaming("200 OK", [...ct, ["ETag", '"a"'], ["Content-Length", String(LONG.length)]], LONG), accepting());
  assert.deepEqual([header(result, "etag"), header(result, "content-length")], ['W/"a"', undefined]);
  assert.equal(gunzipSync(result.body).toString(), LONG);
});

test("deflate() decides by the answer in force", async () => {
  const changing: App = (_environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    return (function* () {
      startResponse("200 OK", [["Content-Type", "image/png"]], new Error("an image after all"));
      yield LONG;
    })();
  };
  await assertUntouched(changing);
});

test("deflate() of the core compresses Arrays, and streams only where it is given a compressor that flushes", async () => {
  assert.equal(header(await run(deflateInCore(), answering("200 OK", ct, LONG), accepting()), "content-encoding"), "gzip");
  const result = await run(deflateInCore(), streaming("200 OK", ct, LONG), accepting());
  assert.deepEqual([header(result, "content-encoding"), header(result, "vary"), result.text], [undefined, "Accept-Encoding", LONG]);
});

test("deflate() leaves what is written alone", async () => {
  const result = await runApp(underLint(deflate(), async (_environ, startResponse) => {
    await startResponse("200 OK", ct.slice())(LONG);
    return [];
  }), accepting());
  assert.equal(result.text, LONG);
});
