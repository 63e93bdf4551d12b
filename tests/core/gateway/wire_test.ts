/**
 * What the runtimes' own servers make of requests that a client or an attacker got wrong, and whether toFetch() over them keeps its word.
 *
 * The parser is not ours. What stands here as `deno` and `bun` was measured (Deno 2.9, Bun 1.4): a test fails when a runtime changes its
 * mind. Expected of all is that the application never sees a misread request, that the answer is an error or the end of the
 * connection, and that nothing behind a refused request is taken for another one.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App } from "../../../core/gateway/types.ts";
import { ct, Recorder, signalOf, text } from "./exercise.ts";
import { bodyOf, exchange, RawClient, runtime, withServer } from "./live.ts";

/** The status of each answer on the connection, and each request that the application was called with. */
interface Outcome {
  readonly statuses: readonly number[];
  readonly seen: readonly string[];
}

interface Case {
  readonly id: string;
  readonly claim: string;
  readonly requests: readonly string[];
  readonly deno: Outcome;
  readonly bun: Outcome;
}

const HOST = "Host: h\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const SECOND = `GET /second HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
const AFTER = `GET /after HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;

const closed: Outcome = { statuses: [], seen: [] };
/** Bun calls the application as soon as it has the head; then reading rejects, and the 400 is its own. */
const cut: Outcome = { statuses: [400], seen: ["POST /first h rejected"] };

const cases: readonly Case[] = [
  // Bun takes a request line that it cannot read for one of another version.
  { id: "T734", claim: "line feeds within the request line", requests: [`GET\n/\nHTTP/1.1\r\n${HOST}\r\n`, "GET\n/\nHTTP/1.1\r\n\r\n"], deno: refused(400), bun: refused(505) },
  { id: "T737", claim: "NUL in a header's name", requests: [get("ba\0z: bar\r\n")], deno: refused(400), bun: refused(400) },
  { id: "T738", claim: "a request line over 64 KiB", requests: [`GET /${"a".repeat(65_536)} HTTP/1.1\r\n${HOST}\r\n`], deno: refused(400), bun: refused(431) },
  { id: "T739", claim: "200 header fields", requests: [get(fields(199))], deno: refused(400), bun: refused(431) },
  { id: "T740", claim: "Content-Length -1", requests: [post("Content-Length: -1\r\n", "a")], deno: refused(400), bun: refused(400) },
  { id: "T741", claim: "Content-Length bla", requests: [post("Content-Length: bla\r\n", "a")], deno: refused(400), bun: refused(400) },
  { id: "T744", claim: "two Content-Lengths that differ", requests: [post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")], deno: refused(400), bun: refused(400) },
  { id: "T745", claim: "Content-Length -0, 0_1 and +1", requests: ["-0", "0_1", "+1"].map((length) => post(`Content-Length: ${length}\r\n`, "a")), deno: refused(400), bun: refused(400) },
  {
    id: "T746",
    claim: "two Host headers",
    requests: [get("Host: b\r\n")],
    deno: refused(400),
    // Named exception: Bun takes the first of two.
    bun: { statuses: [200, 200], seen: ["GET /first h", "GET /second h"] },
  },
  // Deno closes without a word where head and body come at once; T747 below shows the body that comes late.
  { id: "T747", claim: "chunk size 6_0", requests: [chunked(`6_0\r\n${"a".repeat(0x60)}\r\n0\r\n\r\n`)], deno: closed, bun: cut },
  { id: "T748", claim: "Transfer-Encoding identity, chunked, identity, chunked", requests: [post("Transfer-Encoding: identity, chunked, identity, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")], deno: refused(400), bun: refused(400) },
  { id: "T749", claim: "a chunked body under HTTP/1.0", requests: [chunked("5\r\nhello\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0")], deno: refused(400), bun: refused(400) },
  {
    id: "T751",
    claim: "a blank before the chunk size",
    requests: [chunked("5\r\nhello\r\n 0\r\n\r\n")],
    // Named exception: Deno passes over the blank, and takes ` 0` for the last chunk. The body is right, and so is where the next begins.
    deno: { statuses: [200, 200], seen: ["POST /first h hello", "GET /second h"] },
    bun: cut,
  },
  { id: "T752", claim: "an empty chunk size", requests: [chunked("\r\n\r\n0\r\n\r\n"), chunked("5\r\nhello\r\n\r\n\r\n")], deno: closed, bun: cut },
  { id: "T753", claim: "a bare CR in a chunk extension", requests: [chunked("5;foo\rbar\r\nhello\r\n0\r\n\r\n")], deno: closed, bun: cut },
  { id: "T755", claim: "a byte above 127 in the method", requests: [get().replace("GET", "GET\xdf")], deno: refused(400), bun: refused(505) },
  { id: "T756", claim: "a folded header", requests: [get("X-Long: one\r\n two\r\n")], deno: refused(400), bun: refused(400) },
  { id: "T757", claim: "NUL in the method", requests: [get().replace("GET", "GET\0PROXY")], deno: refused(400), bun: refused(505) },
  {
    id: "T760",
    claim: "Content-Length beside Transfer-Encoding, in either order",
    requests: [post(`Content-Length: 6\r\n${CHUNKED}`, "0\r\n\r\nG"), post(`${CHUNKED}Content-Length: 6\r\n`, "0\r\n\r\nG")],
    deno: refused(400),
    bun: refused(400),
  },
  { id: "T761", claim: "a target without a slash", requests: [get().replace("/first", "foo")], deno: refused(400), bun: refused(400) },
];

/** Node does what Deno does, in these cases what Bun does; where it does neither is listed in tests/node_exceptions.mjs. */
const LIKE_BUN = ["T738", "T747", "T751", "T752", "T753"];

for (const { id, claim, requests, ...outcomes } of cases) {
  const like = runtime !== "node" ? runtime : LIKE_BUN.includes(id) ? "bun" : "deno";
  const verdict = outcomes[like].statuses.includes(200) ? "takes, as a named exception," : "refuses";
  test(`${id} the native server ${verdict} ${claim}, live`, async () => {
    for (const request of requests) assert.deepEqual(await outcomeOf((client) => client.send(request + SECOND)), outcomes[like]);
  });
}

test("the native server takes what comes short of its limits, live", async () => {
  for (const request of [`GET /${"a".repeat(8192)} HTTP/1.1\r\n${HOST}\r\n`, get(fields(90)), get("X-Long: one two\r\n"), chunked("5;foo=bar\r\nhello\r\n0\r\n\r\n")]) {
    const { statuses, seen } = await outcomeOf((client) => client.send(request + SECOND));
    assert.deepEqual([statuses, seen.length], [[200, 200], 2], request.slice(0, 40));
  }
});

for (const [id, body] of [["T747", "6_0\r\na\r\n0\r\n\r\n"], ["T752", "\r\n\r\n0\r\n\r\n"], ["T753", "5;foo\rbar\r\nhello\r\n0\r\n\r\n"]] as const) {
  test(`${id} reading rejects if the bad chunk comes when the application is at work, live`, async () => {
    const outcome = await outcomeOf(async (client, called) => {
      client.send(chunked(""));
      await called;
      client.send(body + SECOND);
    });
    assert.deepEqual(outcome, cut);
  });
}

test("T766 a stream is complete on the wire, chunked, live", async () => {
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return (async function* () {
      for (const part of ["one;", "", "two;", "three"]) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        yield part;
      }
    })();
  };
  await withServer(toFetch(app), async ({ port }) => {
    const answer = await exchange(port, SECOND);
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /\r\ntransfer-encoding: chunked\r\n/i);
    assert.doesNotMatch(answer, /\r\ncontent-length:/i);
    assert.equal(dechunk(bodyOf(answer)), "one;two;three");
  });
});

test("T767 an error within a stream leaves out the last chunk and closes, live", async () => {
  const errors = new Recorder();
  const received = signalOf();
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return (async function* () {
      yield "before";
      await received.promise;
      throw new Error("boom");
    })();
  };
  await withServer(toFetch(app, { errors }), async ({ port }) => {
    const client = new RawClient(port);
    client.send(get());
    await client.until((answer) => answer.includes("before"));
    received.resolve();
    const answer = await client.end();
    client.close();
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(bodyOf(answer), "6\r\nbefore\r\n");
  });
  assert.match(errors.text, /boom/);
});

test("T768 a crash is a 500, and the connection and the server live on, live", async () => {
  const errors = new Recorder();
  const app: App = (environ, startResponse) => {
    if (environ.PATH_INFO === "/crash") throw new Error("boom");
    startResponse("200 OK", [ct]);
    return ["fine"];
  };
  await withServer(toFetch(app, { errors }), async ({ port }) => {
    const answer = await exchange(port, `GET /crash HTTP/1.1\r\n${HOST}\r\n${SECOND}`);
    assert.deepEqual(statusesOf(answer), [500, 200]);
    assert.doesNotMatch(answer, /boom/);
    assert.equal(bodyOf(await exchange(port, AFTER)), "fine");
  });
  assert.equal(errors.text.split("boom").length - 1, 1, errors.text);
});

test("T769 every byte of 16 MiB reaches a client that reads slowly, live", async () => {
  const bytes = new Uint8Array(new Uint32Array(4 * 1024 * 1024).map((_, index) => index).buffer);
  const app: App = (environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return environ.PATH_INFO === "/whole" ? [bytes] : piecesOf(bytes, 64 * 1024);
  };
  await withServer(toFetch(app), async ({ port }) => {
    const whole = await readSlowly(port, `GET /whole HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    const start = whole.indexOf("\r\n\r\n") + 4;
    assert.match(whole.toString("latin1", 0, start), new RegExp(`\r\ncontent-length: ${bytes.length}\r\n`, "i"));
    assert.equal(Buffer.compare(whole.subarray(start), bytes), 0);

    const streamed = (await readSlowly(port, `GET /pieces HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)).toString("latin1");
    assert.equal(Buffer.compare(Buffer.from(dechunk(bodyOf(streamed)), "latin1"), bytes), 0);
  });
});

for (const [name, headers, frame] of [
  ["Content-Length", "Content-Length: 131072\r\n", (body: string) => body],
  ["chunked", CHUNKED, (body: string) => `20000\r\n${body}\r\n0\r\n\r\n`],
] as const) {
  test(`T770 a body of 128 KiB that nobody reads (${name}) is not taken for requests, live`, async () => {
    // Deno closes after the first answer; Bun drains the body.
    const expected = runtime === "deno" ? [[200], ["/first"]] : [[200, 200], ["/first", "/second"]];
    const body = get().replace("/first", "/smuggled").repeat(4000).slice(0, 131_072);
    for (const isPipelined of [true, false]) {
      const seen: string[] = [];
      const app: App = ({ PATH_INFO }, startResponse) => {
        seen.push(PATH_INFO);
        startResponse("200 OK", [ct]);
        return ["done"];
      };
      await withServer(toFetch(app), async ({ port }) => {
        const client = new RawClient(port);
        client.send(post(headers, frame(body)));
        if (!isPipelined) await client.until((answer) => answer.endsWith("done"));
        client.send(SECOND);
        const answer = await client.end();
        client.close();
        assert.deepEqual([statusesOf(answer), seen], expected);
        assert.equal(bodyOf(await exchange(port, AFTER)), "done");
      });
    }
  });
}

function refused(status: number): Outcome {
  return { statuses: [status], seen: [] };
}

function get(headers = ""): string {
  return `GET /first HTTP/1.1\r\n${HOST}${headers}\r\n`;
}

function post(headers: string, body: string): string {
  return `POST /first HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
}

function chunked(body: string): string {
  return post(CHUNKED, body);
}

function fields(count: number): string {
  return Array.from({ length: count }, (_, index) => `X-${index}: v\r\n`).join("");
}

/** What comes of one connection up to its end. The server has to serve another one afterwards. */
async function outcomeOf(talk: (client: RawClient, called: Promise<void>) => void | Promise<void>): Promise<Outcome> {
  const seen: string[] = [];
  const { promise: called, resolve: tell } = signalOf();
  const app: App = async ({ REQUEST_METHOD, PATH_INFO, HTTP_HOST, "tsgi.input": input }, startResponse) => {
    tell();
    const body = await input.read().then(text, () => "rejected");
    seen.push(`${REQUEST_METHOD} ${PATH_INFO} ${HTTP_HOST} ${body}`.trimEnd());
    startResponse("200 OK", [ct]);
    return ["x"];
  };
  let statuses: number[] = [];
  await withServer(toFetch(app), async ({ port }) => {
    const client = new RawClient(port);
    await talk(client, called);
    statuses = statusesOf(await client.end());
    client.close();
    assert.deepEqual(statusesOf(await exchange(port, AFTER)), [200]);
    assert.equal(seen.pop(), "GET /after h");
  });
  return { statuses, seen };
}

function statusesOf(answers: string): number[] {
  return [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => Number(found[1]));
}

/** The body within its chunks. Fails unless they end with the last one, and nothing comes after it. */
function dechunk(coded: string): string {
  const parts: string[] = [];
  for (let at = 0;;) {
    const end = coded.indexOf("\r\n", at);
    const digits = coded.slice(at, end);
    assert.match(digits, /^[0-9A-Fa-f]+$/);
    const from = end + 2;
    const to = from + parseInt(digits, 16);
    assert.equal(coded.slice(to, to + 2), "\r\n");
    if (to === from) {
      assert.equal(to + 2, coded.length);
      return parts.join("");
    }
    parts.push(coded.slice(from, to));
    at = to + 2;
  }
}

async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All that is answered, to a client that rests after each piece. */
function readSlowly(port: number, request: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("data", (piece: Buffer) => {
      pieces.push(piece);
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    });
    socket.on("end", () => resolve(Buffer.concat(pieces)));
    socket.on("error", reject);
  });
}
