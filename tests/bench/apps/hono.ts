/** A Hono application: served by tsgi, or with a port as the argument by the native server itself. */
import process from "node:process";
import { Hono } from "hono";
import { HELLO } from "./jobs.ts";

const application = new Hono();
application.get("/", (c) => c.text(HELLO));
export default application;

const [port] = process.argv.slice(2);
if (import.meta.main && port !== undefined) {
  if ("Deno" in globalThis) Deno.serve({ port: Number(port), hostname: "127.0.0.1", onListen() {} }, application.fetch);
  else Bun.serve({ port: Number(port), hostname: "127.0.0.1", fetch: application.fetch, development: false });
}
