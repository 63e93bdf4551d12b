/** One client of the control socket: frames in, frames out, until it goes or breaks the rules. */
import type { Controls } from "./controls.ts";
import { checkRequest, type ControlReply, type ControlRequest, encodeFrame, FrameDecoder } from "./frame.ts";
import { CommandError, findVerb } from "./verbs.ts";

export interface Peer {
  /** Never throws. */
  send(frame: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export class Session {
  readonly #controls: Controls;
  readonly #peer: Peer;
  readonly #decoder = new FrameDecoder();
  readonly #tails = new Set<() => void>();

  constructor(controls: Controls, peer: Peer) {
    this.#controls = controls;
    this.#peer = peer;
  }

  /** Bytes came. */
  receive(bytes: Uint8Array): void {
    try {
      for (const value of this.#decoder.push(bytes)) void this.#answer(value);
    } catch (error) {
      this.#reply({ id: null, status: "error", error: (error as Error).message });
      this.#peer.close();
    }
  }

  /** The client has gone. */
  end(): void {
    for (const stop of this.#tails) stop();
    this.#tails.clear();
  }

  async #answer(value: unknown): Promise<void> {
    let id: ControlRequest["id"] | null = null;
    try {
      const request = checkRequest(value);
      id = request.id;
      const { name, verb, args } = findVerb(request.command, request.args);
      if (name === "tail") return this.#tail(id, args);
      this.#reply({ id, status: "ok", data: await verb.run(this.#controls, args) });
    } catch (error) {
      const isExpected = error instanceof CommandError || error instanceof TypeError;
      this.#reply({ id, status: "error", error: isExpected ? error.message : `Cannot do it: ${String(error)}` });
    }
  }

  #tail(id: ControlRequest["id"], args: readonly string[]): void {
    if (args.length > 0) throw new CommandError(`Cannot tail ${args.join(" ")}: it takes no argument`);
    this.#tails.add(this.#controls.tail((line) => this.#reply({ id, status: "ok", data: { line }, more: true })));
  }

  #reply(reply: ControlReply): void {
    this.#peer.send(encodeFrame(reply));
  }
}
