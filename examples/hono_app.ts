/**
 * A Hono application, and a TSGI application mounted in it.
 *
 * Run it: deno run -A mod.ts examples/hono_app.ts, then open http://127.0.0.1:8000/ and /tsgi/anything
 */
import { Hono } from "hono";
import { toFetch } from "../mod.ts";
import type { App } from "../mod.ts";

const inner: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [`TSGI below ${environ.SCRIPT_NAME}, at ${environ.PATH_INFO}\n`];
};

const application = new Hono();
application.get("/", (c) => c.text("Hello, Hono!\n"));
// Hono's own mount() takes the prefix away; this tells the application where it is.
const mounted = toFetch(inner, { scriptName: "/tsgi" });
application.all("/tsgi/*", (c) => mounted(c.req.raw));
export default application;
