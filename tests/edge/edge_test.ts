/** One application, unchanged, on every platform that runs here without its owner. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { toFetchObject } from "../../adapters/fetch.ts";
import { toHono } from "../../adapters/hono.ts";
import { toNetlify } from "../../adapters/netlify.ts";
import { toVercel } from "../../adapters/vercel.ts";
import { runtime, serve } from "../core/gateway/live.ts";
import application from "./apps.ts";
import { bun, deno, edgeRuntime, listening, node, workerd } from "./binaries.ts";
import { withFrontDoor } from "./lambda_platform.ts";
import { type Running, suite } from "./suite.ts";
import { bundle, type Form, startWorkerd } from "./workerd.ts";

const programs = "tests/edge/programs";
const missing = (found: Readonly<Record<string, string | null>>) => Object.keys(found).find((name) => found[name] === null);

/** Of the servers that run in this process, Node's. */
const sendsReasons = runtime === "node";

// The runtimes themselves.
suite({ name: runtime, target: runtime, start: () => inProcess(toFetchObject(application).fetch) });
suite({ name: "deno serve", target: "deno_deploy", missing: missing({ deno }), start: () => listening([deno!, "serve", "-A", "--no-check", "--host", "127.0.0.1", "--port", "0", `${programs}/deno_deploy.ts`]) });
suite({ name: "node:http on node", target: "node", missing: missing({ "node 22.18 or newer": node }), start: () => listening([node!, `${programs}/node.ts`]) });
suite({ name: "node:http on deno", target: "node", missing: missing({ deno }), start: () => listening([deno!, "run", "-A", "--no-check", `${programs}/node.ts`]) });
suite({ name: "node:http on bun", target: "node", missing: missing({ bun }), start: () => listening([bun!, `${programs}/node.ts`]) });

// Cloudflare, and service workers.
const cloudflare = { target: "cloudflare", headers: { "cf-connecting-ip": "192.0.2.7" } } as const;
const onWorkerd = (program: string, form: Form) => () => startWorkerd(`${programs}/${program}`, form);
suite({ name: "workerd", ...cloudflare, missing: missing({ workerd }), start: onWorkerd("cloudflare.ts", "typescript") });
suite({ name: "workerd, bundled", ...cloudflare, missing: missing({ workerd, bun }), start: onWorkerd("cloudflare.ts", "module") });
suite({ name: "service worker in workerd", target: "service_worker", missing: missing({ workerd, bun }), start: onWorkerd("service_worker.ts", "script") });
suite({ name: "edge-runtime", target: "service_worker", missing: missing({ "edge-runtime": edgeRuntime, bun }), start: startEdgeRuntime });

// Frameworks, and functions that a platform calls.
suite({ name: "hono", target: runtime, sendsReasons, prefix: "/mnt", start: () => inProcess(mounted()) });
suite({ name: "vercel", target: "vercel", sendsReasons, headers: { "x-real-ip": "192.0.2.7" }, start: startVercel });
suite({ name: "netlify", target: "netlify", sendsReasons, start: () => inProcess(netlify()) });
for (const [on, command] of [["bun", [bun!]], ["deno", [deno!, "run", "-A", "--no-check"]]] as const) {
  const platform = { target: "lambda", missing: missing({ [on]: command[0] }) } as const;
  suite({ ...platform, name: `lambda on ${on}`, start: () => withFrontDoor([...command, `${programs}/lambda.ts`]) });
  suite({ ...platform, name: `lambda on ${on}, streaming`, start: () => withFrontDoor([...command, `${programs}/lambda.ts`, "--stream"]) });
}

type Handler = Parameters<typeof serve>[0];

async function inProcess(handler: Handler, close: () => void = () => undefined): Promise<Running> {
  const live = await serve(handler);
  return {
    url: live.url,
    async stop() {
      // Deno waits for connections that a client keeps.
      await Promise.race([live.stop(), new Promise((resolve) => setTimeout(resolve, 500))]);
      close();
    },
  };
}

function mounted(): Handler {
  const hono = new Hono();
  hono.all("/mnt/*", toHono(application, { scriptName: "/mnt" }));
  return (request, platform) => hono.fetch(request, platform as object);
}

/** The platform keeps its context where `@vercel/functions` looks for it. */
async function startVercel(): Promise<Running> {
  const key = Symbol.for("@vercel/request-context");
  const global = globalThis as { [key]?: unknown };
  global[key] = { get: () => ({ waitUntil: (_promise: Promise<unknown>) => undefined }) };
  return await inProcess((request) => toVercelOnce.fetch(request), () => delete global[key]);
}

const toVercelOnce = toVercel(application);

function netlify(): Handler {
  const handler = toNetlify(application);
  return (request) => handler(request, { ip: "192.0.2.7", requestId: "1", geo: { city: "Ulm" }, waitUntil: (_promise: Promise<unknown>) => undefined });
}

async function startEdgeRuntime(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-edge-"));
  const script = bundle(`${programs}/service_worker.ts`, "iife", folder);
  const program = `${programs}/edge_runtime.ts`;
  const running = await listening(runtime === "deno" ? [deno!, "run", "-A", "--no-check", program, script] : [bun!, program, script]);
  return {
    url: running.url,
    async stop() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
