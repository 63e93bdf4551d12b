import assert from "node:assert/strict";
import { test } from "node:test";
import { InFlight } from "../../../core/arbiter/in_flight.ts";
import { inFlightText, Register, REGISTER_SIZE } from "../../../core/arbiter/register.ts";
import { Meter, METER_SIZE, readMeter } from "../../../core/metrics/meter.ts";

function setting(slowRequest = 0, loopLag = 0) {
  const memory = new Uint8Array(REGISTER_SIZE);
  const said: string[] = [];
  const clock = { at: 1000 };
  const inFlight = new InFlight({
    settings: { slowRequest, loopLag },
    register: new Register(memory),
    meter: null,
    log: (level, event, fields) => said.push(`${level} ${event} ${JSON.stringify(fields)}`),
    requestLog: null,
    now: () => clock.at,
  });
  return { memory, said, clock, inFlight, text: () => inFlightText(memory, 0) };
}

const request = (path: string) => new Request(`http://h${path}`);

test("attend() has a request in the register for as long as it is handled", async () => {
  const { inFlight, text } = setting();
  const { promise, resolve } = Promise.withResolvers<Response>();
  const during: string[] = [];
  const handler = inFlight.attend((r) => {
    during.push(text());
    return r.url.endsWith("/now") ? new Response("now") : promise;
  });
  const now = handler(request("/now"), null);
  assert.ok(now instanceof Response);
  assert.equal(text(), "");
  const later = handler(request("/later"), null);
  assert.match(text(), /^GET \/later \(/);
  resolve(new Response("later"));
  assert.equal(await (await later).text(), "later");
  assert.equal(text(), "");
  assert.deepEqual(during.map((t) => t.replace(/ \(.*/, "")), ["GET /now", "GET /later"]);
  const failing = inFlight.attend(() => Promise.reject(new Error("own")));
  await assert.rejects(async () => await failing(request("/"), null), /own/);
  assert.equal(text(), "");
});

test("refuse() answers everybody who waits, and who would wait from then on", async () => {
  const { inFlight } = setting();
  const handler = inFlight.attend((r) => (r.url.endsWith("/now") ? new Response("now") : new Promise<Response>(() => {})));
  const waiting = [handler(request("/a"), null), handler(request("/b"), null)];
  assert.equal(inFlight.refuse(), 2);
  waiting.push(handler(request("/c"), null));
  for (const response of await Promise.all(waiting)) {
    assert.deepEqual([response.status, response.headers.get("connection"), await response.text()], [503, "close", "Service Unavailable\n"]);
  }
  assert.equal((await handler(request("/now"), null)).status, 200);
  assert.equal(inFlight.refuse(), 0);
});

test("look() tells of a slow request once, a call that was slow tells itself", () => {
  const { inFlight, said, clock } = setting(2);
  const handler = inFlight.attend((r) => {
    if (r.url.includes("/spin")) clock.at += 2500;
    return r.url.endsWith("/wait") ? new Promise<Response>(() => {}) : new Response();
  });
  void handler(request("/wait"), null);
  clock.at += 2000;
  inFlight.look();
  assert.deepEqual(said, []);
  clock.at += 500;
  inFlight.look();
  inFlight.look();
  void handler(request("/spin"), null);
  assert.deepEqual(said, [
    'warning slow-request {"request":"GET /wait","seconds":2.5,"over":false}',
    'warning slow-request {"request":"GET /spin","seconds":2.5,"over":true}',
  ]);
});

test("suspects() names the call that took the time, else who waits", () => {
  const { inFlight, clock } = setting(0, 1);
  const handler = inFlight.attend((r) => {
    if (r.url.includes("/spin")) clock.at += 900;
    return r.url.endsWith("/wait") ? new Promise<Response>(() => {}) : new Response();
  });
  void handler(request("/wait"), null);
  void handler(request("/spin"), null);
  void handler(request("/quick"), null);
  assert.equal(inFlight.suspects(1000), "GET /spin");
  assert.equal(inFlight.suspects(1000), "GET /wait", "a call is held against somebody once");
  void handler(request("/spin"), null);
  inFlight.relax();
  assert.equal(inFlight.suspects(1000), "GET /wait");
});

test("who has been answered is awaited no more, in whatever order, and the oldest is suspected first", async () => {
  const { inFlight, clock } = setting(0, 1);
  const answer = new Map<string, (response: Response) => void>();
  const handler = inFlight.attend((r) => new Promise<Response>((resolve) => answer.set(new URL(r.url).pathname, resolve)));
  const ask = (path: string) => {
    clock.at++;
    return handler(request(path), null) as Promise<Response>;
  };
  const waiting = ["/a", "/b", "/c", "/d"].map((path) => [path, ask(path)] as const);
  const give = async (path: string) => {
    answer.get(path)!(new Response(path));
    assert.equal(await (await waiting.find(([one]) => one === path)![1]).text(), path);
  };
  await give("/a");
  assert.equal(inFlight.suspects(1000), "GET /b, GET /c, GET /d");
  await give("/d");
  assert.equal(inFlight.suspects(1000), "GET /b, GET /c");
  const last = ask("/e");
  assert.equal(inFlight.refuse(), 3);
  answer.get("/b")!(new Response("too late"));
  assert.deepEqual((await Promise.all([waiting[1]![1], waiting[2]![1], last])).map(({ status }) => status), [503, 503, 503]);
  assert.equal(inFlight.suspects(1000), "");
  assert.equal(inFlight.refuse(), 0);
});

test("InFlight meters each answer once: at once, awaited, failed, or given by refuse()", async () => {
  const memory = new Uint8Array(METER_SIZE);
  const inFlight = new InFlight({ settings: { slowRequest: 0, loopLag: 0 }, register: null, requestLog: null, meter: new Meter(memory, () => 0), log: () => {}, now: () => 0 });
  const request = new Request("http://h/");
  const statuses = () => readMeter(memory).statuses;
  inFlight.attend(() => new Response("", { status: 404 }))(request, null);
  await inFlight.attend(async () => new Response("", { status: 302 }))(request, null);
  await assert.rejects(inFlight.attend(() => Promise.reject(new Error("on purpose")))(request, null) as Promise<Response>);
  assert.deepEqual(statuses(), { "1xx": 0, "2xx": 0, "3xx": 1, "4xx": 1, "5xx": 1, other: 0 });
  let late = (_response: Response): void => {};
  const waiting = inFlight.attend(() => new Promise((resolve) => (late = resolve)))(request, null);
  assert.equal(readMeter(memory).inFlight, 1);
  inFlight.refuse();
  assert.equal((await waiting).status, 503);
  late(new Response());
  await Promise.resolve();
  assert.deepEqual(statuses(), { "1xx": 0, "2xx": 0, "3xx": 1, "4xx": 1, "5xx": 2, other: 0 });
  assert.equal(readMeter(memory).inFlight, 0);
});
