import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRequest, encodeFrame, FrameDecoder, LONGEST_FRAME } from "../../../core/control/frame.ts";

test("FrameDecoder reads what encodeFrame wrote, in pieces of any size", () => {
  const messages = [{ id: 1, command: "show workers", args: [] }, { id: "b", command: "réload", args: ["--wait", 2] }];
  const bytes = new Uint8Array(messages.flatMap((message) => [...encodeFrame(message)]));
  for (let size = 1; size <= bytes.length; size++) {
    const decoder = new FrameDecoder();
    const found: unknown[] = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...decoder.push(bytes.subarray(at, at + size)));
    assert.deepEqual(found, messages);
  }
});

test("encodeFrame writes the length big-endian before the JSON", () => {
  const frame = encodeFrame({ id: 1, status: "ok", data: null });
  assert.deepEqual([...frame.subarray(0, 4)], [0, 0, 0, frame.length - 4]);
  assert.equal(new TextDecoder().decode(frame.subarray(4)), '{"id":1,"status":"ok","data":null}');
});

test("FrameDecoder refuses a frame that is too long, before it comes, and one that is no JSON", () => {
  const long = new Uint8Array(4);
  new DataView(long.buffer).setUint32(0, LONGEST_FRAME + 1);
  assert.throws(() => new FrameDecoder().push(long), RangeError);
  assert.throws(() => new FrameDecoder().push(new Uint8Array([0, 0, 0, 2, 0x7b, 0x7b])), /no JSON/);
  assert.throws(() => new FrameDecoder().push(new Uint8Array([0, 0, 0, 3, 0x22, 0xff, 0x22])), /no JSON/);
});

test("checkRequest takes requests only", () => {
  assert.deepEqual(checkRequest({ id: 1, command: "reload" }), { id: 1, command: "reload", args: [] });
  for (const wrong of [null, 5, [], {}, { id: 1 }, { id: {}, command: "reload" }, { id: 1, command: 2 }, { id: 1, command: "x", args: "y" }, { id: 1, command: "x", args: [{}] }]) {
    assert.throws(() => checkRequest(wrong), TypeError, JSON.stringify(wrong));
  }
});
