import assert from "node:assert/strict";
import { test } from "node:test";
import type { FromWorker } from "../../../core/arbiter/message.ts";
import { Notes } from "../../../core/arbiter/notes.ts";
import type { Fields } from "../../../core/logging/record.ts";

function noting() {
  const sent: Extract<FromWorker, { type: "noted" }>[] = [];
  const notes = new Notes({ every: () => ({ stop: () => {} }), send: (message) => void sent.push(message as Extract<FromWorker, { type: "noted" }>) });
  const logged: unknown[] = [];
  const log = notes.hear((level, event, fields?: Fields) => void logged.push([level, event, fields]));
  return { notes, log, sent, logged };
}

const get = (url: string) => new Request(url);

test("Notes tells what is loud, and hands every record on", () => {
  const { notes, log, sent, logged } = noting();
  log("info", "booting", { pid: 1 });
  log("warning", "slow-request", { request: "GET /x", seconds: 2, over: true });
  log("critical", "application", { text: "a\nb\u2028", detail: "  why\nand where" });
  notes.tell();
  notes.tell();
  assert.equal(logged.length, 3);
  assert.equal(sent.length, 1);
  assert.deepEqual(sent[0]!.notes.map(({ level, event, text }) => [level, event, text]), [
    ["warning", "slow-request", "Slow request: GET /x took 2 s"],
    ["critical", "application", "a\\x0ab\\u2028: why"],
  ]);
});

test("Notes names the requests that are answered with 5xx, once if the log has told of them", async () => {
  const { notes, log, sent } = noting();
  const handler = notes.watch(async (request) => {
    if (request.url.endsWith("/tsgi")) log("error", "application", { text: "Error handling request GET /tsgi", detail: "Error: boom\n at x" });
    if (request.url.endsWith("/throw")) log("error", "request-error", { method: "GET", path: request.url, reason: "boom" });
    return new Response("", { status: request.url.endsWith("/fine") ? 200 : 503 });
  });
  const sync = notes.watch(() => new Response("", { status: 500 }));
  await Promise.all([handler(get("http://h/fine"), null), handler(get("http://h/throw"), null), handler(get("http://h/tsgi"), null), handler(get("http://h/busy?id=1"), null)]);
  sync(get("http://h/sync"), null);
  await Promise.resolve();
  notes.tell();
  assert.deepEqual(sent[0]!.notes.map((n) => n.text).sort(), [
    "Error handling request GET /tsgi: Error: boom",
    "Error handling request GET http://h/throw: boom",
    "GET /busy?id=1 was answered with 503",
    "GET /sync was answered with 500",
  ]);
});

test("Notes tells so many at a time, counts the rest, and cuts what is long", () => {
  const { notes, log, sent } = noting();
  for (let i = 0; i < 100; i++) log("error", "application", { text: "x".repeat(100_000) });
  notes.tell();
  assert.deepEqual([sent[0]!.notes.length, sent[0]!.lost], [20, 80]);
  assert.ok(JSON.stringify(sent).length < 20 * 1000);
  log("error", "application", { text: "y" });
  notes.tell();
  assert.deepEqual([sent[1]!.notes.length, sent[1]!.lost], [1, 0]);
});

test("Notes lets a handler fail as ever", async () => {
  const { notes } = noting();
  await assert.rejects(notes.watch(() => Promise.reject(new Error("boom")))(get("http://h/"), null) as Promise<Response>, /boom/);
});
