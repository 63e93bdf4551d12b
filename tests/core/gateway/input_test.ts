import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyInput } from "../../../core/gateway/input.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App } from "../../../core/gateway/types.ts";
import { call, ct, post, rejectsCode, signalOf, streamOf, text } from "./exercise.ts";
import { bodyOf, exchange, RawClient, withServer } from "./live.ts";

function inputOf(...chunks: string[]): BodyInput {
  return new BodyInput({ body: streamOf(chunks) });
}

async function readAll(input: BodyInput, sizes: readonly number[], method: "read" | "readline" = "read"): Promise<string[]> {
  const parts: string[] = [];
  for (const size of sizes) parts.push(text(await input[method](size)));
  return parts;
}

test("T229 read() of no body is empty bytes", async () => {
  let read: unknown;
  const { response } = await call(async (environ, startResponse) => {
    read = await environ["tsgi.input"].read();
    startResponse("200 OK", [ct]);
    return [];
  });
  assert.equal(response.status, 200);
  assert.ok(read instanceof Uint8Array && read.length === 0);
});

test("T233 readline(0) is empty", async () => {
  assert.equal((await inputOf("abc").readline(0)).length, 0);
  assert.equal((await inputOf("\n").readline(0)).length, 0);
});

test("T235 readline() stops at its limit", async () => {
  const input = inputOf("abc\ndef");
  assert.deepEqual([text(await input.readline(2)), text(await input.readline())], ["ab", "c\n"]);
});

test("T236 readline() without a line end reads to the end", async () => {
  assert.equal(text(await inputOf("abcdef").readline()), "abcdef");
  assert.deepEqual(await readAll(inputOf("abcdef"), [2, 2, 2], "readline"), ["ab", "cd", "ef"]);
});

test("T239 read() gives as many bytes as asked for, over chunks", async () => {
  const input = inputOf("Lorem", "ipsum", "dolor", "sit", "amet");
  assert.deepEqual(await readAll(input, [0, 5, 6, 4, 100, 100]), ["", "Lorem", "ipsumd", "olor", "sitamet", ""]);
});

test("T240 read() keeps the rest of a chunk", async () => {
  assert.deepEqual(await readAll(inputOf("Lorem", "ipsum", "dolor", "sit", "amet"), [5, 5, 3, 3, 100]), ["Lorem", "ipsum", "dol", "ors", "itamet"]);
});

test("T241 read() refuses what is no size, and stays where it is", async () => {
  const input = inputOf("abc");
  for (const size of ["100", [100], 3.14, NaN]) await assert.rejects(input.read(size as number), TypeError);
  assert.equal(text(await input.read()), "abc");
});

test("T242 read() takes a negative size, undefined and null for all", async () => {
  for (const size of [-1, undefined, null]) assert.equal(text(await inputOf("ab", "c").read(size)), "abc");
});

test("T243 read(3) of single bytes is 3 bytes", async () => assert.equal(text(await inputOf("a", "b", "c", "d", "e").read(3)), "abc"));

test("T245 readlines() gives all lines", async () => {
  assert.deepEqual((await inputOf("123456\nab").readlines()).map(text), ["123456\n", "ab"]);
  assert.deepEqual((await inputOf("1\n2\n3\n").readlines(3)).map(text), ["1\n", "2\n"]);
});

test("T248 lines() gives line after line", async () => {
  const lines: string[] = [];
  for await (const line of inputOf("12", "3\n4", "56\n").lines()) lines.push(text(line));
  assert.deepEqual(lines, ["123\n", "456\n"]);
});

test("T250 iterating gives the rest", async () => {
  const input = inputOf("abcd", "ef");
  await input.read(2);
  let rest = "";
  for await (const chunk of input) rest += text(chunk);
  assert.equal(rest, "cdef");
});

test("leaving the iteration leaves the rest to be read", async () => {
  const input = inputOf("ab", "cd");
  for await (const chunk of input) {
    assert.equal(text(chunk), "ab");
    break;
  }
  assert.equal(text(await input.read()), "cd");
});

test("T251 only LF ends a line", async () => assert.equal(text(await inputOf("a\r\nb").readline()), "a\r\n"));

test("T253 stream locks the methods and is the same each time", async () => {
  for (const input of [inputOf("abc"), new BodyInput({ body: null })]) {
    const { stream } = input;
    assert.equal(input.stream, stream);
    await rejectsCode(input.read(), "ERR_TSGI_INPUT_LOCKED");
    await rejectsCode(input.readline(), "ERR_TSGI_INPUT_LOCKED");
  }
});

test("stream is the rest, after what was read", async () => {
  const input = inputOf("abcd", "ef");
  const first = input.read(2);
  assert.equal(await new Response(input.stream).text(), "cdef");
  assert.equal(text(await first), "ab");
});

test("T254 stream feeds the Web's own readers", async () => {
  const json = '{"a": [1, 2]}';
  assert.deepEqual(JSON.parse(text(await inputOf(json).read())), await new Response(inputOf(json).stream).json());
});

test("overlapping calls are served in order", async () => {
  const input = inputOf("abc", "d\nef");
  const parts = await Promise.all([input.read(2), input.readline(), input.read(1), input.read(), input.read()]);
  assert.deepEqual(parts.map(text), ["ab", "cd\n", "e", "f", ""]);
});

test("T256 an upload cut short rejects and aborts the signal, live", async () => {
  const seen = signalOf<{ error: unknown; aborted: boolean }>();
  const app: App = async (environ, startResponse) => {
    const { "tsgi.input": input, "tsgi.signal": signal } = environ;
    const error = await input.read().then(() => null, (error: unknown) => error);
    await input.read().then(() => assert.fail("read"), () => undefined);
    seen.resolve({ error, aborted: signal.aborted });
    startResponse("200 OK", [ct]);
    return [];
  };
  await withServer(toFetch(app), async ({ port }) => {
    const client = new RawClient(port);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabcd");
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.reset();
    const { error, aborted } = await seen.promise;
    assert.ok(error instanceof Error, String(error));
    assert.equal(aborted, true);
  });
});

test("an application that passes on the error of a cut upload is not logged", async () => {
  const finished = signalOf();
  let log = "";
  const app: App = async (environ, startResponse) => {
    environ["tsgi.response_finished"]!.push(() => finished.resolve());
    await environ["tsgi.input"].read();
    startResponse("200 OK", [ct]);
    return [];
  };
  await withServer(toFetch(app, { errors: { write: (text) => void (log += text), writelines() {}, flush() {} } }), async ({ port }) => {
    const client = new RawClient(port);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabcd");
    await new Promise((resolve) => setTimeout(resolve, 20));
    client.reset();
    await finished.promise;
  });
  assert.equal(log, "");
});

test("T257 a body that nobody reads does not hang the response, live", async () => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return ["done"];
  };
  await withServer(toFetch(app), async ({ url }) => {
    for (let round = 0; round < 3; round++) {
      const response = await fetch(url, { method: "POST", body: new Uint8Array(1 << 20) });
      assert.deepEqual([response.status, await response.text()], [200, "done"]);
    }
  });
});

test("T258 100-continue is the server's business, live", async () => {
  const app: App = async (environ, startResponse) => {
    const body = await environ["tsgi.input"].read(3);
    startResponse("200 OK", [ct]);
    return [body];
  };
  await withServer(toFetch(app), async ({ port }) => {
    const client = new RawClient(port);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    await client.until((received) => received.startsWith("HTTP/1.1 100"));
    client.send("abc");
    const answer = await client.end();
    assert.match(answer, /HTTP\/1\.1 200 /);
    assert.ok(answer.endsWith("abc"), answer);
  });
});

test("T259 the input is a body itself, chunk by chunk", async () => {
  const block = new Uint8Array(64 * 1024).fill(97);
  let sent = 0;
  let most = 0;
  let received = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === 1024) return controller.close();
      sent++;
      most = Math.max(most, sent * block.length - received);
      controller.enqueue(block);
    },
  }, { highWaterMark: 0 });
  const app: App = (environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return environ["tsgi.input"];
  };
  const { response } = await call(app, "/", post(stream));
  for await (const chunk of response.body!) received += chunk.length;
  assert.equal(received, 64 << 20);
  assert.ok(most < 8 << 20, `${most} bytes were held`);
});

test("an upload in chunks arrives whole, live", async () => {
  const app: App = async (environ, startResponse) => {
    let total = 0;
    for await (const chunk of environ["tsgi.input"]) total += chunk.length;
    startResponse("200 OK", [ct]);
    return [`${total} ${"CONTENT_LENGTH" in environ} ${environ["tsgi.input_terminated"]}`];
  };
  await withServer(toFetch(app), async ({ port }) => {
    const answer = await exchange(port, `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${"5\r\nhello\r\n".repeat(1000)}0\r\n\r\n`);
    assert.equal(bodyOf(answer), "5000 false true");
  });
});

