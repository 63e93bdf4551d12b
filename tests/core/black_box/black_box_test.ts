import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../../core/arbiter/arbiter.ts";
import { Register, REGISTER_SIZE } from "../../../core/arbiter/register.ts";
import { arbiter, type Arbiter, type Cause, type Worker } from "../../../core/arbiter/step/state.ts";
import { blackBox, blackBoxFields, isDeath } from "../../../core/black_box/black_box.ts";
import { LastLines } from "../../../core/black_box/last_lines.ts";
import { LOG_RING_SIZE, LogRing } from "../../../core/black_box/log_ring.ts";
import { redact } from "../../../core/black_box/redact.ts";

const [STATE] = step(arbiter({ workers: 1, timeout: 0, bootTimeout: 0, gracefulTimeout: 0 }, { covers: true }, 0), { type: "started", at: 0 });

function worker(cause: Cause | null = null): Worker {
  return { ...STATE.workers[0]!, cause, heard: 9000, servingSince: 1000 };
}

test("isDeath() is a signal, and an exit that nobody asked for or that says failure", () => {
  const halting = (quick: boolean): Arbiter => ({ ...STATE, halt: { since: 0, quick, exitCode: 0, reason: null } });
  const killed = { code: null, signal: "SIGKILL" };
  const exited = (code: number) => ({ code, signal: null });
  assert.ok(isDeath(STATE, worker(), killed));
  assert.ok(isDeath(STATE, worker("silent"), killed));
  assert.ok(isDeath(halting(false), worker("overdue"), killed));
  assert.ok(isDeath(STATE, worker(), exited(0)), "somebody called exit()");
  assert.ok(isDeath(STATE, worker(), exited(7)));
  assert.ok(isDeath(STATE, worker("retired"), exited(1)));
  assert.ok(!isDeath(halting(true), worker("overdue"), killed));
  assert.ok(!isDeath(halting(false), worker("halted"), exited(0)));
  assert.ok(!isDeath(STATE, worker("retired"), exited(0)));
  assert.ok(!isDeath(STATE, worker("leaving"), exited(0)));
  assert.ok(!isDeath(STATE, worker("failed"), exited(4)), "it has said why");
  assert.ok(!isDeath(STATE, worker("boot-timeout"), killed), "it has answered nothing");
  assert.ok(!isDeath(STATE, worker("retired"), { code: null, signal: "SIGTERM" }), "it was told to go while it booted");
  assert.ok(isDeath(STATE, worker(null), { code: null, signal: "SIGTERM" }), "by somebody else");
});

function remains() {
  const [register, log] = [new Uint8Array(REGISTER_SIZE), new Uint8Array(LOG_RING_SIZE)];
  const noted = new Register(register);
  noted.beat(100);
  for (let i = 0; i < 20; i++) noted.leave(noted.enter("GET", `http://h/item/${i}?token=s3cret`), 200);
  noted.wait(noted.enter("POST", "http://h/slow?password=s3cret#s3cret"), 50);
  const ring = new LogRing(log);
  ring.write('[ERROR] Error handling request GET http://h/x?session=s3cret: no, "Authorization: Bearer s3cret"');
  ring.write("Slow request: GET /y?s3cret has been waiting");
  const output = new LastLines();
  for (let i = 0; i < 1000; i++) output.write(`printed ${i}, cookie: a=s3cret; b=s3cret`);
  return { registers: [register], logs: [log], output: output.read() };
}

test("blackBox() is what the worker was doing, without queries and secrets", () => {
  const box = blackBox({ worker: worker(), pid: 7, ending: { code: null, signal: "SIGKILL" }, at: 10_000 }, remains(), false);
  assert.deepEqual(box.inFlight, [{ request: "POST /slow", seconds: 1.05 }]);
  assert.equal(box.requests.length, 20);
  assert.deepEqual(box.requests.at(-1), { request: "GET /item/19", status: 200 });
  assert.deepEqual(box.log, ['[ERROR] Error handling request GET http://h/x?[hidden] no, "Authorization: [hidden]', "Slow request: GET /y?[hidden] has been waiting"]);
  assert.equal(box.output.length, 100);
  assert.equal(box.output.at(-1), "printed 999, cookie: [hidden]");
  assert.equal(box.uptime, 9);
  assert.doesNotMatch(JSON.stringify(box), /s3cret/);
  const { detail, how } = blackBoxFields(box);
  assert.equal(how, "by SIGKILL");
  assert.match(String(detail), /^in flight: POST \/slow \(1\.1s\)\nanswered last: GET \/item\/10 200, .*GET \/item\/19 200\nlogged: /);
});

test("blackBox() has queries when asked, and says so little of a worker that left nothing", () => {
  const death = { worker: worker(), pid: 7, ending: { code: 7, signal: null }, at: 10_000 };
  assert.equal(blackBox(death, remains(), true).inFlight[0]!.request, "POST /slow?password=s3cret#s3cret");
  const nothing = blackBox(death, { registers: [], logs: [], output: [] }, false);
  assert.deepEqual([nothing.inFlight, nothing.requests, nothing.log, nothing.output], [[], [], [], []]);
  assert.deepEqual(blackBoxFields(nothing), { pid: 7, slot: 0, how: "with code 7" });
});

test("redact() takes out what looks like a secret, and leaves the rest", () => {
  const cases: [string, string][] = [
    ["GET /a/b?c=d HTTP/1.1", "GET /a/b?[hidden] HTTP/1.1"],
    ["is that so? yes", "is that so? yes"],
    ["Set-Cookie: sid=1; Path=/", "Set-Cookie: [hidden]"],
    ['{"authorization":"Bearer abc"}', '{"authorization":[hidden]'],
    ["sent Bearer abcdef.ghijkl", "sent Bearer [hidden]"],
    ["API_KEY=abc next=1", "API_KEY=[hidden] next=1"],
    ['{"dbPassword":"a b","user":"x"}', '{"dbPassword":[hidden],"user":"x"}'],
    ["postgres://me:pw@db/x", "postgres://me:[hidden]@db/x"],
  ];
  for (const [line, expected] of cases) assert.equal(redact(line, false), expected);
});
