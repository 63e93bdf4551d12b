/**
 * Runs an application as a target would: with the keys of environ that are there, and without the others, on a few small requests.
 *
 * A key that is absent and was asked for is a note, since to ask is how one finds out. It is a problem where the application answers a
 * request with all keys, and fails it with those of the target.
 */
import { createGateway } from "../gateway/gateway.ts";
import type { App, Environ, FileSource, ServerInfo } from "../gateway/types.ts";
import type { Finding } from "./judge.ts";
import { type Target, TARGETS, type TargetName } from "./targets.ts";

export interface ProbeOptions {
  /** Paths, with their queries, that are asked for. */
  readonly paths: readonly string[];
  /** Where in the application's files a stack trace comes from. */
  readonly locate: (stack: string) => { readonly file: string; readonly line: number } | undefined;
}

/** Runs it on every target. The application's state is its own affair: it is one and the same all the time. */
export async function probe(app: App, targets: readonly TargetName[], options: ProbeOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const request of corpus(options.paths)) {
    const reference = await run(app, request, null, options);
    for (const name of targets) {
      const found = await run(app, request, name, options);
      findings.push(...found.notes);
      if (found.fault !== null && reference.fault === null) findings.push(failure(name, request, found));
    }
  }
  return unique(findings);
}

interface Sample {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
}

function corpus(paths: readonly string[]): Sample[] {
  return paths.flatMap((path) => [
    { method: "GET", path, body: null },
    { method: "HEAD", path, body: null },
    { method: "POST", path, body: `{"a":1}` },
  ]);
}

interface Outcome {
  readonly notes: readonly Finding[];
  /** What went wrong; null if nothing did. */
  readonly fault: string | null;
  readonly at: { readonly file: string; readonly line: number } | undefined;
}

/** What a response may take, in milliseconds, and how many bytes of it are looked at: it may be endless. */
const PATIENCE = 2000;
const ENOUGH = 256 * 1024;

async function run(app: App, { method, path, body }: Sample, name: TargetName | null, { locate }: ProbeOptions): Promise<Outcome> {
  const target: Target = name === null ? EVERYTHING : TARGETS[name];
  const notes: Finding[] = [];
  let failed: unknown = null;
  const note = (level: Finding["level"], message: string): void => {
    if (name !== null) notes.push({ target: name, level, message, ...locate(new Error().stack ?? "") });
  };
  const gateway = createGateway((environ, startResponse) => app(watched(environ, target, note), startResponse), {
    server: () => infoOf(target),
    contentLength: "explicit",
    statusText: "explicit",
    rawUrl: false,
    print: () => undefined,
    onError: (error) => failed ??= error,
  });
  const init: RequestInit = body === null ? { method } : { method, body, headers: { "Content-Type": "application/json" } };
  const response = await within(gateway(new Request(`https://app.example${path}`, init)));
  if (response !== null) await taste(response);
  const fault = response === null ? "answers nothing for 2 s" : failed !== null ? `fails: ${String(failed)}` : response.status >= 500 ? `answers ${response.status}` : null;
  return { notes, fault, at: failed instanceof Error ? locate(failed.stack ?? "") : undefined };
}

/** A place that has everything, to compare with. */
const EVERYTHING: Target = { ...TARGETS.bun, keys: ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_SOFTWARE", "tsgi.deadline", "tsgi.early_hints", "tsgi.wait_until", "RAW_URI"], multiprocess: true };
const OPTIONAL = new Set(EVERYTHING.keys);

function infoOf({ keys, multiprocess }: Target): ServerInfo {
  return {
    multiprocess,
    ...(keys.includes("REMOTE_ADDR") ? { remoteAddr: "192.0.2.1" } : {}),
    ...(keys.includes("REMOTE_PORT") ? { remotePort: 50_000 } : {}),
    ...(keys.includes("SERVER_SOFTWARE") ? { software: "tsgi" } : {}),
    ...(keys.includes("tsgi.early_hints") ? { earlyHints: () => undefined } : {}),
    ...(keys.includes("tsgi.wait_until") ? { waitUntil: () => undefined } : {}),
  };
}

type Note = (level: Finding["level"], message: string) => void;

function watched(environ: Environ, target: Target, note: Note): Environ {
  return new Proxy(environ, {
    get(inner, key, receiver) {
      if (typeof key !== "string") return Reflect.get(inner, key, receiver);
      if (OPTIONAL.has(key) && !target.keys.includes(key)) note("note", `${key} is absent there: ${ABSENT[key]}`);
      if (key === "tsgi.deadline" && target === EVERYTHING) return DEADLINE;
      // Bound to the request's own: what was assigned to a key is assigned there.
      const value: unknown = inner[key];
      if (key !== "tsgi.file_wrapper" || target.files || typeof value !== "function") return value;
      return (source: FileSource, blockSize?: number) => {
        const isFile = !(source instanceof Blob) && !(source instanceof ReadableStream);
        if (isFile) note("problem", "Cannot send a file with tsgi.file_wrapper: there are none there, send a Blob or a stream, or leave files to the platform");
        return (value as (source: FileSource, blockSize?: number) => unknown)(source, blockSize);
      };
    },
  });
}

const DEADLINE = { extend: () => undefined };

const ABSENT: Readonly<Record<string, string>> = {
  "REMOTE_ADDR": "do without, or take it from a header that the platform is known to set",
  "REMOTE_PORT": "do without",
  "RAW_URI": "use REQUEST_URI",
  "SERVER_SOFTWARE": "do without",
  "tsgi.early_hints": "call it only where it is, as in environ[\"tsgi.early_hints\"]?.(headers)",
  "tsgi.wait_until": "call it only where it is; elsewhere the process lives on by itself",
  "tsgi.deadline": "extend it only where it is; the platform has a limit of its own",
};

async function within(answer: Response | Promise<Response>): Promise<Response | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(resolve, PATIENCE, null));
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads until the end, or enough, or for long enough. What breaks it was told to onError. */
async function taste(response: Response): Promise<void> {
  const reader = response.body?.getReader();
  const timer = setTimeout(() => reader?.cancel().catch(() => undefined), PATIENCE / 4);
  try {
    for (let size = 0; reader !== undefined && size < ENOUGH;) {
      const { value, done } = await reader.read();
      if (done) return;
      size += value.length;
    }
    await reader?.cancel();
  } catch {
    // As above.
  } finally {
    clearTimeout(timer);
  }
}

function failure(target: TargetName, { method, path }: Sample, { fault, notes, at }: Outcome): Finding {
  const absent = [...new Set(notes.map(({ message }) => message.split(" ", 1)[0]))];
  const because = absent.length === 0 ? "" : ` without ${absent.join(", ")}`;
  return { target, level: "problem", message: `${method} ${path} ${fault}${because}; with every key of environ it does not`, ...at };
}

function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}
