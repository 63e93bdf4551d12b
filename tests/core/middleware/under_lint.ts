/** Every middleware is tested between two lints: each tells of its own side. */
import assert from "node:assert/strict";
import { getHeader } from "../../../core/gateway/header_list.ts";
import { lint, LintError } from "../../../core/gateway/lint.ts";
import { type RunResult, runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App, Chunk, Environ, HeaderList, Middleware, Status } from "../../../core/gateway/types.ts";

export const ct: HeaderList = [["Content-Type", "text/plain"]];

export function underLint(middleware: Middleware, app: App): App {
  return lint(middleware(lint(app)));
}

/** Runs `middleware(app)` between two lints, of which neither may have anything to say. */
export async function run(middleware: Middleware, app: App, environ: Environ = testEnviron()): Promise<RunResult> {
  return clean(await runApp(underLint(middleware, app), environ));
}

export function clean(result: RunResult): RunResult {
  if (result.error instanceof LintError) throw result.error;
  assert.doesNotMatch(result.errors, /^lint: /m);
  return result;
}

/** Answers with these, in an Array. */
export function answering(status: Status, headers: HeaderList, ...chunks: Chunk[]): App {
  return (_environ, startResponse) => {
    startResponse(status, headers.map(([name, value]) => [name, value]));
    return chunks;
  };
}

export const hello: App = answering("200 OK", ct, "Hello, world!");

/** Answers with these, one by one; starts the response in the first iteration, as generators do. */
export function streaming(status: Status, headers: HeaderList, ...chunks: Chunk[]): App {
  return async function* (_environ, startResponse) {
    startResponse(status, headers.map(([name, value]) => [name, value]));
    yield* chunks;
  } as App;
}

/** An application with what it was given, and a body that notes how it is used. */
export interface Watched {
  readonly app: App;
  readonly closed: () => number;
  readonly taken: () => number;
}

export function watched(status: Status, headers: HeaderList, ...chunks: Chunk[]): Watched {
  let closed = 0;
  let taken = 0;
  const app: App = (_environ, startResponse) => {
    startResponse(status, headers.map(([name, value]) => [name, value]));
    return {
      *[Symbol.iterator]() {
        for (const chunk of chunks) {
          taken++;
          yield chunk;
        }
      },
      close: () => void closed++,
    };
  };
  return { app, closed: () => closed, taken: () => taken };
}

export function header(result: RunResult, name: string): string | undefined {
  return getHeader(result.headers, name);
}
