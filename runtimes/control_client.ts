/** The other end of the control socket: `tsgi ctl`. */
import { connect, type Socket } from "node:net";
import { type ControlReply, encodeFrame, FrameDecoder } from "../core/control/frame.ts";

export class ControlClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (reply: ControlReply) => void>();
  #next = 1;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const decoder = new FrameDecoder();
    socket.on("data", (bytes) => {
      for (const reply of decoder.push(bytes as Uint8Array) as ControlReply[]) this.#hear(reply);
    });
    this.closed = new Promise((resolve) => socket.once("close", () => {
      for (const answer of this.#waiting.values()) answer({ id: null, status: "error", error: "The server has closed the connection" });
      this.#waiting.clear();
      resolve();
    }));
    socket.on("error", () => {});
  }

  /** Rejects with an Error that says why nobody can be reached at `path`. */
  static open(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once("error", (error: NodeJS.ErrnoException) => reject(new Error(`Cannot reach a server at ${path}: ${reasonOf(error)}`, { cause: error })));
      socket.once("connect", () => resolve(new ControlClient(socket)));
    });
  }

  /** Resolves with the last reply; those before it, of a command that goes on, are for `more`. */
  ask(command: string, more: (data: unknown) => void = () => {}): Promise<ControlReply> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, (reply) => {
        if (reply.status === "ok" && reply.more) return more(reply.data);
        this.#waiting.delete(id);
        resolve(reply);
      });
      this.#socket.write(encodeFrame({ id, command, args: [] }));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(reply: ControlReply): void {
    if (typeof reply.id === "number") this.#waiting.get(reply.id)?.(reply);
    else for (const answer of [...this.#waiting.values()]) answer(reply);
  }
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ENOENT") return "there is no such socket";
  if (code === "ECONNREFUSED") return "nobody listens there any more";
  if (code === "EACCES") return "permission denied: it belongs to another user";
  return message;
}
