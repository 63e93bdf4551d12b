/** What slow clients can hold up: nobody else, and not for long. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { runtime, withFolder, withServer } from "./server.ts";

const APP = `
export default (environ, startResponse) => {
  if (environ.PATH_INFO === "/block") {
    console.error("BLOCKING");
    const end = Date.now() + 3000;
    while (Date.now() < end);
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["answered " + environ.PATH_INFO];
};
`;
const SLOW = 300;
/** The slowest of a hundred answers, in milliseconds, on a machine that does other things too. */
const PATIENCE = 1000;

test("tsgi --request-header-timeout ends clients that drip the heads of requests, and others are answered meanwhile", async () => {
  await serving(["--request-header-timeout", "2"], async ({ port }) => {
    const ended = Array.from({ length: SLOW }, () => dripped(port));
    let slowest = 0;
    for (let i = 0; i < 100; i++) {
      const from = performance.now();
      assert.match(await ask(port, "/"), /answered \//);
      slowest = Math.max(slowest, performance.now() - from);
    }
    assert.ok(slowest < PATIENCE, `an answer took ${slowest} ms`);
    await Promise.all(ended);
  });
});

test("tsgi --request-header-timeout blames no client for a loop that stood still", async () => {
  await serving(["--request-header-timeout", "3"], async ({ port, server }) => {
    const socket = connect(port, "127.0.0.1");
    const answer = textOf(socket);
    // It is looked at once a second, and has to be known when the loop stops.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const blocked = ask(port, "/block");
    await server.logged(/BLOCKING/);
    socket.write("GET /late HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert.match(await answer, /answered \/late/);
    assert.match(await blocked, /answered \/block/);
  });
});

test("tsgi --request-header-timeout says where it is not kept", { skip: runtime === "node" }, async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    await withServer({ args: ["--request-header-timeout", "5", "-b", `unix:${folder}/s`, "app.ts"], cwd: folder }, async (server) => {
      await server.logged(/--request-header-timeout 5 is not kept on unix sockets with (?:Deno, which waits for ever|Bun, which gives 10 to 12 s)/);
    });
  });
});

interface Serving {
  readonly port: number;
  readonly server: Parameters<Parameters<typeof withServer>[1]>[0];
}

async function serving(args: readonly string[], use: (serving: Serving) => Promise<void>): Promise<void> {
  await withFolder({ "app.ts": APP }, async (folder) => {
    await withServer({ args: [...args, "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => use({ port: await server.port(), server }));
  });
}

/** Resolves when the server has ended the connection. */
async function dripped(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ");
  const drip = setInterval(() => socket.write("a"), 500);
  await textOf(socket);
  clearInterval(drip);
}

function ask(port: number, path: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
  return textOf(socket, /answered/);
}

/** All that comes, up to the end of the connection, or to what is waited for. */
function textOf(socket: Socket, wanted?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (piece) => {
      text += piece;
      if (wanted?.test(text)) socket.destroy();
    });
    socket.on("error", () => {}); // Seen as closed.
    socket.on("close", () => resolve(text));
  });
}
