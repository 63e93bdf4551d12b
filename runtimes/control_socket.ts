/** The control socket of a running server: a unix socket for its user alone, that speaks the frames of core/control/frame.ts. */
import * as fs from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import type { Controls } from "../core/control/controls.ts";
import { Session } from "../core/control/session.ts";
import { answers } from "./control_path.ts";

export interface ControlSocket {
  readonly path: string;
  /** Ends all sessions and removes the socket, if it is still ours. Never throws. */
  close(): void;
}

/** Milliseconds after which a client that says nothing is sent away, as in gunicorn. */
const IDLE = 300_000;
/** sun_path holds 108 bytes, the last of them zero. */
const LONGEST_PATH = 107;

/** Listens at `path`, an absolute path, with permissions `mode`. Rejects with an Error that says why not. */
export async function openControlSocket(path: string, mode: number, controls: Controls): Promise<ControlSocket> {
  if (new TextEncoder().encode(path).length > LONGEST_PATH) {
    throw new Error(`${path} is longer than the ${LONGEST_PATH} bytes that a unix socket may have: give --control-socket a shorter path`);
  }
  await makeRoom(path);
  const peers = new Set<Socket>();
  const server = createServer((socket) => {
    peers.add(socket);
    socket.once("close", () => peers.delete(socket));
    serve(socket, controls);
  });
  await listen(server, path, mode);
  const { ino } = fs.lstatSync(path);
  return {
    path,
    close: () => {
      for (const peer of peers) peer.destroy();
      // Not by the runtime, which would remove whatever is there by now.
      if (fs.lstatSync(path, { throwIfNoEntry: false })?.ino === ino) fs.rmSync(path, { force: true });
      server.close();
    },
  };
}

function serve(socket: Socket, controls: Controls): void {
  const session = new Session(controls, {
    send: (frame) => void socket.write(frame),
    close: () => socket.end(),
  });
  socket.on("data", (bytes) => session.receive(bytes as Uint8Array));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => session.end());
  socket.setTimeout(IDLE, () => socket.destroy());
}

/** Removes what a dead server left; throws for anything else. */
async function makeRoom(path: string): Promise<void> {
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw new Error(`${path} is not a socket: remove it, or give --control-socket another path`);
  if (await answers(path)) throw new Error(`${path} is in use by another server: give --control-socket another path`);
  fs.rmSync(path, { force: true });
}

/** The mask comes first: there is no moment in which others could connect. */
async function listen(server: Server, path: string, mode: number): Promise<void> {
  const before = process.umask(0o777 & ~mode);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(new Error(`${path}: ${reasonOf(error)}`, { cause: error })));
      server.listen(path, resolve);
    });
    fs.chmodSync(path, mode);
  } finally {
    process.umask(before);
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "there is no such directory";
  if (error.code === "EACCES" || error.code === "EPERM") return "permission denied";
  return error.message;
}
