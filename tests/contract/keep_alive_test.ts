import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Address, Held, Served } from "../../core/arbiter/listener.ts";
import { adopt } from "../../runtimes/adoption.ts";
import { runtime } from "../../runtimes/current.ts";
import { hold } from "../../runtimes/sockets.ts";
import { Connection } from "./client.ts";

// Bun counts idle time in ticks of 4 s: at keepAlive 1, a connection has 4 to 8 s there. What must outlive that, and
// the 10 s that a request may take to come, is silent for longer.
const KEEP_ALIVE = 1;
const SILENCE = 12_000;
const LONGEST = runtime.name === "bun" ? 8.5 : 3.5;

const runs = new WeakMap<Response, () => void>();
const streams = new WeakSet<Response>();
const local: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };
const open: { readonly held: Held; readonly served: Served }[] = [];

/** All at once, for they are long; each test waits for its own. */
const stories = {
  whole: (at: Address) => closesAfter(at, "/whole", "whole"),
  promised: (at: Address) => closesAfter(at, "/promised", "promised"),
  slow: (at: Address) => closesAfter(at, "/slow", "slow"),
  stream: (at: Address) => closesAfter(at, "/stream", "second"),
  promisedStream: (at: Address) => closesAfter(at, "/promised-stream", "second"),
  upload,
  busy,
};
const told = new Map<string, Promise<void>>();

before(async () => {
  const address = await serve();
  for (const [name, story] of Object.entries(stories)) {
    const end = story(address);
    end.catch(() => {}); // Its test tells.
    told.set(name, end);
  }
});
after(async () => {
  await Promise.all(open.map(({ served }) => served.close(500)));
  for (const { held } of open) held.close();
});

test("keepAlive closes a connection that is idle after an answer, and not before its time", () => told.get("whole"));
test("keepAlive closes a connection that is idle after a promised answer", () => told.get("promised"));
test("keepAlive leaves a slow handler alone, and counts from its answer", () => told.get("slow"));
test("keepAlive leaves a stream with long gaps alone, and counts from its end", () => told.get("stream"));
test("keepAlive leaves a promised stream with long gaps alone, and counts from its end", () => told.get("promisedStream"));
test("keepAlive leaves an upload with long pauses alone", () => told.get("upload"));
test("keepAlive leaves a connection alone on which requests come", () => told.get("busy"));

test("keepAlive leaves a WebSocket alone", { skip: runtime.name !== "deno" }, async () => {
  await Promise.all(["/upgrade", "/promised-upgrade"].map(async (path) => {
    const connection = new Connection(await serve());
    connection.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await connection.has("late word");
    connection.socket.destroy();
  }));
});

async function serve(): Promise<Address> {
  const held = await hold(local, { backlog: 1024, mode: "adopt" });
  const served = await adopt(runtime, held.descriptor(0)!, {
    handler,
    onError: () => new Response("failed", { status: 500 }),
    keepAlive: KEEP_ALIVE,
    whenEnding: (response, run) => {
      if (streams.has(response)) runs.set(response, run);
      return streams.has(response);
    },
  });
  open.push({ held, served });
  return held.address;
}

async function upload(at: Address): Promise<void> {
  const connection = new Connection(at);
  connection.socket.write("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nabc");
  setTimeout(() => connection.socket.write("def"), SILENCE);
  await connection.has("abcdef");
  connection.socket.destroy();
}

async function busy(at: Address): Promise<void> {
  const connection = new Connection(at);
  for (let i = 0; i < 12; i++) {
    connection.text = "";
    connection.ask("/whole");
    await connection.has("whole");
    await wait(KEEP_ALIVE * 1000 * 0.7);
  }
  connection.socket.destroy();
}

/** Asks, waits for the answer, and sees when the connection is closed. */
async function closesAfter(at: Address, path: string, answer: string): Promise<void> {
  const connection = new Connection(at);
  connection.ask(path);
  await connection.has(answer);
  const from = performance.now();
  const seconds = ((await connection.closed) - from) / 1000;
  assert.ok(seconds > KEEP_ALIVE - 0.1 && seconds < LONGEST, `${path}: closed after ${seconds} s`);
}

function handler(request: Request): Response | Promise<Response> {
  const path = request.url.slice(request.url.lastIndexOf("/"));
  switch (path) {
    case "/promised":
      return Promise.resolve(new Response("promised"));
    case "/slow":
      return wait(SILENCE).then(() => new Response("slow"));
    case "/stream":
      return stream();
    case "/promised-stream":
      return wait(1).then(stream);
    case "/upload":
      return request.text().then((text) => new Response(text));
    case "/upgrade":
      return upgrade(request);
    case "/promised-upgrade":
      return wait(1).then(() => upgrade(request));
  }
  return new Response("whole");
}

function stream(): Response {
  const encoder = new TextEncoder();
  const parts = ["first", "second"];
  const response: Response = new Response(
    new ReadableStream({
      async pull(controller) {
        const part = parts.shift();
        if (part === undefined) {
          runs.get(response)?.();
          controller.close();
          return;
        }
        if (part === "second") await wait(SILENCE);
        controller.enqueue(encoder.encode(part));
      },
    }),
  );
  streams.add(response);
  return response;
}

function upgrade(request: Request): Response {
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => setTimeout(() => socket.send("late word"), 4000);
  return response;
}

function wait(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}
