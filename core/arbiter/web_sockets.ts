/**
 * The WebSockets of an application at one address, which outlive the requests that asked for them.
 *
 * The rules:
 *
 * 1. While one is open, its worker is not idle; but it takes no request's place, so that no limit of requests counts it.
 * 2. When the worker leaves, each is closed with 1001, "going away", once the listening sockets are let go: who connects anew gets a successor.
 * 3. Who does not answer that is cut off a moment later. What opens while the worker leaves is closed at once.
 */
import type { Application } from "./application.ts";
import type { Millis, WorkerSystem } from "./process.ts";

/** A WebSocket as the runtime has it. Neither call throws for one that is closed. */
export interface OpenSocket {
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Ends the connection, where the runtime lets us. */
  cut(): void;
}

/** Of RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;

/** How long a client has to answer that it is over. */
export const CLOSING: Millis = 2000;

export interface WebSocketsOptions {
  readonly wait: (time: Millis) => Promise<void>;
  /** Told of each that opens (1) and is over (-1). */
  readonly counted: (change: 1 | -1) => void;
}

export class WebSockets {
  readonly #options: WebSocketsOptions;
  readonly #open = new Set<OpenSocket>();
  #isGoing = false;

  constructor(options: WebSocketsOptions) {
    this.#options = options;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** One is open; what is returned is to be called when it is closed. */
  opened(socket: OpenSocket): () => void {
    this.#open.add(socket);
    this.#options.counted(1);
    if (this.#isGoing) void this.#end([socket]);
    return () => this.#forget(socket);
  }

  /** Closes all of them, and whatever opens from now on. */
  goAway(): void {
    if (this.#isGoing) return;
    this.#isGoing = true;
    void this.#end([...this.#open]);
  }

  async #end(sockets: readonly OpenSocket[]): Promise<void> {
    if (sockets.length === 0) return;
    for (const socket of sockets) socket.close(GOING_AWAY, "going away");
    await this.#options.wait(CLOSING);
    for (const socket of sockets) {
      if (!this.#open.has(socket)) continue;
      socket.cut();
      this.#forget(socket);
    }
  }

  #forget(socket: OpenSocket): void {
    if (this.#open.delete(socket)) this.#options.counted(-1);
  }
}

/** What is answered to a request that has become a WebSocket does not matter where the runtime has told us (Bun): to us, it is always 101. */
export function upgradable(application: Application, { isUpgraded }: Pick<WorkerSystem, "isUpgraded">): Application {
  if (application.kind !== "fetch" || application.websocket === undefined || isUpgraded === undefined) return application;
  const { fetch } = application;
  const settled = (request: Request, answer: Response) => (isUpgraded(request) ? new Response(null, { status: 101 }) : answer);
  return { ...application, fetch: (request, ...platform) => {
    const answer: Response | PromiseLike<Response> | undefined = fetch(request, ...platform);
    return answer === undefined || answer instanceof Response ? settled(request, answer as Response) : Promise.resolve(answer).then((late) => settled(request, late));
  } };
}
