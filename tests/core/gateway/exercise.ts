/** Calls an application through toFetch in process, and keeps what it wrote to tsgi.errors. */
import assert from "node:assert/strict";
import { TsgiError } from "../../../core/gateway/error.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { ToFetchOptions } from "../../../core/gateway/to_fetch.ts";
import type { App, Environ, ErrorStream, HeaderTuple } from "../../../core/gateway/types.ts";

export const ct: HeaderTuple = ["Content-Type", "text/plain"];

export class Recorder implements ErrorStream {
  text = "";
  write(text: string): void {
    this.text += text;
  }
  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }
  flush(): void {}
}

export interface Called {
  readonly response: Response;
  readonly errors: Recorder;
}

export async function call(app: App, path = "/", init: RequestInit = {}, options: ToFetchOptions = {}): Promise<Called> {
  const errors = new Recorder();
  const response = await toFetch(app, { errors, ...options })(new Request(`http://127.0.0.1${path}`, init));
  return { response, errors };
}

/** The environ that an application sees. */
export async function environOf(path = "/", init: RequestInit = {}, options: ToFetchOptions = {}): Promise<Environ> {
  let seen: Environ | undefined;
  await call((environ, startResponse) => {
    seen = environ;
    startResponse("200 OK", [ct]);
    return [];
  }, path, init, options);
  assert.ok(seen, "the application was not called");
  return seen;
}

/** The fixed 500, the error logged once, and nothing of it told to the client. */
export async function assert500({ response, errors }: Called, logged: string): Promise<void> {
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  assert.equal(await response.text(), "Internal Server Error");
  assert.equal(errors.text.split(logged).length - 1, 1, `expected ${logged} once in ${JSON.stringify(errors.text)}`);
}

export function throwsCode(run: () => unknown, code: string): void {
  assert.throws(run, (error) => error instanceof TsgiError && error.code === code, code);
}

export function rejectsCode(promise: Promise<unknown>, code: string): Promise<void> {
  return assert.rejects(promise, (error) => error instanceof TsgiError && error.code === code, code);
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A stream of exactly these chunks. */
export function streamOf(chunks: readonly string[]): ReadableStream<Uint8Array> {
  const left = chunks.map(bytesOf);
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
}

export function post(body: RequestInit["body"], headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", body: body as BodyInit, headers, duplex: "half" } as RequestInit;
}

/** A promise and the function that resolves it: events are waited for, not times. */
export function signalOf<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => resolve = settle);
  return { promise, resolve };
}
