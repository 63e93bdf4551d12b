/** A real socket of the runtime that runs the tests. The only place here that asks which it is. */
import { connect } from "node:net";
import type { Socket } from "node:net";

type Handler = (request: Request, ...platform: unknown[]) => Response | Promise<Response>;

export const runtime: "deno" | "bun" | "node" = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

export interface Live {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

export async function serve(handler: Handler): Promise<Live> {
  if (runtime === "deno") {
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler as Deno.ServeHandler);
    const { port } = server.addr as Deno.NetAddr;
    return { port, url: `http://127.0.0.1:${port}`, stop: () => server.shutdown() };
  }
  if (runtime === "node") {
    const { runtime: node } = await import("../../../runtimes/node.ts");
    const server = await node.serve({ at: { host: "127.0.0.1", port: 0 }, handler, onError: () => new Response(null, { status: 500 }), keepAlive: 0 });
    return { port: server.port!, url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
  }
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", development: false, idleTimeout: 0, fetch: handler as never });
  return { port: server.port!, url: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

/** Serves for the length of `run`. */
export async function withServer(handler: Handler, run: (live: Live) => Promise<void>): Promise<void> {
  const live = await serve(handler);
  try {
    await run(live);
  } finally {
    await Promise.race([live.stop(), new Promise((resolve) => setTimeout(resolve, 1000))]);
  }
}

/** A client that writes what it likes. */
export class RawClient {
  readonly #socket: Socket;
  #received = "";
  #isEnded = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (data) => {
      this.#received += data;
      this.#wake();
    });
    const ended = () => {
      this.#isEnded = true;
      this.#wake();
    };
    this.#socket.on("close", ended);
    this.#socket.on("end", ended);
    this.#socket.on("error", ended);
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** All that has come, as soon as `isEnough` says so or the connection has ended. */
  async until(isEnough: (received: string) => boolean): Promise<string> {
    while (!isEnough(this.#received) && !this.#isEnded) await new Promise<void>((wake) => this.#wake = wake);
    return this.#received;
  }

  /** All up to the end of the connection. */
  end(): Promise<string> {
    return this.until(() => false);
  }

  close(): void {
    this.#socket.end();
    this.#socket.destroy();
  }

  /** Ends the connection with RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Sends one request, asks for the connection to be closed, and gives the whole answer. */
export async function exchange(port: number, request: string): Promise<string> {
  const client = new RawClient(port);
  client.send(request);
  const received = await client.end();
  client.close();
  return received;
}

export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}
