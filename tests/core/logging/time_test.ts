import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { accessLogTime, errorLogTime } from "../../../core/logging/time.ts";

/** Every instant once only: the zone changes below, and each second is cached. */
let next = Date.UTC(2026, 10, 20, 15, 7, 7, 250);

function inZone(zone: string, claim: (at: number) => void): void {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    claim(next);
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
    next += 86_400_000;
  }
}

test("errorLogTime() and accessLogTime() are local time with the offset, as gunicorn writes them", () => {
  const at = new Date(2026, 10, 20, 15, 7, 9).getTime();
  const offset = /([+-])(\d\d)(\d\d)/.exec(String(new Date(at)))![0];
  assert.equal(errorLogTime(at), `[2026-11-20 15:07:09 ${offset}]`);
  assert.equal(accessLogTime(at), `[20/Nov/2026:15:07:09 ${offset}]`);
  assert.equal(errorLogTime(new Date(2026, 0, 2, 3, 4, 5).getTime()).slice(0, 21), "[2026-01-02 03:04:05 ");
});

test("errorLogTime() follows each second and not the milliseconds", () => {
  const at = Date.UTC(2027, 0, 1, 0, 0, 59, 999);
  assert.notEqual(errorLogTime(at), errorLogTime(at + 1));
  assert.equal(errorLogTime(at + 1), errorLogTime(at + 1000));
});

test("errorLogTime() has the sign of the offset right, and half hours", () => {
  inZone("Asia/Kolkata", (at) => assert.match(errorLogTime(at), / 20:37:07 \+0530\]$/));
  inZone("America/St_Johns", (at) => assert.match(errorLogTime(at), / 11:37:07 -0330\]$/));
});
