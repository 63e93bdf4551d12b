/** One connection to a server: what is sent, what comes back, and what the application saw of it. */
import { connect, type Socket } from "node:net";
import type { Sighting } from "./sightings.ts";

/** What came of a connection. */
export interface Outcome {
  /** Of each answer, interim ones left out. */
  readonly statuses: readonly number[];
  /** Requests whose body the application got whole. */
  readonly seen: readonly Sighting[];
  /** Whether a request sent after all this was answered on the same connection. */
  readonly goesOn: boolean;
  /** Everything that was sent, that last request with it. */
  readonly sent: string;
}

const NEXT = "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/** Silence after which nothing more is expected. */
const QUIET = 600;
/** Silence after which an answer that has to come is given up. */
const PATIENCE = 20_000;
/** Between two pieces of a request. */
const PAUSE = 5;

/** Sends `pieces`, waits for `answers`, then sends one more request, and asks the application what it saw. */
export async function talk(port: number, pieces: readonly string[], answers = 1): Promise<Outcome> {
  const client = new Client(port, pieces.join("").includes("HEAD"));
  const since = Date.now();
  try {
    await client.connected;
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE));
      client.send(piece);
    }
    await client.until(answers);
    const before = client.statuses().length;
    let sent = pieces.join("");
    // A request that is not whole yet would swallow it.
    if (!client.isEnded && before >= answers) {
      sent += NEXT;
      client.send(NEXT);
      await client.until(Infinity);
    }
    const statuses = client.statuses();
    const all = await ask(port, `/-/seen?${client.port},${since}`) as Sighting[];
    const seen = all.filter(([, target]) => target !== "/next");
    const goesOn = seen.length < all.length;
    // On a busy machine its answer may be too late for us.
    const isNextAnswered = goesOn && statuses.length > before;
    return { statuses: statuses.slice(0, isNextAnswered ? -1 : undefined), seen: seen.filter((one) => one[4] !== null), goesOn, sent };
  } finally {
    client.close();
  }
}

/** What the server answers to GET, on a connection of its own: it has to be JSON. */
export function ask(port: number, target: string): Promise<unknown> {
  return tell(port, `GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
}

/** What the server answers to a request, on a connection of its own: it has to be JSON. */
export async function tell(port: number, request: string): Promise<unknown> {
  const client = new Client(port);
  try {
    await client.connected;
    client.send(request);
    await client.until(1, PATIENCE);
    const [answer] = client.answers();
    if (answer?.status !== 200) throw new Error(`Cannot take the answer to ${JSON.stringify(request)}: got ${JSON.stringify(client.received)}`);
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(answer.body, (c) => c.charCodeAt(0))));
  } finally {
    client.close();
  }
}

class Client {
  readonly #socket: Socket;
  readonly #mayBeHead: boolean;
  readonly connected: Promise<void>;
  port = 0;
  received = "";
  isEnded = false;
  #wake = () => {};

  constructor(port: number, mayBeHead = false) {
    this.#mayBeHead = mayBeHead;
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setEncoding("latin1");
    this.connected = new Promise((resolve, reject) => {
      this.#socket.once("connect", () => {
        this.port = this.#socket.localPort!;
        resolve();
      });
      this.#socket.once("error", reject);
    });
    this.#socket.on("data", (text) => {
      this.received += text;
      this.#wake();
    });
    for (const event of ["end", "close", "error"] as const) {
      this.#socket.on(event, () => {
        this.isEnded = true;
        this.#wake();
      });
    }
  }

  send(text: string): void {
    if (!this.isEnded) this.#socket.write(text, "latin1");
  }

  /** Resolves with that many answers, at the end of the connection, or when nothing comes any more. */
  async until(answers: number, quiet = QUIET): Promise<void> {
    while (!this.isEnded && this.statuses().length < answers) {
      const came = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), quiet);
        this.#wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (!came) return;
    }
  }

  answers(): Answer[] {
    return answersIn(this.received, { isEnded: this.isEnded, mayBeHead: this.#mayBeHead });
  }

  statuses(): number[] {
    return this.answers().map(({ status }) => status);
  }

  close(): void {
    this.#socket.destroy();
  }
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * The answers that are whole, without interim ones. The body is as it came, chunks and all. An answer to HEAD announces a body that does not
 * come; to any other request, a head alone is no whole answer yet, since the servers may send the body later.
 */
export function answersIn(received: string, { isEnded, mayBeHead = false }: { readonly isEnded: boolean; readonly mayBeHead?: boolean }): Answer[] {
  const found: Answer[] = [];
  let rest = received;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    const head = end < 0 ? "" : rest.slice(0, end);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
    if (status === 0) return found;
    rest = rest.slice(end + 4);
    if (status < 200) continue;
    const length = bodyLength(head, rest);
    const isBare = mayBeHead && (rest === "" || rest.startsWith("HTTP/1."));
    if (rest.length < length && !isEnded && !isBare) return found;
    found.push({ status, body: isBare ? "" : rest.slice(0, length) });
    rest = isBare ? rest : rest.slice(length);
  }
}

function bodyLength(head: string, rest: string): number {
  const declared = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (declared !== undefined) return Number(declared);
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return 0;
  const end = rest.indexOf("0\r\n\r\n");
  return end < 0 ? Infinity : end + 5;
}
