import assert from "node:assert/strict";
import { test } from "node:test";
import type { Application } from "../../../core/arbiter/application.ts";
import type { WorkerSystem } from "../../../core/arbiter/process.ts";
import { warmUp } from "../../../core/arbiter/warmup.ts";
import { parseWarmup } from "../../../core/settings/warmup.ts";
import type { Environ } from "../../../core/gateway/types.ts";
import { resolve } from "../../../core/settings/resolve.ts";

const { settings } = resolve([[{ name: "app", written: "app.ts", label: "APP" }]], { chdir: "/srv", runtime: "deno" });
/** All that is asked of the system. */
const system = { checkHeaders: () => {} } as unknown as WorkerSystem;

async function warm(application: Application, ...warmup: readonly string[]): Promise<void> {
  await warmUp(application, { system, settings: { ...settings, warmup }, log: () => {}, multiprocess: true });
}

test("parseWarmup() reads method, path, how often and which status", () => {
  assert.deepEqual(parseWarmup("GET /healthz"), { method: "GET", path: "/healthz", times: 1, status: null });
  assert.deepEqual(parseWarmup(" POST /a?b=c  x12 =204 "), { method: "POST", path: "/a?b=c", times: 12, status: 204 });
  assert.deepEqual(parseWarmup("HEAD / =301"), { method: "HEAD", path: "/", times: 1, status: 301 });
});

test("parseWarmup() refuses what is no request", () => {
  for (const text of ["", "GET", "/healthz", "get /", "GET healthz", "GET / x0", "GET / 5", "GET / =20", "GET / =200 x5", "GET / x5 x6", "TRACE /", "GET /#a", "GET /ä"]) {
    assert.throws(() => parseWarmup(text), { name: "SyntaxError", message: /^expected METHOD \/PATH/ }, text);
  }
});

test("warmUp() sends a TSGI application each request as often as asked, as from this machine", async () => {
  const seen: string[] = [];
  const app = (environ: Environ, startResponse: (status: string, headers: [string, string][]) => unknown) => {
    seen.push([environ.REQUEST_METHOD, environ.PATH_INFO, environ.QUERY_STRING, environ.HTTP_HOST, environ.REMOTE_ADDR, environ["tsgi.multiprocess"]].join(" "));
    startResponse("404 Not Found", []);
    return ["no"];
  };
  await warm({ kind: "tsgi", app: app as never }, "GET /a?b=1 x2", "POST /c =404");
  assert.deepEqual(seen, [
    "GET /a b=1 127.0.0.1:8000 127.0.0.1 true",
    "GET /a b=1 127.0.0.1:8000 127.0.0.1 true",
    "POST /c  127.0.0.1:8000 127.0.0.1 true",
  ]);
});

test("warmUp() reads a Fetch handler's answers to their end", async () => {
  let ended = 0;
  const body = () => new ReadableStream({ pull: (c) => (ended++, c.close()) }, { highWaterMark: 0 });
  await warm({ kind: "fetch", fetch: () => Promise.resolve(new Response(body())) }, "GET / x3 =200");
  assert.equal(ended, 3);
});

test("warmUp() throws for an answer of 500, an unwanted one, a thrown error, and one that breaks off", async () => {
  const fetch = (answer: () => Response): Application => ({ kind: "fetch", fetch: answer });
  const failed = (message: RegExp) => ({ name: "AppLoadError", exitCode: 3, message });
  await assert.rejects(warm(fetch(() => new Response("", { status: 503 })), "GET /h"), failed(/^Cannot warm app\.ts up: GET \/h answered 503, expected a status below 500$/));
  await assert.rejects(warm(fetch(() => new Response("", { status: 404 })), "GET /h =200"), failed(/answered 404, expected 200$/));
  await assert.rejects(warm(fetch(() => { throw new Error("no"); }), "GET /h"), failed(/answered 500/));
  const broken = new ReadableStream({ pull: (c) => c.error(new Error("gone")) });
  await assert.rejects(warm(fetch(() => new Response(broken)), "GET /h"), failed(/GET \/h broke its answer off: .*gone/));
});
