/**
 * How a process that was started to serve tells the one that started it: a file without a name that both have open. Nothing in it can be
 * lost with a process that ends, and it needs no answer.
 */
import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a line cannot hold. */
const SERVING = "\0";

/** The side of the new process. */
export interface Starter {
  /** Why it will not serve: for standard error. */
  complain(text: string): void;
  /** It serves: who started it hears no more. */
  serving(): void;
}

export function openStatus(): number {
  const path = join(tmpdir(), `tsgi-${crypto.randomUUID()}`);
  const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;
  const descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600);
  unlinkSync(path);
  return descriptor;
}

/** What was said so far: complaints, and whether it serves. */
export function readStatus(descriptor: number): { readonly text: string; readonly serves: boolean } {
  const buffer = new Uint8Array(fstatSync(descriptor).size);
  const length = readSync(descriptor, buffer, 0, buffer.length, 0);
  const text = new TextDecoder().decode(buffer.subarray(0, length));
  return { text: text.replaceAll(SERVING, ""), serves: text.includes(SERVING) };
}

export function writeStatus(descriptor: number): Starter {
  let isOpen = true;
  return {
    complain: (text) => {
      if (isOpen) writeSync(descriptor, text.replaceAll(SERVING, ""));
    },
    serving: () => {
      if (!isOpen) return;
      isOpen = false;
      writeSync(descriptor, SERVING);
      closeSync(descriptor);
    },
  };
}
