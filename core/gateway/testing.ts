import { chunkBytes } from "./chunk.ts";
import { createEnviron } from "./environ.ts";
import { guessScheme } from "./host.ts";
import { encodePath } from "./path.ts";
import { TestRun } from "./test_run.ts";
import { TextErrors } from "./text_errors.ts";
import type { App, Chunk, Environ, HeaderList, Status } from "./types.ts";

/** What to make of the rest of a request. */
export interface TestEnvironOptions {
  /** GET, if left out; written in capitals. */
  method?: string;
  /** The body. CONTENT_LENGTH is set for a chunk, and absent for a stream. */
  input?: Chunk | ReadableStream<Uint8Array>;
  /** SCRIPT_NAME, in front of the target. */
  scriptName?: string;
  /** SERVER_PROTOCOL: HTTP/1.1, if left out. */
  protocol?: string;
  /** More variables, which win. Undefined takes one away. */
  environ?: Record<string, unknown>;
}

/** What {@linkcode runApp} collected. */
export interface RunResult {
  status: Status;
  headers: HeaderList;
  /** As the transport would get them: no empty ones, and none for HEAD. */
  chunks: Uint8Array[];
  /** The chunks, joined. */
  body: Uint8Array;
  /** The body read as UTF-8. */
  text: string;
  /** What was written to `tsgi.errors`, by the application and about it. */
  errors: string;
  /** How often the body was closed: once, or never if there was none. */
  closed: number;
  /** What broke the response: it is a 500 if that came before the first byte, else the body is cut off. Null if it is whole. */
  error: unknown;
}

/**
 * A complete and valid environ for tests: GET / on 127.0.0.1, empty input, and `tsgi.errors` that keeps its text, to be read with
 * `String()`.
 *
 * `target` is a URL or a path, or a record of variables, which are kept as they are and from which the others are derived: HTTP_HOST from
 * SERVER_NAME, the scheme from HTTPS, SERVER_PORT from the scheme (SPEC T-2). A variable given as undefined is left out.
 *
 * @example
 * ```ts
 * testEnviron("https://example.org/caf%C3%A9?x=1").PATH_INFO; // "/café"
 * testEnviron("/form", { method: "POST", input: "a=1" }).CONTENT_LENGTH; // "3"
 * testEnviron({ HTTP_ACCEPT: "text/html" }).REQUEST_METHOD; // "GET"
 * ```
 */
export function testEnviron(target: string | Record<string, unknown> = "/", options: TestEnvironOptions = {}): Environ {
  const environ = typeof target === "string"
    ? { ...fromTarget(target, options), ...options.environ }
    : { ...fromTarget("/", options), ...derive(target), ...target, ...options.environ };
  for (const key of Object.keys(environ)) if (environ[key] === undefined) delete environ[key];
  return environ as Environ;
}

/**
 * Runs an application as a gateway would, without Fetch: calls it with a copy of environ, iterates and closes what it returns, and
 * collects everything. The rules are those of `toFetch`; status and headers are as the application gave them, with Content-Length where
 * it is inferred.
 *
 * An application that throws gives a 500, and what it threw is `error`. With `tsgix.throw_errors` true in environ, runApp rejects with
 * it instead. `buffered` joins the chunks into one.
 *
 * @example
 * ```ts
 * const { status, text } = await runApp(application, testEnviron("/hello"));
 * ```
 */
export async function runApp(app: App, environ: Environ = testEnviron(), options: { buffered?: boolean } = {}): Promise<RunResult> {
  const run = new TestRun(environ);
  await run.call(app);
  if (run.failure !== null && environ["tsgix.throw_errors"] === true) throw run.failure.error;
  const body = await new Blob(run.chunks as Uint8Array<ArrayBuffer>[]).bytes();
  return {
    status: run.status,
    headers: run.headers,
    chunks: options.buffered === true && body.length > 0 ? [body] : run.chunks,
    body,
    text: new TextDecoder().decode(body),
    errors: String(run.errors),
    closed: run.closed,
    error: run.failure === null ? null : run.failure.error,
  };
}

function fromTarget(target: string, { method = "GET", input, scriptName = "", protocol }: TestEnvironOptions): Record<string, unknown> {
  const [, origin = "http://127.0.0.1", rest = ""] = /^(https?:\/\/[^/?#]*)?(.*)$/s.exec(target) ?? [];
  const isForm = target === "*" || method.toUpperCase() === "CONNECT";
  const path = isForm || rest.startsWith("/") ? rest : `/${rest}`;
  const bytes = input === undefined || input instanceof ReadableStream ? null : chunkBytes(input);
  const request = {
    url: isForm ? `${origin}/` : origin + encodePath(scriptName) + path,
    method: method.toUpperCase(),
    headers: new Headers(bytes === null ? [] : [["Content-Length", String(bytes.length)]]),
    body: bytes === null ? input as ReadableStream<Uint8Array<ArrayBuffer>> ?? null : streamOf(bytes),
  };
  const server = { ...(protocol === undefined ? {} : { protocol }), ...(isForm ? { requestTarget: target } : {}) };
  const environ = createEnviron(request, server, { scriptName });
  return { ...environ, "tsgi.errors": new TextErrors() };
}

/** What follows from the variables given. They may be anything: tests give what is wrong, too. */
function derive(given: Record<string, unknown>): Record<string, unknown> {
  const scheme = given["tsgi.url_scheme"] ?? guessScheme(given as { HTTPS?: string });
  const usual = scheme === "https" ? "443" : "80";
  const name = String(given.SERVER_NAME ?? "127.0.0.1");
  const port = String(given.SERVER_PORT ?? usual);
  const script = String(given.SCRIPT_NAME ?? "");
  const path = String(given.PATH_INFO ?? (script === "" ? "/" : ""));
  const query = String(given.QUERY_STRING ?? "");
  return {
    "tsgi.url_scheme": scheme,
    ...(scheme === "https" ? { HTTPS: "on" } : {}),
    SERVER_PORT: port,
    HTTP_HOST: port === usual ? name : `${name}:${port}`,
    PATH_INFO: path,
    REQUEST_URI: (encodePath(script + path) || "/") + (query === "" ? "" : `?${query}`),
  };
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
}
