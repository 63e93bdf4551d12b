import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Address, Held, Served } from "../../core/arbiter/listener.ts";
import { adopt } from "../../runtimes/adoption.ts";
import { runtime } from "../../runtimes/current.ts";
import { hold } from "../../runtimes/sockets.ts";
import { Connection } from "./client.ts";

const HEAD_TIMEOUT = 1;
/** It is looked at once a second, and node:http and we may look late. */
const LONGEST = 6;
/** Longer than any client that is slow with a head would live. */
const SLOW = 5000;
const DRIP = 200;

const open: { readonly held: Held; readonly served: Served }[] = [];
after(async () => {
  await Promise.all(open.map(({ served }) => served.close(500)));
  for (const { held } of open) held.close();
});

const address = serve("127.0.0.1", 0);

test("headTimeout closes a connection on which nothing comes", async () => {
  await closes(new Connection(await address), performance.now());
});

test("headTimeout closes connections on which a head comes byte by byte, and others are served meanwhile", async () => {
  const slow = Array.from({ length: 50 }, async () => {
    const connection = new Connection(await address);
    const from = performance.now();
    connection.socket.write("GET / HTTP/1.1\r\nHost: test\r\nX-Slow: ");
    const drip = setInterval(() => connection.socket.write("a"), DRIP);
    await closes(connection, from).finally(() => clearInterval(drip));
  });
  const quick = new Connection(await address);
  quick.ask("/whole");
  await quick.has("whole");
  quick.socket.destroy();
  await Promise.all(slow);
});

test("headTimeout closes a connection on which the head of a later request comes byte by byte", { skip: runtime.name === "bun" }, async () => {
  const connection = new Connection(await address);
  connection.ask("/whole");
  await connection.has("whole");
  const from = performance.now();
  connection.socket.write("GET / HTTP/1.1\r\nX-Slow: ");
  const drip = setInterval(() => connection.socket.write("a"), DRIP);
  await closes(connection, from).finally(() => clearInterval(drip));
});

test("headTimeout closes who was there when another became a WebSocket", { skip: runtime.name !== "deno" }, async () => {
  const slow = new Connection(await address);
  const from = performance.now();
  slow.socket.write("GET / HTTP/1.1\r\n");
  const upgraded = new Connection(await address);
  upgraded.socket.write("GET /upgrade HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  await upgraded.has("101");
  await closes(slow, from);
  upgraded.socket.destroy();
});

test("headTimeout leaves a slow handler alone, though another server of this thread has the same port", async () => {
  const { host, port } = await address as Address & { readonly kind: "tcp" };
  assert.equal(host, "127.0.0.1");
  const other = await serve("127.0.0.2", port);
  await Promise.all([await address, other].map(async (at) => {
    const connection = new Connection(at);
    connection.ask("/slow");
    await connection.has("slow");
    connection.socket.destroy();
  }));
});

test("headTimeout leaves a body alone that comes byte by byte", async () => {
  const connection = new Connection(await address);
  connection.socket.write("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 20\r\n\r\n");
  let left = 20;
  const drip = setInterval(() => {
    connection.socket.write("a");
    if (--left === 0) clearInterval(drip);
  }, SLOW / 20);
  await connection.has("a".repeat(20));
  connection.socket.destroy();
});

async function serve(host: string, port: number): Promise<Address> {
  const held = await hold({ kind: "tcp", host, port }, { backlog: 1024, mode: "adopt" });
  const served = await adopt(runtime, held.descriptor(0)!, { handler, onError: () => new Response("failed", { status: 500 }), keepAlive: 30, headTimeout: HEAD_TIMEOUT });
  open.push({ held, served });
  return held.address;
}

async function closes(connection: Connection, from: number): Promise<void> {
  const limit = setTimeout(() => connection.socket.destroy(), LONGEST * 1000);
  const seconds = ((await connection.closed) - from) / 1000;
  clearTimeout(limit);
  assert.ok(seconds > HEAD_TIMEOUT - 0.1 && seconds < LONGEST, `closed after ${seconds} s`);
}

function handler(request: Request): Response | Promise<Response> {
  if (request.url.endsWith("/upgrade")) return Deno.upgradeWebSocket(request).response;
  if (request.url.endsWith("/slow")) return new Promise((resolve) => setTimeout(() => resolve(new Response("slow")), SLOW));
  return request.url.endsWith("/upload") ? request.text().then((text) => new Response(text)) : new Response("whole");
}
