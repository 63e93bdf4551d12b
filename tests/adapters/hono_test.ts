import assert from "node:assert/strict";
import { test } from "node:test";
import { type Context, Hono } from "hono";
import { fromHono, toHono } from "../../adapters/hono.ts";
import { createGateway } from "../../core/gateway/gateway.ts";
import { toFetch } from "../../core/gateway/to_fetch.ts";
import type { App, Environ } from "../../core/gateway/types.ts";
import { runtime, withServer } from "../core/gateway/live.ts";

// Neither can be imported on the other's runtime.
const { getConnInfo } = runtime === "deno" ? await import("hono/deno") : await import("hono/bun");

const where: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [`${environ.SCRIPT_NAME} ${environ.PATH_INFO} ${environ.REMOTE_ADDR} ${typeof environ["tsgi.wait_until"]}`];
};

test("toHono() keeps where it is mounted, who asks, and waitUntil", async () => {
  const hono = new Hono();
  hono.all("/wiki/*", toHono(where, { scriptName: "/wiki" }));
  await withServer((request, platform) => hono.fetch(request, platform as object, { waitUntil() {}, passThroughOnException() {}, props: {} }), async ({ url }) => {
    assert.equal(await (await fetch(`${url}/wiki/a%20b`)).text(), "/wiki /a b 127.0.0.1 function");
  });
  await withServer((request, platform) => hono.fetch(request, runtime === "deno" ? { remoteAddr: (platform as { remoteAddr: object }).remoteAddr } : { server: platform }), async ({ url }) => {
    assert.equal(await (await fetch(`${url}/wiki/`)).text(), "/wiki / 127.0.0.1 undefined");
  });
});

const informed = new Hono().all("*", (c) => c.text(`${getConnInfo(c as unknown as Context).remote.address} ${(c.env as { environ: Environ }).environ.REQUEST_METHOD}`));

test("fromHono() lets the runtime's getConnInfo tell what environ tells", async () => {
  const behindProxy = createGateway(fromHono(informed), { server: { remoteAddr: "2001:db8::1", remotePort: 7 } });
  assert.equal(await (await behindProxy(new Request("http://h/"))).text(), "2001:db8::1 GET");
  await withServer(toFetch(fromHono(informed)), async ({ url }) => assert.equal(await (await fetch(url)).text(), "127.0.0.1 GET"));
  assert.equal(await (await createGateway(fromHono(informed))(new Request("http://h/"))).text(), "undefined GET");
});

test("a Hono app that is served as it is finds its peer by the runtime's own getConnInfo", async () => {
  const hono = new Hono().get("/", (c) => c.text(String(getConnInfo(c as unknown as Context).remote.address)));
  await withServer((request, platform) => hono.fetch(request, platform as object), async ({ url }) => assert.equal(await (await fetch(url)).text(), "127.0.0.1"));
});
