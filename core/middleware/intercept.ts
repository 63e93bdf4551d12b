/**
 * Judging an answer before any of it is sent: what middleware needs that adds headers for a body it has seen, or puts another answer in
 * the place of one.
 *
 * Rules:
 *
 * - startResponse is held back, but its arguments are checked at once, while the application is on the stack (SPEC S-1).
 * - The answer is judged when the application returns or first writes; if it has not called startResponse by then, or its body is to be
 *   transformed, at the first chunk that is not empty. Until then it may change its mind (SPEC B-7).
 * - Nothing is read before the middleware has returned. A body that is passed on is passed on as the very object it is: an Array keeps
 *   its length, and a file wrapper is still the gateway's own.
 * - A body that is replaced is closed first.
 */
import { hasCloser } from "../gateway/body_reader.ts";
import { TsgiError } from "../gateway/error.ts";
import { Heads } from "../gateway/head.ts";
import type { App, Body, Chunk, Environ, HeaderList, StartResponse, Status, Write } from "../gateway/types.ts";
import { isThenable } from "../gateway/body_reader.ts";
import { ChunkReader, derivedBody } from "./chunk_reader.ts";

/** What an application answers. The judge may change status and headers: they are its own copies. */
export interface Answer {
  status: Status;
  readonly headers: HeaderList;
  /** Null where chunks are on their way already. */
  readonly body: Body | null;
}

/**
 * Undefined passes the answer on, as the judge left it. `replace` makes another answer, and calls startResponse for it. `transform` makes
 * another body of this one; for what is not an Array the judge is asked again at the first chunk, since only then the answer is settled.
 */
export type Verdict =
  | undefined
  | { readonly replace: (startResponse: StartResponse) => Body | PromiseLike<Body> }
  | { readonly transform: (body: Body) => Body | PromiseLike<Body> };

/** Calls `app` and lets `judge` decide about its answer. The judge must decide by what it is shown: it may be asked more than once. */
export function intercept(app: App, environ: Environ, startResponse: StartResponse, judge: (answer: Answer) => Verdict): Body | PromiseLike<Body> {
  const interception = new Interception(environ, startResponse, judge);
  const body = app(environ, interception.startResponse);
  return isThenable(body) ? body.then((settled) => interception.returned(settled)) : interception.returned(body);
}

/** Closes a body that will not be used. An error is logged and changes nothing else (SPEC K-6). */
export async function discard(reader: ChunkReader, environ: Environ): Promise<void> {
  try {
    await reader.close();
  } catch (error) {
    environ["tsgi.errors"].write(`Cannot close a body that was replaced: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}

interface Held {
  readonly status: Status;
  readonly headers: HeaderList;
}

type Replacement = (startResponse: StartResponse) => Body | PromiseLike<Body>;

/** Only to check with: what is passed on is checked again by the gateway. */
const heads = new Heads();

class Interception {
  readonly #environ: Environ;
  readonly #outer: StartResponse;
  readonly #judge: (answer: Answer) => Verdict;
  #phase: "holding" | "passed" | "replaced" = "holding";
  #isStarted = false;
  #held: Held | null = null;
  #write: Write | null = null;
  #replacement: Replacement | null = null;

  constructor(environ: Environ, outer: StartResponse, judge: (answer: Answer) => Verdict) {
    this.#environ = environ;
    this.#outer = outer;
    this.#judge = judge;
  }

  readonly startResponse: StartResponse = (...args: [status: Status, headers: HeaderList, excInfo?: unknown]): Write => {
    const [status, headers, excInfo] = args;
    if (this.#phase === "replaced") return drop;
    if (this.#phase === "passed") return this.#restart(status, headers, excInfo);
    if (args.length < 2 || args.length > 3) {
      throw new TsgiError("ERR_TSGI_ARGS", `Cannot start the response: expected a status, headers and perhaps excInfo, got ${args.length} arguments`);
    }
    if (this.#isStarted && (excInfo === undefined || excInfo === null)) {
      throw new TsgiError("ERR_TSGI_ALREADY_STARTED", "Cannot start the response again: give what was thrown as the third argument");
    }
    this.#isStarted = true;
    this.#held = null;
    const head = heads.take(status, headers);
    this.#held = { status: head.status, headers: headers.map(([name, value]) => [name, value]) };
    return (chunk) => this.#written(chunk);
  };

  returned(body: Body): Body | PromiseLike<Body> {
    if (this.#replacement !== null) return this.#replace(body, this.#replacement);
    if (this.#phase !== "holding") return body;
    if (this.#held === null) return Array.isArray(body) ? body : this.#late(body);
    const answer = this.#answer(this.#held, body);
    const verdict = this.#judge(answer);
    if (verdict !== undefined && "replace" in verdict) return this.#replace(body, verdict.replace);
    if (verdict !== undefined && !Array.isArray(body)) return this.#late(body);
    this.#pass(answer);
    return verdict === undefined ? body : verdict.transform(body);
  }

  #answer({ status, headers }: Held, body: Body | null): { status: Status; headers: HeaderList; body: Body | null } {
    return { status, headers: headers.map(([name, value]) => [name, value]), body };
  }

  #pass({ status, headers }: Held): void {
    this.#phase = "passed";
    this.#write = this.#outer(status, headers);
  }

  /** The application has changed its mind about an answer that was passed on; too late for another body, not for other headers. */
  #restart(status: Status, headers: HeaderList, excInfo: unknown): Write {
    if (excInfo === undefined || excInfo === null) return this.#outer(status, headers);
    heads.take(status, headers);
    const answer = this.#answer({ status, headers }, null);
    return this.#judge(answer) === undefined ? this.#outer(answer.status, answer.headers, excInfo) : this.#outer(status, headers, excInfo);
  }

  /** write() cannot wait: the answer is judged by its status and headers alone. */
  #written(chunk: Chunk): Promise<void> {
    if (this.#phase === "holding" && this.#held !== null) {
      const answer = this.#answer(this.#held, null);
      const verdict = this.#judge(answer);
      if (verdict !== undefined && "replace" in verdict) {
        this.#phase = "replaced";
        this.#replacement = verdict.replace;
      } else this.#pass(verdict === undefined ? answer : this.#held);
    }
    return this.#phase === "replaced" ? drop(chunk) : this.#write!(chunk);
  }

  #replace(body: Body, replacement: Replacement): Body | PromiseLike<Body> {
    this.#phase = "replaced";
    if (Array.isArray(body) && !hasCloser(body)) return replacement(this.#outer);
    return discard(new ChunkReader(body), this.#environ).then(() => replacement(this.#outer));
  }

  /** Decides at the first chunk. */
  #late(body: Body): Body {
    const readers: ChunkReader[] = [new ChunkReader(body)];
    const closeAll = async (): Promise<void> => {
      for (const reader of readers.slice(1).reverse()) await reader.close();
    };
    return derivedBody(readers[0]!, () => this.#chunks(readers), closeAll);
  }

  async *#chunks(readers: ChunkReader[]): AsyncGenerator<Chunk, void> {
    const reader = readers[0]!;
    let step = await reader.next();
    for (; !step.done && step.value.length === 0; step = await reader.next()) yield step.value;
    // Never started: the gateway will say so at the chunk, or at the end.
    const verdict = this.#phase === "holding" && this.#held !== null ? this.#settle(this.#held) : undefined;
    if (verdict === undefined) {
      if (!step.done) yield step.value;
      yield* reader;
      return;
    }
    if ("replace" in verdict) await discard(reader, this.#environ);
    const next = "replace" in verdict ? await verdict.replace(this.#outer) : await verdict.transform(rest(step, reader));
    readers.push(new ChunkReader(next));
    yield* readers[1]!;
  }

  #settle(held: Held): Verdict {
    const answer = this.#answer(held, null);
    const verdict = this.#judge(answer);
    if (verdict !== undefined && "replace" in verdict) this.#phase = "replaced";
    else this.#pass(answer);
    return verdict;
  }
}

async function* rest(first: IteratorResult<Chunk, unknown>, reader: ChunkReader): AsyncGenerator<Chunk, void> {
  if (!first.done) yield first.value;
  yield* reader;
}

/** What is written to an answer that was replaced. */
function drop(_chunk: Chunk): Promise<void> {
  return Promise.resolve();
}
