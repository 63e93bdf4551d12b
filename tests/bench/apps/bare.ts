/** The bare native server, each job done in its own best way. Arguments: port, the job, and `reuse-port` to share the port with another. */
import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { CHUNK, FILE_VARIABLE, HELLO, MEBIBYTE, STREAMED, TEN, TEXT } from "./jobs.ts";

type Handler = (request: Request, platform: Platform) => Response | Promise<Response>;

/** Deno's info, or Bun's server. */
interface Platform {
  readonly remoteAddr?: { readonly hostname: string };
  requestIP?(request: Request): { readonly address: string } | null;
}

const isDeno = "Deno" in globalThis;
const [port = "0", job = "hello", sharing] = process.argv.slice(2);
const reusePort = sharing === "reuse-port";
const encoder = new TextEncoder();

const jobs: Readonly<Record<string, Handler>> = {
  hello: () => new Response(HELLO, { headers: { ...TEXT } }),
  reads: (request) => {
    const { url } = request;
    const start = url.indexOf("/", 8);
    const mark = url.indexOf("?", start);
    const path = decodeURIComponent(mark < 0 ? url.slice(start) : url.slice(start, mark));
    const query = mark < 0 ? "" : url.slice(mark + 1);
    return new Response(`${path} ${query} ${request.headers.get("user-agent") ?? ""}\n`, { headers: { ...TEXT } });
  },
  enumerates: (request) => {
    const all: Record<string, string> = {};
    for (const [name, value] of request.headers) all[name] = value;
    return new Response(`${Object.keys(all).length}\n`, { headers: { ...TEXT } });
  },
  ten: () => new Response(TEN.join(""), { headers: { ...TEXT } }),
  mebibyte: () => new Response(MEBIBYTE, { headers: { ...TEXT } }),
  streams: () => new Response(isDeno ? pulled() : generated(), { headers: { ...TEXT } }),
  awaits: () => new Response(isDeno ? iterated(awaited()) : awaited() as unknown as BodyInit, { headers: { ...TEXT } }),
  uploads: async (request) => {
    if (request.method !== "POST") return new Response(HELLO);
    return new Response(`${(await request.arrayBuffer()).byteLength}\n`, { headers: { ...TEXT } });
  },
  logs: (request, platform) => {
    log(request, platform);
    return new Response(HELLO, { headers: { ...TEXT } });
  },
  file: (request) => {
    if (!request.url.endsWith("/file")) return new Response(HELLO);
    return sendFile(process.env[FILE_VARIABLE]!);
  },
};

async function sendFile(path: string): Promise<Response> {
  if (!isDeno) return new Response(Bun.file(path), { headers: { ...TEXT } });
  const file = await Deno.open(path);
  const { size } = await file.stat();
  return new Response(file.readable, { headers: { ...TEXT, "content-length": String(size) } });
}

const LOG = job === "logs" ? openSync(`${process.env[FILE_VARIABLE]}.bare.log`, "a") : -1;
let lines = "";
let second = 0;
let date = "";

/** What stands in gunicorn's line, read in the shortest way there is and neither escaped nor checked; written in blocks. */
function log(request: Request, platform: Platform): void {
  const now = Date.now();
  if (now - second >= 1000) {
    second = now - (now % 1000);
    date = new Date(second).toUTCString();
  }
  const { url, headers } = request;
  const address = isDeno ? platform.remoteAddr!.hostname : platform.requestIP!(request)!.address;
  const user = headers.get("authorization") ?? "-";
  lines += `${address} - ${user} [${date}] "${request.method} ${url.slice(url.indexOf("/", 8))} HTTP/1.1" 200 ${HELLO.length} "${headers.get("referer") ?? "-"}" "${headers.get("user-agent") ?? "-"}"\n`;
  if (lines.length < 65_536) return;
  writeSync(LOG, encoder.encode(lines));
  lines = "";
}

function pulled(): ReadableStream<Uint8Array> {
  const bytes = encoder.encode(CHUNK);
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent++ < STREAMED) controller.enqueue(bytes);
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

function generated(): BodyInit {
  const bytes = encoder.encode(CHUNK);
  async function* chunks() {
    for (let i = 0; i < STREAMED; i++) yield bytes;
  }
  return chunks() as unknown as BodyInit;
}

async function* awaited(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < STREAMED; i++) yield encoder.encode(CHUNK);
}

function iterated(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  }, { highWaterMark: 0 });
}

const handler = jobs[job];
if (handler === undefined) throw new Error(`Cannot do ${job}: expected one of ${Object.keys(jobs).join(", ")}`);
if (isDeno) Deno.serve({ port: Number(port), hostname: "127.0.0.1", reusePort, onListen() {} }, handler);
else Bun.serve({ port: Number(port), hostname: "127.0.0.1", reusePort, fetch: handler, development: false });
