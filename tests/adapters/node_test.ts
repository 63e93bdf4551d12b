import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Hono } from "hono";
import { toNode } from "../../adapters/node.ts";
import type { App } from "../../core/gateway/types.ts";
import { exchange, RawClient } from "../core/gateway/live.ts";

async function withListener(listener: RequestListener, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const where: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [`${environ.REQUEST_METHOD} ${environ.SCRIPT_NAME}|${environ.PATH_INFO}|${environ.QUERY_STRING} ${environ.RAW_URI} ${environ.SERVER_PROTOCOL} ${environ.SERVER_NAME} ${environ.REMOTE_ADDR}`];
};

test("toNode() keeps where Express has mounted it, and the request's own text", async () => {
  const app = toNode(where);
  const mounted: RequestListener = (incoming, outgoing) => {
    const message = incoming as IncomingMessage & { originalUrl?: string; baseUrl?: string };
    message.originalUrl = incoming.url!;
    message.baseUrl = "/a%20b";
    incoming.url = incoming.url!.slice(6);
    app(incoming, outgoing);
  };
  await withListener(mounted, async (port) => {
    assert.match(await exchange(port, "GET /a%20b/x/../%2e?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /GET \/a b\|\/x\/\.\.\/\.\|q \/a%20b\/x\/\.\.\/%2e\?q HTTP\/1\.1 127\.0\.0\.1 127\.0\.0\.1$/);
  });
});

test("toNode() refuses a Host that would move the path", async () => {
  await withListener(toNode(where), async (port) => {
    assert.match(await exchange(port, "GET /public HTTP/1.1\r\nHost: h/admin\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 400 /);
  });
});

test("toNode() goes on with the connection after a body that nobody read", async () => {
  await withListener(toNode(where), async (port) => {
    const client = new RawClient(port);
    client.send(`POST /one HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n${"x".repeat(300_000)}GET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    assert.match(await client.end(), /POST \|\/one[^]*GET \|\/two/);
  });
});

test("toNode() serves Hono, which finds incoming and outgoing in its env", async () => {
  const hono = new Hono<{ Bindings: { incoming: IncomingMessage } }>().post("/x", async (c) => c.text(`${await c.req.text()} ${c.env.incoming.httpVersion}`));
  await withListener(toNode(hono), async (port) => {
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/x`, { method: "POST", body: "hi" })).text(), "hi 1.1");
  });
});
