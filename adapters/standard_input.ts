import { read } from "node:fs";
import { setTimeout } from "node:timers/promises";

const BLOCK = 65_536;
/** Milliseconds between two looks at a stdin that a server made non-blocking. */
const PAUSE = 10;

/**
 * Standard input, read only when asked: `process.stdin` reads ahead, and once it has begun, nothing makes Deno's process end before its
 * writer does.
 */
export async function* standardInput(): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const bytes = await readSome();
    if (bytes === null) await setTimeout(PAUSE);
    else if (bytes.length === 0) return;
    else yield bytes;
  }
}

function readSome(): Promise<Uint8Array | null> {
  const block = new Uint8Array(BLOCK);
  return new Promise((resolve, reject) => {
    read(0, block, 0, BLOCK, null, (error, length) => {
      if (!error) resolve(block.subarray(0, length));
      else if (error.code === "EAGAIN") resolve(null);
      else reject(error);
    });
  });
}
