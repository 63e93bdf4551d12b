import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../../../core/admin/history.ts";
import { Journal } from "../../../core/admin/journal.ts";
import type { Start, View } from "../../../core/admin/view.ts";
import { served, type Served, worker } from "./served.ts";

test("Feed tells how things were, then how they are each second, and what happens at once", async () => {
  const server = served();
  server.journal.heard("error", "reload-failed", { generation: 1, reason: "broken\nagain" });
  answered(server, 200, 10);
  server.tick();
  const reader = events(await server.ask("/events"));
  const [name, start] = await reader.next() as ["start", Start];
  assert.equal(name, "start");
  assert.deepEqual(start.points.map((p) => p.perSecond), [null, 10]);
  assert.equal(start.entries[0]!.text, "Reload failed, generation 1 keeps serving: broken\\x0aagain");
  assert.deepEqual([start.view.name, start.view.mayAct, start.view.unready, start.view.workers[0]!.busyWith], ["app.ts", false, null, "GET /slow (1.0s)"]);

  answered(server, 503, 4);
  server.tick();
  const [, view] = await reader.next() as ["view", View];
  assert.deepEqual([view.point.perSecond, view.point.errorsPerSecond, view.requests?.total], [4, 4, 14]);
  assert.ok(Math.abs(view.point.p99! - 0.02) < 0.001, `${view.point.p99}`);
  assert.deepEqual(view.point.rss, [2 ** 20, 2 * 2 ** 20]);

  server.journal.noted({ pid: 101, slot: 0 }, [{ time: 1, level: "error", event: "answered-5xx", text: "GET /x was answered with 503" }], 2);
  assert.deepEqual((await reader.next())[1], { time: 1, level: "error", event: "answered-5xx", text: "GET /x was answered with 503", pid: 101, slot: 0 });
  assert.match(JSON.stringify(await reader.next()), /2 more like these/);
  await reader.leave();
});

test("Feed forgets who leaves, and has room for so many only", async () => {
  const server = served();
  const readers = [];
  for (;;) {
    const answer = await server.ask("/events");
    if (answer.status !== 200) {
      assert.equal(answer.status, 503);
      break;
    }
    readers.push(events(answer));
  }
  assert.equal(readers.length, 32);
  await readers[7]!.leave();
  assert.equal((await server.ask("/events")).status, 200);
  server.tick();
  server.feed.close();
  assert.equal((await readers[0]!.next())[0], "start");
});

test("Feed skips views for one who does not read, and goes on for the others", async () => {
  const server = served();
  const slow = await server.ask("/events");
  for (let i = 0; i < 2000; i++) server.tick();
  const quick = events(await server.ask("/events"));
  server.tick();
  assert.deepEqual([(await quick.next())[0], (await quick.next())[0]], ["start", "view"]);
  server.feed.close();
  assert.ok((await slow.arrayBuffer()).byteLength < 3 << 20);
});

test("Feed.dismiss() ends what is open; who comes back is served", async () => {
  const server = served();
  const reader = events(await server.ask("/events"));
  await reader.next();
  server.feed.dismiss();
  await assert.rejects(reader.next(), /over/);
  assert.equal((await events(await server.ask("/events")).next())[0], "start");
});

test("History keeps five minutes, and of each slot the worker that serves", () => {
  const server = served();
  const history = new History();
  server.state = { ...server.state, workers: [worker(1, 0, { phase: "draining" }), worker(3, 0), worker(4, 2)] };
  for (let i = 0; i < 400; i++) {
    server.tick();
    history.note(server.controls.stats());
  }
  assert.equal(history.points.length, 300);
  assert.deepEqual(history.points.at(-1)!.rss, [3 * 2 ** 20, null, 4 * 2 ** 20]);
});

test("Journal keeps the last hundred of what is loud or awaited, and nothing else", () => {
  const journal = new Journal();
  journal.heard("info", "booting", { pid: 1 });
  journal.heard("debug", "retrying", {});
  journal.heard("info", "reloaded", { generation: 2, workers: 1 });
  assert.deepEqual(journal.entries.map((e) => [e.event, e.pid]), [["reloaded", null]]);
  for (let i = 0; i < 150; i++) journal.heard("warning", "woke", { seconds: i });
  assert.equal(journal.entries.length, 100);
  assert.match(journal.entries.at(-1)!.text, /149 s/);
});

function answered({ meter }: Served, status: number, times: number): void {
  for (let i = 0; i < times; i++) {
    const since = meter.begin();
    meter.end(since - 20, status);
  }
}

/** The events of `response`, one by one. */
function events(response: Response) {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    next: async (): Promise<[name: string, data: unknown]> => {
      while (!text.includes("\n\n")) {
        const { done, value } = await reader.read();
        if (done) throw new Error("It is over");
        text += decoder.decode(value, { stream: true });
      }
      const end = text.indexOf("\n\n");
      const [, name = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end))!;
      text = text.slice(end + 2);
      return [name, JSON.parse(data)];
    },
    leave: () => reader.cancel(),
  };
}
