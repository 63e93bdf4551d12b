import assert from "node:assert/strict";
import { test } from "node:test";
import { inFlightText, noteUnheard, readAnswered, Register, REGISTER_SIZE, requestLine } from "../../../core/arbiter/register.ts";

function pair(): { readonly memory: Uint8Array; readonly register: Register } {
  const memory = new Uint8Array(REGISTER_SIZE);
  return { memory, register: new Register(memory) };
}

test("inFlightText() names what has entered and not left, the oldest first", () => {
  const { memory, register } = pair();
  assert.equal(inFlightText(memory, 5000), "");
  register.beat(100_000);
  const gone = register.enter("GET", "http://h/gone");
  register.wait(register.enter("GET", "http://h:80/report?id=7"), 90_000);
  register.wait(register.enter("POST", "http+unix://%2Frun%2Fx/x"), 99_000);
  register.leave(gone, 200);
  assert.equal(inFlightText(memory, 5000), "GET /report?id=7 (15.0s), POST /x (6.0s)");
});

test("inFlightText() gives what is being called now no more time than what was awaited before it", () => {
  const { memory, register } = pair();
  register.beat(100_000);
  const waiting = register.enter("GET", "http://h/wait");
  register.wait(waiting, 100_300);
  register.enter("GET", "http://h/spin");
  assert.equal(inFlightText(memory, 5000), "GET /wait (4.7s), GET /spin (4.7s)");
  register.leave(waiting, 204);
  assert.equal(inFlightText(memory, 5000), "GET /spin (5.0s)");
});

test("noteUnheard() adds a thread's own silence to that of its process", () => {
  const { memory, register } = pair();
  register.beat(100_000);
  const waiting = register.enter("GET", "http://h/wait");
  register.wait(waiting, 99_000);
  noteUnheard(memory, 3000);
  assert.equal(inFlightText(memory, 500), "GET /wait (4.5s)");
  register.leave(waiting, 200);
  register.enter("GET", "http://h/spin");
  assert.equal(inFlightText(memory, 500), "GET /spin (3.5s)");
});

test("Register counts what it has no room for, and has room again when requests leave", () => {
  const { memory, register } = pair();
  const slots = Array.from({ length: 70 }, (_, i) => register.enter("GET", `http://h/${i}`));
  assert.equal(slots.filter((slot) => slot === 0).length, 7);
  assert.match(inFlightText(memory, 1000), /^GET \/\d \(1\.0s\), .* and 60 more$/);
  for (const slot of slots) register.leave(slot, 200);
  assert.equal(inFlightText(memory, 1000), "");
  assert.ok(register.enter("GET", "http://h/again") > 0);
  assert.equal(inFlightText(memory, 1000), "GET /again (1.0s)");
});

test("inFlightText() lets no request pass for another, nor for another line", () => {
  const { memory, register } = pair();
  register.enter("GET", "http://h/a\n[CRITICAL] (1.0s), GET /b\x1b[31m\u202e");
  assert.equal(inFlightText(memory, 1000), "GET /a\\x0a[CRITICAL]\\x20(1.0s),\\x20GET\\x20/b\\x1b[31m\\u202e (1.0s)");
  memory.fill(0xff);
  assert.equal(inFlightText(memory, 1000), "", "whatever is in the memory");
  memory.fill(0x7f);
  assert.doesNotMatch(inFlightText(memory, 1000), /\n/);
});

test("Register cuts what is too long for a slot, and leaves its neighbour alone", () => {
  const { memory, register } = pair();
  register.enter("GET", "http://h/one");
  register.enter("VERY-LONG-METHOD-THAT-NOBODY-HAS", `http://h/${"x".repeat(500)}`);
  register.enter("GET", "http://h");
  const text = inFlightText(memory, 1000);
  assert.match(text, /GET \/one \(1\.0s\)/);
  assert.match(text, /VERY-LONG-METHOD-THA \/x{98} \(1\.0s\)/);
});

test("readAnswered() tells what left last, in the order in which it came, and not what is in flight or forgotten", () => {
  const { memory, register } = pair();
  assert.deepEqual(readAnswered(memory), []);
  const [first, second, third] = ["a", "b", "c"].map((name) => register.enter("GET", `http://h/${name}?q=1`));
  register.leave(register.enter("GET", "http://h/forgotten"), 0);
  register.leave(third!, 599);
  register.leave(first!, 200);
  assert.deepEqual(readAnswered(memory), [{ line: "GET /a?q=1", status: 200 }, { line: "GET /c?q=1", status: 599 }]);
  assert.equal(inFlightText(memory, 1000), "GET /b?q=1 (1.0s)");
  register.leave(second!, 404);
  for (let i = 0; i < 1000; i++) register.leave(register.enter("POST", `http://h/${i}`), 201);
  const last = readAnswered(memory);
  assert.equal(last.length, 63);
  assert.deepEqual(last.map(({ line }) => line), Array.from({ length: 63 }, (_, i) => `POST /${937 + i}`));
  const waiting = register.enter("GET", "http://h/wait");
  for (let i = 0; i < 1000; i++) register.leave(register.enter("GET", `http://h/${"x".repeat(i)}`), 200);
  assert.equal(inFlightText(memory, 1000), "GET /wait (1.0s)");
  assert.equal(readAnswered(memory).length, 62);
  register.leave(waiting, 200);
  memory.fill(0xff);
  assert.ok(readAnswered(memory).length <= 63, "whatever is in the memory");
});

test("requestLine() is method and target, safe and short", () => {
  assert.equal(requestLine({ method: "GET", url: "http://h/a?b=c" }), "GET /a?b=c");
  assert.equal(requestLine({ method: "GET", url: `http://h/ \n${"x".repeat(500)}` }).length < 150, true);
  assert.match(requestLine({ method: "GET", url: "http://h/ \n" }), /^GET \/\\x20\\x0a$/);
});
