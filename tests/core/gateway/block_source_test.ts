/** Files as streams and Blobs, where nobody but the native server reads the body. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGateway } from "../../../core/gateway/gateway.ts";
import type { FileSource } from "../../../core/gateway/types.ts";
import { ct, Recorder } from "./exercise.ts";

const SIZE = 3_000_000;
const content = Uint8Array.from({ length: SIZE }, (_, at) => at * 31 % 251);

async function send(source: FileSource): Promise<{ response: Response; errors: Recorder }> {
  const errors = new Recorder();
  const gateway = createGateway((environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return environ["tsgi.file_wrapper"]!(source);
  }, { isLast: true, contentLength: "runtime", errors });
  return { response: await gateway(new Request("http://a/")), errors };
}

/** As a native server reads: what was given is its own until it asks for more. */
async function received({ body }: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of body ?? []) parts.push(chunk.slice());
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

interface ByteFile {
  readonly stream: ReadableStream<Uint8Array>;
  /** The sizes of the blocks that were to be filled. */
  readonly wanted: number[];
  isCancelled: boolean;
}

/** A file as Deno shows it: whoever brings memory has it filled. */
function byteFile(): ByteFile {
  let at = 0;
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const request = controller.byobRequest!;
      const view = request.view as Uint8Array;
      file.wanted.push(view.byteLength);
      const part = content.subarray(at, at + view.byteLength);
      at += part.length;
      if (part.length === 0) controller.close();
      else new Uint8Array(view.buffer, view.byteOffset).set(part);
      request.respond(part.length);
    },
    cancel() {
      file.isCancelled = true;
    },
    autoAllocateChunkSize: 1024,
  }) as ReadableStream<Uint8Array>;
  const file: ByteFile = { stream, wanted: [], isCancelled: false };
  return file;
}

test("a stream of bytes is read in large blocks", async () => {
  const { stream, wanted } = byteFile();
  const { response } = await send(stream);
  assert.deepEqual(await received(response), content);
  assert.deepEqual([wanted[0], Math.max(...wanted)], [64 * 1024, 512 * 1024]);
});

test("a stream of bytes is cancelled when the client goes", async () => {
  const file = byteFile();
  const { response } = await send(file.stream);
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(file.isCancelled, true);
});

test("a stream of bytes that comes in small pieces is given small blocks, and may close without an answer to who waits", async () => {
  const wanted: number[] = [];
  const pull = (controller: ReadableByteStreamController) => {
    if (wanted.push(controller.byobRequest!.view!.byteLength) === 3) controller.close();
    else controller.enqueue(new Uint8Array([wanted.length]));
  };
  const { response } = await send(new ReadableStream({ type: "bytes", pull }) as ReadableStream<Uint8Array>);
  // Waits for ever if the end is not seen.
  assert.deepEqual([...await received(response)], [1, 2]);
  assert.deepEqual(new Set(wanted), new Set([64 * 1024]));
});

test("a stream of bytes that fails breaks the response", async () => {
  let pulls = 0;
  const pull = (controller: ReadableByteStreamController) => {
    if (++pulls === 2) throw new Error("the disk is gone");
    controller.enqueue(new Uint8Array([1]));
  };
  const { response, errors } = await send(new ReadableStream({ type: "bytes", pull }) as ReadableStream<Uint8Array>);
  await assert.rejects(received(response));
  assert.equal(errors.text.split("the disk is gone").length > 1, true, errors.text);
});

test("a Blob can be sent again", async () => {
  const blob = new Blob([content.slice(0, 1_000_000), content.slice(1_000_000)]);
  for (let time = 0; time < 2; time++) assert.deepEqual(await received((await send(blob)).response), content);
  assert.deepEqual(await received((await send(blob.slice(5, 100_000))).response), content.slice(5, 100_000));
});

test("the chunks of any other stream stay its own", async () => {
  const chunks = [content.slice(0, 10), content.slice(10, 200_000)];
  const lengths = chunks.map(({ length }) => length);
  const left = [...chunks];
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => left.length > 0 ? controller.enqueue(left.shift()!) : controller.close();
  const { response } = await send(new ReadableStream({ pull }));
  assert.deepEqual(await received(response), content.slice(0, 200_000));
  assert.deepEqual(chunks.map(({ length }) => length), lengths);
});
