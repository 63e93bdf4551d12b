/** Who is connected and says nothing does not hold a graceful stop up. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { hello, withServer } from "./server.ts";

for (const [args, most] of [[["-w", "2"], 9000], [["-w", "1", "--threads", "2"], 9000]] as const) {
  test(`tsgi ${args.join(" ")} ends at once when its clients have had their answers and keep their connections`, async () => {
    await withClients(args, answered, most);
  });
}

test("tsgi ends long before graceful-timeout when its clients never said anything: they have 10 s for it", async () => {
  await withClients(["-w", "2"], connected, 18_000);
});

/** A server with 20 connections that `open` opens ends within `most` ms. */
async function withClients(args: readonly string[], open: (port: number) => Promise<Socket>, most: number): Promise<void> {
  await withServer({ args: ["--log-level", "debug", "--graceful-timeout", "30", "--keep-alive", "60", "-b", "127.0.0.1:0", ...args, hello] }, async (server) => {
    await server.serving(args.length > 2 ? 1 : 2);
    const port = await server.port();
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(port)));
    const begun = performance.now();
    server.signal("TERM");
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    const took = performance.now() - begun;
    assert.ok(took < most, `it took ${took} ms`);
    for (const socket of sockets) socket.destroy();
  });
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** A connection that has had an answer and is kept. */
async function answered(port: number): Promise<Socket> {
  const socket = await connected(port);
  socket.write("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  return socket;
}
