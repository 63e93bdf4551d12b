import { TsgiError } from "./error.ts";
import { BodyInput } from "./input.ts";
import { status } from "./status.ts";
import type { Environ, InputStream, Status } from "./types.ts";

/** More input than is allowed. `status` is the answer it deserves. */
export class InputTooLargeError extends TsgiError {
  override readonly name = "InputTooLargeError";
  readonly status: Status = status(413);

  constructor(max: number) {
    super("ERR_TSGI_TOO_LARGE", `Cannot read the request body: expected at most ${max} bytes, got more`);
  }
}

/**
 * The input with at most `max` bytes: put it in the place of `tsgi.input`, before anybody reads that.
 *
 * Throws {@linkcode InputTooLargeError} at once if CONTENT_LENGTH is larger. It may also be absent or wrong, so the bytes are counted:
 * reading gives the first `max` of them, then rejects with the same error. Answer 413 (SPEC U-9).
 *
 * @example
 * ```ts
 * environ["tsgi.input"] = limitInput(environ, { max: 1_000_000 });
 * ```
 */
export function limitInput(environ: Environ, options: { max: number }): InputStream {
  const { max } = options;
  if (!(max >= 0)) throw new RangeError(`Cannot limit the input: expected max >= 0 bytes, got ${max}`);
  if (Number(environ.CONTENT_LENGTH ?? 0) > max) throw new InputTooLargeError(max);
  return new BodyInput({ body: limited(environ["tsgi.input"], max) });
}

/** Nothing is read from the input before somebody reads from this. */
function limited(input: InputStream, max: number): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | null = null;
  let left = max;
  let isTooLarge = false;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    // Only now: an error would throw away what is still in the queue.
    if (isTooLarge) throw new InputTooLargeError(max);
    chunks ??= input[Symbol.asyncIterator]();
    const { done, value } = await chunks.next();
    if (done === true) return controller.close();
    isTooLarge = value.length > left;
    if (isTooLarge && left === 0) throw new InputTooLargeError(max);
    controller.enqueue(isTooLarge ? value.subarray(0, left) : value);
    left -= Math.min(left, value.length);
  };
  return new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
}
