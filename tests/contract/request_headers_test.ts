import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { runtime } from "../../runtimes/current.ts";

const { get, each } = runtime.requestHeaders;

/** What a request with these header lines gives, as `read` reads it while it is served. */
async function served<T>(lines: readonly string[], read: (request: Request) => T): Promise<T> {
  const seen = Promise.withResolvers<T>();
  const server = await runtime.serve({
    at: { host: "127.0.0.1", port: 0 },
    keepAlive: 2,
    onError: () => new Response("failed", { status: 500 }),
    handler: (request) => {
      try {
        seen.resolve(read(request));
      } catch (error) {
        seen.reject(error);
      }
      return new Response("ok");
    },
  });
  const socket = connect(server.port!, "127.0.0.1");
  socket.on("error", seen.reject);
  socket.on("close", () => seen.reject(new Error("Closed without an answer")));
  socket.write(Buffer.from(`GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  try {
    return await seen.promise;
  } finally {
    socket.destroy();
    await server.stop(true);
  }
}

const ALL = [
  "Host: h", "User-Agent: a", "Empty:", "X-Twice: one", "x-twice: two", "Cookie: a=1", "Cookie: b=2", "X_Under: 1", "X-Latin: \xe9\xff", "X-Tab: a\tb", "X-Padded:  \t v \t",
  "Set-Cookie: a=1", "Set-Cookie: b=2", "Authorization: Basic YTpi", "Accept: */*", "Accept: text/html", "Content-Type: text/plain", "__proto__: p", "constructor: c", "x!#$%&'*+.^`|~: odd",
];

/** The same in letters of both cases, and what is not there. */
const NAMES = [...new Set(ALL.map((line) => line.slice(0, line.indexOf(":"))))].flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()]).concat("absent", "referer", "toString");

test("requestHeaders.get() gives what the public way gives, of a request that is served", async () => {
  for (const lines of [ALL, ["Host: h"]]) {
    const [short, long] = await served(lines, (request) => [NAMES.map((name) => get(request, name)), NAMES.map((name) => request.headers.get(name))]);
    assert.deepEqual(short, long);
    assert.equal(short[NAMES.indexOf("host")], "h");
  }
});

test("requestHeaders.each() gives what the public way gives, of a request that is served", async () => {
  for (const lines of [ALL, ["Host: h"]]) {
    const [short, long] = await served(lines, (request) => {
      const found: string[][] = [[], []];
      each(request, (value, name) => found[0]!.push(`${name}: ${value}`));
      request.headers.forEach((value, name) => found[1]!.push(`${name}: ${value}`));
      return found.map((list) => list.sort());
    });
    assert.deepEqual(short, long);
    assert.ok(short!.includes("host: h"));
  }
});

test("requestHeaders sees what an application changed in a request of its own", async () => {
  await served(ALL, (request) => {
    const own = new Request(request, { headers: { "user-agent": "own" } });
    own.headers.set("x-more", "more");
    assert.deepEqual([get(own, "user-agent"), get(own, "x-more"), get(own, "x-tab")], ["own", "more", null]);
    const found: string[] = [];
    each(own, (value, name) => found.push(`${name}: ${value}`));
    assert.deepEqual(found.sort(), ["user-agent: own", "x-more: more"]);
    assert.equal(get(request, "user-agent"), "a");
  });
  assert.equal(get(new Request("http://h/", { headers: { "x-y": "z" } }), "x-y"), "z");
});
