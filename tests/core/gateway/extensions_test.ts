import assert from "node:assert/strict";
import { test } from "node:test";
import { type BlockSource, RELEASE } from "../../../core/gateway/block_source.ts";
import { createGateway } from "../../../core/gateway/gateway.ts";
import type { Exchange } from "../../../core/gateway/gateway.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, Body, EarlyHints, Environ, FileLike, FileWrapper, HeaderList } from "../../../core/gateway/types.ts";
import { bytesOf, call, ct, environOf, Recorder, signalOf, text, throwsCode } from "./exercise.ts";
import { exchange, RawClient, withServer } from "./live.ts";

/** A platform that can send 103, and what it sent. */
function hinting(): { readonly server: { earlyHints: EarlyHints }; readonly sent: HeaderList[] } {
  const sent: HeaderList[] = [];
  return { server: { earlyHints: (headers) => void sent.push(headers) }, sent };
}

function hintsOf(environ: Environ): EarlyHints {
  const hints = environ["tsgi.early_hints"];
  assert.ok(hints);
  return hints;
}

const links: HeaderList = [["Link", "</a.css>; rel=preload"], ["Link", "</b.js>; rel=preload"]];

test("T274 tsgi.early_hints is there if the server can send them", async () => {
  assert.equal(typeof (await environOf("/", {}, { server: hinting().server }))["tsgi.early_hints"], "function");
  assert.equal("tsgi.early_hints" in await environOf(), false);
});

/** Runs in an application, before it starts its response. */
async function withHints(run: (hints: EarlyHints, environ: Environ) => void, more: { protocol?: string } = {}): Promise<HeaderList[]> {
  const { server, sent } = hinting();
  const { response, errors } = await call((environ, startResponse) => {
    run(hintsOf(environ), environ);
    startResponse("200 OK", [ct]);
    return ["x"];
  }, "/", {}, { server: { ...server, ...more } });
  assert.deepEqual([response.status, errors.text], [200, ""]);
  return sent;
}

test("T276 early_hints() sends all links of a call, in order", async () => assert.deepEqual(await withHints((hints) => void hints(links)), [links]));

test("T278 early_hints() after commit is ignored", async () => {
  const { server, sent } = hinting();
  const { response } = await call(function* (environ, startResponse) {
    startResponse("200 OK", [ct]);
    yield "x";
    void hintsOf(environ)(links);
  }, "/", {}, { server });
  await response.text();
  assert.deepEqual(sent, []);
});

test("T279 early_hints() to HTTP/1.0 is ignored", async () => {
  assert.deepEqual(await withHints((hints) => void hints(links), { protocol: "HTTP/1.0" }), []);
});

test("T280 early_hints() takes an empty list", async () => assert.deepEqual(await withHints((hints) => void hints([])), [[]]));

test("T281 early_hints() refuses a line end and sends nothing", async () => {
  const sent = await withHints((hints) => throwsCode(() => hints([["Link", "</evil>; rel=preload\r\nX-Injected: true"]]), "ERR_TSGI_HEADER_VALUE"));
  assert.deepEqual(sent, []);
});

test("T284 early_hints() takes other headers too", async () => {
  const headers: HeaderList = [...links, ["X-Custom-Header", "1"]];
  assert.deepEqual(await withHints((hints) => void hints(headers)), [headers]);
});

test("T285 early_hints() refuses what is no list", async () => {
  await withHints((hints) => throwsCode(() => hints({ Link: "x" } as unknown as HeaderList), "ERR_TSGI_HEADERS"));
});

test("T288 response_finished is told environ, status and headers", async () => {
  let seen: unknown[] = [];
  let environ: Environ | undefined;
  await call((given, startResponse) => {
    environ = given;
    given["tsgi.response_finished"]!.push((...args) => void (seen = args));
    startResponse("200 OK", [ct]);
    return ["x"];
  });
  assert.equal(seen[0], environ);
  assert.deepEqual(seen.slice(1), ["200 OK", [ct], null]);
});

test("response_finished runs after close, in reverse order, one by one, whatever one throws", async () => {
  const notes: string[] = [];
  const done = signalOf();
  const { response, errors } = await call((environ, startResponse) => {
    const finished = environ["tsgi.response_finished"]!;
    finished.push(() => done.resolve());
    finished.push(async () => {
      notes.push("first begins");
      await new Promise((resolve) => setTimeout(resolve, 1));
      notes.push("first ends");
    });
    finished.push(() => {
      throw new Error("in response_finished");
    });
    startResponse("200 OK", [ct]);
    return { *[Symbol.iterator]() { yield "x"; }, close: () => void notes.push("close") };
  });
  await response.text();
  await done.promise;
  assert.deepEqual(notes, ["close", "first begins", "first ends"]);
  assert.match(errors.text, /in response_finished/);
});

test("T289 response_finished is told of an error", async () => {
  let seen: unknown[] = [];
  const fault = new Error("throws");
  await call((environ, startResponse) => {
    environ["tsgi.response_finished"]!.push((_environ, ...args) => void (seen = args));
    startResponse("200 OK", [ct]);
    throw fault;
  });
  assert.deepEqual(seen, [null, null, fault]);
});

test("T292 response_finished is called once after a disconnect", async () => {
  const seen: unknown[] = [];
  const { response } = await call(function* (environ, startResponse) {
    environ["tsgi.response_finished"]!.push((environ, _status, _headers, error) => void seen.push(error, environ["tsgi.signal"].aborted));
    startResponse("200 OK", [ct]);
    for (;;) yield "x";
  });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await reader.cancel();
  assert.deepEqual(seen, [null, true]);
});

test("T293 tsgi.signal aborts when the client leaves, live", async () => {
  const aborted = signalOf();
  await withServer(toFetch(async function* (environ, startResponse) {
    environ["tsgi.signal"].addEventListener("abort", () => aborted.resolve());
    startResponse("200 OK", [ct]);
    for (;;) {
      yield "tick";
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }), async ({ port }) => {
    const client = new RawClient(port);
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await client.until((received) => received.includes("tick"));
    client.close();
    await aborted.promise;
  });
});

test("tsgi.signal aborts when the client leaves before the answer, live", async () => {
  const aborted = signalOf();
  const begun = signalOf();
  await withServer(toFetch(async (environ, startResponse) => {
    begun.resolve();
    await new Promise<void>((resolve) => environ["tsgi.signal"].addEventListener("abort", () => resolve()));
    aborted.resolve();
    startResponse("200 OK", [ct]);
    return ["nobody reads this"];
  }), async ({ port }) => {
    const client = new RawClient(port);
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await begun.promise;
    client.close();
    await aborted.promise;
  });
});

test("T295 tsgi.signal does not abort after a response, live", async () => {
  const signals: AbortSignal[] = [];
  const apps: App[] = [
    (environ, startResponse) => {
      signals.push(environ["tsgi.signal"]);
      startResponse("200 OK", [ct]);
      return ["x"];
    },
    async function* (environ, startResponse) {
      signals.push(environ["tsgi.signal"]);
      startResponse("200 OK", [ct]);
      yield "x";
      yield "y";
    },
  ];
  for (const app of apps) {
    await withServer(toFetch(app), async ({ port }) => {
      await exchange(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
  }
  assert.deepEqual(signals.map((signal) => signal.aborted), [false, false]);
});

test("tsgi.signal that is first read after the response does not abort", async () => {
  const client = new AbortController();
  let environ: Environ | undefined;
  await toFetch((given, startResponse) => {
    environ = given;
    startResponse("200 OK", [ct]);
    return ["x"];
  })(new Request("http://127.0.0.1/", { signal: client.signal }));
  client.abort();
  assert.equal(environ!["tsgi.signal"].aborted, false);
});

test("tsgi.signal watches the request only if the application goes on after a turn of the loop", async () => {
  let looked = 0;
  const looking = () => Object.defineProperty(new Request("http://127.0.0.1/"), "signal", { get: () => void looked++ });
  const copying: App = (environ, startResponse) => {
    assert.equal({ ...environ }["tsgi.signal"].aborted, false);
    startResponse("200 OK", [ct]);
    return ["x"];
  };
  await toFetch(copying)(looking());
  assert.equal(looked, 0);
  await toFetch(async (environ, startResponse) => copying(environ, startResponse))(looking());
  assert.equal(looked, 1);
});

test("an application whose client has gone before it answers is closed, and nothing is sent or logged", async () => {
  for (const later of [true, false]) {
    const client = new AbortController();
    const told: Exchange[] = [];
    const errors = new Recorder();
    let closed = 0;
    const response = await createGateway(async (environ, startResponse) => {
      environ["tsgi.signal"].addEventListener("abort", () => undefined);
      if (later) await new Promise((resolve) => setTimeout(resolve, 0));
      client.abort();
      await new Promise((resolve) => setTimeout(resolve, 0));
      startResponse("200 OK", [ct]);
      return { *[Symbol.iterator]() { yield assert.fail("asked for a chunk"); }, close: () => void closed++ } as Body;
    }, { errors, finished: (exchange) => void told.push(exchange) })(new Request("http://127.0.0.1/", { signal: client.signal }));
    assert.equal(await response.text(), "");
    assert.deepEqual([closed, errors.text, told.length, told[0]!.aborted, told[0]!.error], [1, "", 1, true, null]);
  }
});

test("T296 tsgi.signal is one object, also in a copy", async () => {
  const environ = await environOf();
  const copy = { ...environ };
  assert.equal(copy["tsgi.signal"], environ["tsgi.signal"]);
  const again = await environOf();
  const { "tsgi.signal": signal } = again;
  assert.equal(Object.assign({}, again)["tsgi.signal"], signal);
});

function wrapperOf(environ: Environ): FileWrapper {
  const wrapper = environ["tsgi.file_wrapper"];
  assert.ok(wrapper);
  return wrapper;
}

/** A file of bytes that notes how it is used. */
class NotingFile implements FileLike {
  readonly sizes: number[] = [];
  closed = 0;
  position = 0;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  read(size: number): Uint8Array {
    const block = this.#bytes.subarray(this.position, this.position + size);
    this.position += block.length;
    if (block.length > 0) this.sizes.push(block.length);
    return block;
  }
  close(): void {
    this.closed++;
  }
}

/** An application that sends this file. */
function sending(source: Parameters<FileWrapper>[0], blockSize?: number): App {
  return (environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return wrapperOf(environ)(source, blockSize);
  };
}

test("T297 file_wrapper() reads in blocks and closes at the end, once", async () => {
  const file = new NotingFile(bytesOf("xyz".repeat(50)));
  const { response } = await call(sending(file, 120));
  assert.equal(file.closed, 0);
  assert.equal(await response.text(), "xyz".repeat(50));
  assert.deepEqual([file.sizes, file.closed], [[120, 30], 1]);
});

test("T298 file_wrapper() gives the blocks as they were read", async () => {
  for (const [content, size, expected] of [["hello world", 5, ["hello", " worl", "d"]], ["abc", 2, ["ab", "c"]]] as const) {
    const blocks: string[] = [];
    const wrapper = wrapperOf(await environOf());
    for await (const block of wrapper(new NotingFile(bytesOf(content)), size) as AsyncIterable<Uint8Array>) blocks.push(text(block));
    assert.deepEqual(blocks, expected);
  }
});

test("T299 file_wrapper() sends a text file whole", async () => {
  const { readFile } = await import("node:fs/promises");
  const bytes = await readFile(new URL(import.meta.url));
  assert.equal(await (await call(sending(new NotingFile(bytes)))).response.text(), bytes.toString("utf8"));
});

test("T301 file_wrapper() sends a bigger file byte by byte", async () => {
  const bytes = Uint8Array.from({ length: 14750 }, (_, at) => (at * 7) % 256);
  const back = new Uint8Array(await (await call(sending(new NotingFile(bytes), 1000))).response.arrayBuffer());
  assert.deepEqual(back, bytes);
});

test("T302 file_wrapper() sends a Blob and a stream", async () => {
  const bytes = new Uint8Array(2898).fill(7);
  for (const source of [new Blob([bytes]), new Blob([bytes]).stream()]) {
    assert.equal((await (await call(sending(source))).response.arrayBuffer()).byteLength, 2898);
  }
});

test("T303 file_wrapper() that is not returned is left alone", async () => {
  const file = new NotingFile(bytesOf("never"));
  const { response } = await call((environ, startResponse) => {
    wrapperOf(environ)(file);
    startResponse("200 OK", [ct]);
    return ["other"];
  });
  assert.equal(await response.text(), "other");
  assert.deepEqual([file.sizes, file.closed], [[], 0]);
});

test("T304 file_wrapper() begins where the file stands", async () => {
  const file = new NotingFile(bytesOf("abcdef"));
  file.position = 3;
  assert.equal(await (await call(sending(file))).response.text(), "def");
});

test("T306 file_wrapper() under HEAD sends nothing, warns once if there was something, and closes", async () => {
  for (const [content, warnings] of [["", 0], ["hello", 1]] as const) {
    const file = new NotingFile(bytesOf(content));
    const { response, errors } = await call(sending(file, 2), "/", { method: "HEAD" });
    assert.equal(await response.text(), "");
    assert.deepEqual([errors.text.split("Dropped the body").length - 1, file.closed], [warnings, 1]);
  }
});

test("file_wrapper() refuses what cannot be read", async () => {
  const wrapper = wrapperOf(await environOf());
  assert.throws(() => wrapper("path" as never), TypeError);
  assert.throws(() => wrapper(new Blob(), 0), RangeError);
});

test("T308 tsgi.wait_until forwards, and is absent where unknown", async () => {
  const kept: unknown[] = [];
  const promise = Promise.resolve();
  const environ = await environOf("/", {}, { server: { waitUntil: (promise) => void kept.push(promise) } });
  environ["tsgi.wait_until"]!(promise);
  assert.deepEqual(kept, [promise]);
  assert.equal("tsgi.wait_until" in await environOf(), false);
});

/** What createGateway() tells of each exchange. */
async function exchangesOf(app: App, inits: readonly (RequestInit & { path?: string })[], headers: HeaderList = []): Promise<{ told: Exchange[]; responses: Response[] }> {
  const told: Exchange[] = [];
  const handler = createGateway(app, { finished: (exchange) => void told.push(exchange), errors: new Recorder(), responseHeaders: headers });
  const responses: Response[] = [];
  for (const init of inits) {
    const response = await handler(new Request(`http://127.0.0.1${init.path ?? "/"}`, init));
    await response.clone().text().catch(() => undefined);
    responses.push(response);
  }
  return { told, responses };
}

test("createGateway() tells of each exchange once, with what was sent", async () => {
  const app: App = (environ, startResponse) => {
    if (environ.PATH_INFO === "/throw") throw new Error("x");
    startResponse("201 Made", [ct]);
    return (environ.PATH_INFO === "/array" ? ["caf\u00e9"] : (function* () { yield "a"; yield "bc"; })()) as Body;
  };
  const { told } = await exchangesOf(app, [{ path: "/array" }, { path: "/array", method: "HEAD" }, { path: "/stream" }, { path: "/throw" }]);
  assert.deepEqual(told.map(({ status, bytes, aborted }) => [status, bytes, aborted]), [
    ["201 Made", 5, false], ["201 Made", 0, false], ["201 Made", 3, false], ["500 Internal Server Error", 21, false],
  ]);
  assert.deepEqual(told.map(({ environ, error }) => [environ.PATH_INFO, error instanceof Error]), [["/array", false], ["/array", false], ["/stream", false], ["/throw", true]]);
  assert.deepEqual(told[0]!.headers, [ct]);
});

test("createGateway() tells of an Array before the Response is there", () => {
  let told = 0;
  const handler = createGateway((_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return ["x"];
  }, { finished: () => void told++ });
  assert.ok(handler(new Request("http://127.0.0.1/")) instanceof Response);
  assert.equal(told, 1);
});

test("createGateway() adds its headers unless the application set the same", async () => {
  const app: App = (environ, startResponse) => {
    if (environ.PATH_INFO === "/throw") throw new Error("x");
    startResponse("200 OK", environ.PATH_INFO === "/own" ? [ct, ["server", "own"]] : [ct]);
    return ["x"];
  };
  const { responses } = await exchangesOf(app, [{ path: "/own" }, { path: "/" }, { path: "/own" }, { path: "/" }, { path: "/throw" }], [["Server", "tsgi"]]);
  assert.deepEqual(responses.map((response) => response.headers.get("server")), ["own", "tsgi", "own", "tsgi", "tsgi"]);
});

test("file_wrapper() gives blocks back to a source that takes them, where nobody but the native server reads the body", async () => {
  const run = async (isLast: boolean) => {
    const [given, returned]: number[][] = [[], []];
    let left = 200_000;
    const source: BlockSource = {
      read: (size) => {
        const block = new Uint8Array(Math.min(size, left));
        left -= block.length;
        given!.push(block.length);
        return block;
      },
      [RELEASE]: (block) => void returned!.push(block.length),
    };
    const gateway = createGateway(sending(source, 1000), { isLast, contentLength: "runtime" });
    const bytes = await (await gateway(new Request("http://a/"))).bytes();
    assert.equal(bytes.length, 200_000);
    return { given: given!, returned: returned! };
  };
  const { given, returned } = await run(true);
  assert.deepEqual([returned, given.at(-1)], [given.slice(0, -1), 0]);
  assert.ok(given[0]! > 1000, "a size of its own choice");
  assert.deepEqual((await run(false)).returned, []);
});
