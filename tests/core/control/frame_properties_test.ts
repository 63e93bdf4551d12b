/** Messages are the same whatever pieces their bytes come in. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { encodeFrame, FrameDecoder } from "../../../core/control/frame.ts";
import { BodyInput } from "../../../core/gateway/input.ts";
import { eachLine } from "../../../runtimes/lines.ts";
import { property } from "../property.ts";

const cuts = fc.array(fc.nat(2000), { maxLength: 12 });

/** `bytes` in pieces that end at `at`; some may be empty. */
function pieces(bytes: Uint8Array, at: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const ends = [...at.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
}

const reply = fc.record({ id: fc.oneof(fc.integer(), fc.string({ unit: "binary" })), status: fc.constant("ok" as const), data: fc.jsonValue() });

property("FrameDecoder gives the same messages for every split of their bytes", fc.tuple(fc.array(reply, { maxLength: 5 }), cuts), ([messages, at]) => {
  const frames = messages.map(encodeFrame);
  const all = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let length = 0;
  for (const frame of frames) {
    all.set(frame, length);
    length += frame.length;
  }
  const decoder = new FrameDecoder();
  const found = pieces(all, at).flatMap((piece) => decoder.push(piece));
  assert.deepEqual(found, messages.map((message) => JSON.parse(JSON.stringify(message)) as unknown));
});

property("FrameDecoder never takes garbage for anything but messages or an error", fc.tuple(fc.uint8Array({ maxLength: 60 }), cuts), ([garbage, at]) => {
  const decoder = new FrameDecoder();
  try {
    for (const piece of pieces(garbage, at)) decoder.push(piece);
  } catch (error) {
    assert.ok(error instanceof RangeError || error instanceof TypeError, String(error));
  }
});

property("eachLine() gives the same lines for every split of their bytes", fc.tuple(fc.array(fc.string({ unit: "grapheme" }), { maxLength: 8 }), cuts), async ([texts, at]) => {
  const whole = texts.map((text) => text.replaceAll("\n", "")).join("\n");
  const stream = new PassThrough();
  const lines: string[] = [];
  const ended = eachLine(stream, (line) => lines.push(line));
  for (const piece of pieces(new TextEncoder().encode(whole), at)) stream.write(piece);
  stream.end();
  await ended;
  const expected = whole.split("\n");
  if (expected.at(-1) === "") expected.pop();
  assert.deepEqual(lines, expected);
}, { runs: 100 });

const reading = fc.oneof(
  fc.record({ way: fc.constant("read" as const), size: fc.option(fc.nat(20), { nil: null }) }),
  fc.record({ way: fc.constant("readline" as const), size: fc.option(fc.nat(20), { nil: null }) }),
);

property("tsgi.input reads the same from every split of a body", fc.tuple(fc.string({ unit: fc.constantFrom(..."ab\n\r") , maxLength: 60 }), cuts, fc.array(reading, { maxLength: 8 })), async ([body, at, readings]) => {
  const queue = pieces(new TextEncoder().encode(body), at).filter((piece) => piece.length > 0);
  const input = new BodyInput({ body: new ReadableStream({ pull: (controller) => queue.length > 0 ? controller.enqueue(queue.shift()!) : controller.close() }) });
  let rest = body;
  for (const { way, size } of [...readings, { way: "read" as const, size: null }]) {
    const got = new TextDecoder().decode(await (way === "read" ? input.read(size) : input.readline(size)));
    const line = rest.indexOf("\n") + 1 || rest.length;
    const length = Math.min(way === "read" ? rest.length : line, size ?? Infinity);
    assert.equal(got, rest.slice(0, length), `${way}(${size})`);
    rest = rest.slice(length);
  }
}, { runs: 200 });
