import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { dirname, resolve } from "node:path";
import process from "node:process";
import type { App, ErrorStream } from "../core/gateway/types.ts";
import { converse, refuse } from "./cgi_exchange.ts";
import type { Peer } from "./cgi_exchange.ts";
import { cgiRequest } from "./cgi_request.ts";

export interface WrapCgiOptions {
  readonly args?: readonly string[];
  /** Where the program runs: its own folder, unless given, as RFC 3875 advises. */
  readonly cwd?: string;
  /** What the program has in its environment besides the request: PATH alone, unless given. What comes from the request wins. */
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes of a request body without Content-Length that are kept in memory to count them: 1 MiB, unless given. */
  readonly maxBuffered?: number;
}

/** How long a program may take to end by itself after SIGTERM, and to have ended after its last output. */
const PATIENCE = 5000;
const LAST_MOMENTS = 1000;

/**
 * Makes an application of a CGI program (RFC 3875): a process for each request, its variables in the environment, the request's body as
 * standard input. What it writes to standard error goes to `tsgi.errors`.
 *
 * A program that cannot be started makes a 500, one whose answer is none (no headers, a Status that is none, or the status line of an
 * NPH script) a 502; one that is killed while it answers breaks the response off. When the client goes, the program gets SIGTERM, and
 * five seconds later SIGKILL. There is no limit of time: put `timeout` around it.
 *
 * HTTP_PROXY is never exported, not from `env` either: a program that needs a proxy gets `http_proxy`. A PATH_INFO that is not UTF-8, or
 * contains NUL, is answered 400, since runtimes hand text to processes, not bytes; of headers, such bytes arrive as U+FFFD. The query is
 * never made into arguments.
 *
 * @example
 * ```ts
 * const application = dispatcher(root, { "/cgi-bin/hello": wrapCgi("./hello.cgi") });
 * ```
 */
export function wrapCgi(program: string, options: WrapCgiOptions = {}): App {
  // A name without a slash is looked for in PATH; a path is meant from here, not from where the program will run.
  const command = program.includes("/") ? resolve(program) : program;
  const cwd = options.cwd ?? (program.includes("/") ? dirname(command) : process.cwd());
  return async (environ, startResponse) => {
    const request = await cgiRequest(environ, options.maxBuffered ?? 1_048_576);
    if (typeof request === "string") return refuse(startResponse, request);
    if (!`${environ.SCRIPT_NAME}${environ.PATH_INFO}`.isWellFormed()) return refuse(startResponse, "400 Bad Request");
    const env: Record<string, string> = { PATH: process.env.PATH ?? "/usr/bin:/bin", ...options.env, ...textOf(request.variables) };
    delete env.HTTP_PROXY;
    const child = spawn(command, [...options.args ?? []], { cwd, env, stdio: "pipe" });
    try {
      if (child.pid === undefined) await once(child, "spawn");
    } catch (error) {
      throw new Error(`Cannot start the CGI program ${command} in ${cwd}: ${(error as Error).message}`, { cause: error });
    }
    return converse(new ProgramPeer(program, child, environ["tsgi.errors"]), request.body, { environ, startResponse });
  };
}

function textOf(variables: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return Object.fromEntries(Array.from(variables, ([name, value]) => [name, decoder.decode(value)]));
}

class ProgramPeer implements Peer {
  readonly name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  /** What was wrong with its end, once it has ended. */
  readonly #end: Promise<string | null>;
  #isForced = false;

  constructor(name: string, child: ChildProcessWithoutNullStreams, errors: ErrorStream) {
    this.name = name;
    this.#child = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors.write(text));
    child.stderr.on("error", () => {}); // Nothing is lost but its last words.
    this.#end = new Promise((settle) => {
      child.on("error", (error) => settle(error.message));
      child.once("exit", (code, signal) => {
        if (code && !this.#isForced) errors.write(`The CGI program ${name} ended with exit code ${code}\n`);
        settle(signal ? `it was ended by ${signal}` : null);
      });
    });
  }

  get input(): ChildProcessWithoutNullStreams["stdin"] {
    return this.#child.stdin;
  }

  get output(): ChildProcessWithoutNullStreams["stdout"] {
    return this.#child.stdout;
  }

  written(): void {
    this.#child.stdin.end();
  }

  /** A program may close its output and work on. */
  async ended(): Promise<string | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((settle) => timer = setTimeout(settle, LAST_MOMENTS, null));
    const end = await Promise.race([this.#end, late]);
    clearTimeout(timer);
    return end;
  }

  /** Without force it may finish its work, as in a pipeline: the next write to its output ends it with SIGPIPE. */
  close(force: boolean): void {
    const child = this.#child;
    child.stdin.destroy();
    child.stdout.destroy();
    if (!force || child.exitCode !== null || child.signalCode !== null) return;
    this.#isForced = true;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    timer.unref();
    void this.#end.then(() => clearTimeout(timer));
  }
}
