import { BodyInput } from "../gateway/input.ts";
import type { Environ, InputStream } from "../gateway/types.ts";

/**
 * The request body if it has at most `max` bytes, else null. Afterwards `tsgi.input` is another one that gives all of it again, in order,
 * and never more than `max` bytes are kept.
 */
export async function peekInput(environ: Environ, max: number): Promise<Uint8Array | null> {
  const input = environ["tsgi.input"];
  const begun = await input.read(max + 1);
  environ["tsgi.input"] = new BodyInput({ body: joined(begun, input) });
  return begun.length > max ? null : begun;
}

function joined(begun: Uint8Array, input: InputStream): ReadableStream<Uint8Array> {
  let rest: AsyncIterator<Uint8Array> | null = null;
  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (rest === null && begun.length > 0) {
      rest = input[Symbol.asyncIterator]();
      // A copy: a consumer may transfer or change what it is given.
      return controller.enqueue(begun.slice());
    }
    rest ??= input[Symbol.asyncIterator]();
    const step = await rest.next();
    if (step.done) controller.close();
    else controller.enqueue(step.value);
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}
