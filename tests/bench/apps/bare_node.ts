/** The bare node:http, each job done in its own best way. Arguments: port, and the job. */
import { createReadStream, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import process from "node:process";
import { pipeline, Readable } from "node:stream";
import { CHUNK, FILE_VARIABLE, HELLO, MEBIBYTE, STREAMED, TEN, TEXT } from "./jobs.ts";

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

const [port = "0", job = "hello"] = process.argv.slice(2);
const plain = (response: ServerResponse, body: string | Uint8Array) => void response.writeHead(200, { ...TEXT, "content-length": Buffer.byteLength(body) }).end(body);

const jobs: Readonly<Record<string, Listener>> = {
  hello: (_, response) => plain(response, HELLO),
  reads: ({ url, headers }, response) => {
    const mark = url!.indexOf("?");
    const path = decodeURIComponent(mark < 0 ? url! : url!.slice(0, mark));
    plain(response, `${path} ${mark < 0 ? "" : url!.slice(mark + 1)} ${headers["user-agent"] ?? ""}\n`);
  },
  enumerates: ({ headers }, response) => plain(response, `${Object.keys({ ...headers }).length}\n`),
  ten: (_, response) => plain(response, TEN.join("")),
  mebibyte: (_, response) => plain(response, MEBIBYTE),
  streams: (_, response) => {
    const bytes = new TextEncoder().encode(CHUNK);
    response.writeHead(200, TEXT);
    pipeline(Readable.from((function* () {
      for (let i = 0; i < STREAMED; i++) yield bytes;
    })()), response, () => {});
  },
  awaits: (_, response) => {
    const encoder = new TextEncoder();
    response.writeHead(200, TEXT);
    pipeline(Readable.from((async function* () {
      for (let i = 0; i < STREAMED; i++) yield encoder.encode(CHUNK);
    })()), response, () => {});
  },
  uploads: (request, response) => {
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part)).on("end", () => plain(response, request.method === "POST" ? `${Buffer.concat(parts).length}\n` : HELLO));
  },
  file: ({ url }, response) => {
    if (url !== "/file") return plain(response, HELLO);
    const path = process.env[FILE_VARIABLE]!;
    response.writeHead(200, { ...TEXT, "content-length": statSync(path).size });
    pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), response, () => {});
  },
};

const listener = jobs[job];
if (listener === undefined) throw new Error(`Cannot do ${job}: expected one of ${Object.keys(jobs).join(", ")}`);
createServer(listener).listen({ port: Number(port), host: "127.0.0.1", backlog: 2048 });
