/**
 * A bounded, closed-loop load on loopback that counts what goes wrong. Each client sends its next request when it has the answer
 * to the last one; a request fails if it is refused, reset, closed without an answer, answered with another status, or too late.
 *
 * As a program: node tests/e2e/load.ts 127.0.0.1:8000 --requests 100000 --clients 32 [--keep-alive] [--path /]
 */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface LoadOptions {
  /** `{ port }` on 127.0.0.1, over TLS with the `ca` of a certificate for localhost, or a unix socket's `{ path }`. */
  readonly to: { readonly port: number; readonly host?: string; readonly ca?: string } | { readonly path: string };
  readonly clients?: number;
  /** How many to send at the most. */
  readonly requests: number;
  /** A connection for many requests, or (default) for one. */
  readonly keepAlive?: boolean;
  /** What to ask for; a function gives each request its own. */
  readonly target?: string | (() => string);
  /** Asked before each request: false ends the load early. */
  readonly more?: () => boolean;
  /** Milliseconds an answer may take. */
  readonly timeout?: number;
  /** Gets how long each answer took, in milliseconds. */
  readonly durations?: number[];
}

export interface LoadReport {
  sent: number;
  answered: number;
  failed: number;
  /** How often each kind of failure happened. */
  readonly failures: Record<string, number>;
  /** How many requests each body text was the answer to: an application that names its worker shows the balance. */
  readonly bodies: Record<string, number>;
  /** The longest an answer took, in milliseconds. */
  slowest: number;
}

export async function load(options: LoadOptions): Promise<LoadReport> {
  const report: LoadReport = { sent: 0, answered: 0, failed: 0, failures: {}, bodies: {}, slowest: 0 };
  const { clients = 32 } = options;
  await Promise.all(Array.from({ length: clients }, () => client(options, report)));
  return report;
}

/** Failures after which there is nothing left to learn. */
const TOO_MANY = 1000;

async function client(options: LoadOptions, report: LoadReport): Promise<void> {
  let connection: Connection | null = null;
  while (report.sent < options.requests && report.failed < TOO_MANY && (options.more?.() ?? true)) {
    report.sent++;
    const begun = performance.now();
    // Only a connection that already carried an answer may have been closed between two requests: then one retry is the client's duty.
    const reused: boolean = connection !== null;
    connection ??= new Connection(options);
    let answer = await connection.ask();
    if (typeof answer === "string" && reused && answer === "closed before the request") {
      connection = new Connection(options);
      answer = await connection.ask();
    }
    report.slowest = Math.max(report.slowest, performance.now() - begun);
    if (typeof answer === "string" || answer.status !== 200) {
      const kind = typeof answer === "string" ? answer : `status ${answer.status}`;
      report.failed++;
      report.failures[kind] = (report.failures[kind] ?? 0) + 1;
      connection.end();
      connection = null;
      continue;
    }
    report.answered++;
    options.durations?.push(performance.now() - begun);
    report.bodies[answer.body] = (report.bodies[answer.body] ?? 0) + 1;
    if (!options.keepAlive || answer.close) {
      connection.end();
      connection = null;
    }
  }
  connection?.end();
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly close: boolean;
}

class Connection {
  readonly #socket: Socket;
  readonly #request: () => string;
  readonly #timeout: number;
  #buffer = "";
  #asked: ((answer: Answer | string) => void) | null = null;
  #over: string | null = null;

  constructor({ to, keepAlive = false, target = "/", timeout = 15_000 }: LoadOptions) {
    this.#request = () => `GET ${typeof target === "string" ? target : target()} HTTP/1.1\r\nHost: 127.0.0.1\r\n${keepAlive ? "" : "Connection: close\r\n"}\r\n`;
    this.#timeout = timeout;
    this.#socket = open(to);
    this.#socket.setNoDelay?.(true);
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => {
      this.#buffer += text;
      const answer = parse(this.#buffer);
      if (answer) this.#settle(answer);
    });
    this.#socket.on("error", (error: Error & { code?: string }) => this.#end(error.code ?? error.message));
    this.#socket.on("close", () => this.#end("closed without an answer"));
    this.#socket.on("end", () => this.#end("closed without an answer"));
  }

  ask(): Promise<Answer | string> {
    if (this.#over !== null) return Promise.resolve("closed before the request");
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(`no answer within ${this.#timeout} ms`), this.#timeout);
      this.#asked = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      this.#buffer = "";
      this.#socket.write(this.#request());
    });
  }

  end(): void {
    this.#socket.destroy();
  }

  #settle(answer: Answer | string): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.(answer);
  }

  #end(reason: string): void {
    this.#over ??= reason;
    this.#settle(reason);
  }
}

function open(to: LoadOptions["to"]): Socket {
  if ("path" in to) return connect({ path: to.path });
  const at = { host: to.host ?? "127.0.0.1", port: to.port };
  return to.ca === undefined ? connect(at) : connectTls({ ...at, ca: to.ca, servername: "localhost" });
}

/** A whole response with Content-Length or chunks, or null while there is more to come. */
function parse(text: string): Answer | null {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return null;
  const status = Number(text.slice(9, 12));
  const headers = text.slice(0, head).toLowerCase();
  const rest = text.slice(head + 4);
  const close = /\r\nconnection:[^\r]*close/.test(headers);
  const length = /\r\ncontent-length: *(\d+)/.exec(headers)?.[1];
  if (length !== undefined) return rest.length >= Number(length) ? { status, body: rest, close } : null;
  return rest.endsWith("0\r\n\r\n") ? { status, body: rest.replace(/[0-9a-f]+\r\n/g, "").replace(/\r\n/g, ""), close } : null;
}

if (import.meta.main) {
  const [to = "", ...words] = process.argv.slice(2);
  const value = (name: string, fallback: number) => (words.includes(name) ? Number(words[words.indexOf(name) + 1]) : fallback);
  const [host, port] = to.split(":");
  const options: LoadOptions = {
    to: to.startsWith("unix:") ? { path: to.slice(5) } : { host: host ?? "127.0.0.1", port: Number(port) },
    requests: value("--requests", 10_000),
    clients: value("--clients", 32),
    keepAlive: words.includes("--keep-alive"),
  };
  const begun = performance.now();
  const report = await load(options);
  console.log(JSON.stringify({ ...report, seconds: (performance.now() - begun) / 1000 }, null, 2));
  process.exit(report.failed === 0 ? 0 : 1);
}
