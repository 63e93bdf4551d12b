/** What `--warmup` says. */

export interface Warmup {
  readonly method: string;
  readonly path: string;
  readonly times: number;
  /** Null: anything below 500 will do. */
  readonly status: number | null;
}

/** Reads `METHOD PATH [xTIMES] [=STATUS]`. Throws SyntaxError that says what was expected. */
export function parseWarmup(text: string): Warmup {
  const [method = "", path = "", ...rest] = text.trim().split(/\s+/);
  const times = rest[0]?.match(/^x([1-9]\d{0,5})$/)?.[1];
  const status = rest.at(-1)?.match(/^=([1-5]\d\d)$/)?.[1];
  const known = (times === undefined ? 0 : 1) + (status === undefined ? 0 : 1);
  // `new Request` takes no others.
  const isMethod = /^[A-Z]+$/.test(method) && !["CONNECT", "TRACE", "TRACK"].includes(method);
  if (!isMethod || !/^\/[\x21-\x7e]*$/.test(path) || path.includes("#") || rest.length !== known) {
    throw new SyntaxError('expected METHOD /PATH, then xTIMES and =STATUS if wanted, as in "GET /healthz x5 =200"');
  }
  return { method, path, times: Number(times ?? 1), status: status === undefined ? null : Number(status) };
}
