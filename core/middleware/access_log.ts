import { getHeader } from "../gateway/header_list.ts";
import type { Body, Chunk, Environ, HeaderList, Middleware, StartResponse, Status } from "../gateway/types.ts";
import { escape } from "../logging/escape.ts";
import { accessLogTime } from "../logging/time.ts";
import { isThenable } from "../gateway/body_reader.ts";
import { ChunkReader, derivedBody } from "./chunk_reader.ts";
import { byteLength } from "./content_length.ts";
import { withClose } from "./on_end.ts";

/** What {@linkcode accessLog} writes, and where. */
export interface AccessLogOptions {
  /** Apache's directives; {@linkcode COMMON_LOG_FORMAT} and the seconds unless given. */
  readonly format?: string;
  /** Takes a line, with its line end; `tsgi.errors` unless given. */
  readonly write?: (line: string) => void;
  /** For `%P`. */
  readonly pid?: number;
}

/** Apache's Common Log Format. */
export const COMMON_LOG_FORMAT = '%h %l %u %t "%r" %>s %b';

/** What is known of one request when it is over. */
interface Entry {
  readonly environ: Environ;
  readonly method: string;
  readonly status: Status | null;
  readonly headers: HeaderList;
  readonly bytes: number;
  readonly seconds: number;
  readonly time: number;
  readonly pid: number | undefined;
}

type Piece = string | ((entry: Entry) => string);

/**
 * Writes one line for each request when it is over, whatever its end: answered, failed, or left by the client.
 *
 * `format` takes Apache's `%h %l %u %t %r %m %U %q %H %s %b %D %T %P %{Name}i %{Name}o %%`; another directive gives `-`. `%b` counts the
 * bytes of the body as they went by, `-` for none; `%T` is seconds with six decimals, `%D` microseconds. `%h` is REMOTE_ADDR alone: put
 * `proxyFix` in front where a proxy is. Whatever a client sends, the line is one line: what could break it is written `\xNN`.
 *
 * The server has its own access log, `--access-logfile`. This one is for an application inside another, or on another gateway.
 *
 * @example
 * ```ts
 * const application = accessLog({ format: '%h "%r" %s %b %D' })(shop);
 * ```
 */
export function accessLog({ format = `${COMMON_LOG_FORMAT} %T`, write, pid }: AccessLogOptions = {}): Middleware {
  const pieces = parse(format);
  return (app) => (environ, startResponse) => {
    const record = new Recording(environ, startResponse, (entry) => {
      const line = `${pieces.map((piece) => typeof piece === "string" ? piece : piece({ ...entry, pid })).join("")}\n`;
      if (write === undefined) environ["tsgi.errors"].write(line);
      else write(line);
    });
    try {
      const body = app(environ, record.startResponse);
      return isThenable(body) ? body.then((settled) => record.returned(settled), (error) => record.failed(error)) : record.returned(body);
    } catch (error) {
      return record.failed(error);
    }
  };
}

/** Watches one request. */
class Recording {
  readonly #environ: Environ;
  readonly #outer: StartResponse;
  readonly #over: (entry: Omit<Entry, "pid">) => void;
  readonly #began = performance.now();
  /** As the client sent it: applications may change it. */
  readonly #method: string;
  #status: Status | null = null;
  #headers: HeaderList = [];
  #bytes = 0;
  #isOver = false;

  constructor(environ: Environ, outer: StartResponse, over: (entry: Omit<Entry, "pid">) => void) {
    this.#environ = environ;
    this.#outer = outer;
    this.#over = over;
    this.#method = environ.REQUEST_METHOD;
  }

  readonly startResponse: StartResponse = (...args) => {
    const write = this.#outer(...args);
    this.#status = args[0];
    this.#headers = [...args[1]];
    return async (chunk) => {
      await write(chunk);
      this.#count([chunk]);
    };
  };

  returned(body: Body): Body {
    if (Array.isArray(body)) {
      this.#count(body);
      return withClose(body, () => this.#end());
    }
    const reader = new ChunkReader(body);
    return derivedBody(reader, () => this.#watch(reader), () => this.#end());
  }

  failed(error: unknown): never {
    this.#fail();
    this.#end();
    throw error;
  }

  async *#watch(reader: ChunkReader): AsyncGenerator<Chunk, void> {
    try {
      for await (const chunk of reader) {
        this.#count([chunk]);
        yield chunk;
      }
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  #count(chunks: readonly Chunk[]): void {
    // These go nowhere, whatever the application yields (SPEC B-13, B-14).
    if (this.#method === "HEAD" || /^(?:204|205|304)/.test(this.#status ?? "")) return;
    this.#bytes += byteLength(chunks);
  }

  /** Until something was sent, the gateway answers 500 in its place (SPEC ). */
  #fail(): void {
    if (this.#bytes > 0) return;
    this.#status = "500 Internal Server Error";
    this.#headers = [];
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over({
      environ: this.#environ,
      method: this.#method,
      status: this.#status,
      headers: this.#headers,
      bytes: this.#bytes,
      seconds: Math.max(0, performance.now() - this.#began) / 1000,
      time: Date.now(),
    });
  }
}

const DIRECTIVES: Readonly<Record<string, (entry: Entry) => string>> = {
  h: ({ environ }) => word(environ.REMOTE_ADDR),
  l: () => "-",
  u: ({ environ }) => word(environ.REMOTE_USER),
  t: ({ time }) => accessLogTime(time),
  r: ({ method, environ }) => `${word(method)} ${word(environ.RAW_URI ?? environ.REQUEST_URI)} ${word(environ.SERVER_PROTOCOL)}`,
  m: ({ method }) => word(method),
  U: ({ environ }) => quoted(environ.SCRIPT_NAME + environ.PATH_INFO),
  q: ({ environ }) => environ.QUERY_STRING === "" ? "" : quoted(`?${environ.QUERY_STRING}`),
  H: ({ environ }) => word(environ.SERVER_PROTOCOL),
  s: ({ status }) => status?.slice(0, 3) ?? "-",
  b: ({ bytes }) => bytes === 0 ? "-" : String(bytes),
  D: ({ seconds }) => String(Math.round(seconds * 1e6)),
  T: ({ seconds }) => seconds.toFixed(6),
  P: ({ pid }) => pid === undefined ? "-" : String(pid),
};

function parse(format: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let literalFrom = 0;
  for (const match of format.matchAll(/%[<>]?(?:\{([^}]*)\})?([A-Za-z%])/g)) {
    pieces.push(escape(format.slice(literalFrom, match.index), "text", Infinity));
    literalFrom = match.index + match[0].length;
    pieces.push(piece(match[2]!, match[1]));
  }
  pieces.push(escape(format.slice(literalFrom), "text", Infinity));
  return pieces;
}

function piece(directive: string, name: string | undefined): Piece {
  if (directive === "%") return "%";
  if (name === undefined) return DIRECTIVES[directive] ?? "-";
  const key = headerKey(name);
  if (directive === "i") return ({ environ }) => quoted(environ[key]);
  return directive === "o" ? ({ headers }) => quoted(getHeader(headers, name)) : "-";
}

function headerKey(name: string): string {
  const upper = name.toUpperCase().replaceAll("-", "_");
  return upper === "CONTENT_TYPE" || upper === "CONTENT_LENGTH" ? upper : `HTTP_${upper}`;
}

/** Stands alone between spaces. environ is the application's, which may have put anything there. */
function word(value: unknown): string {
  return typeof value === "string" && value !== "" ? escape(value, "word") : "-";
}

function quoted(value: unknown): string {
  return typeof value === "string" ? escape(value, "quoted") : "-";
}
