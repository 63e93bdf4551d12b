/**
 * AWS Lambda as a function sees it: the Runtime API, 2018-06-01, and in front of it a function URL that turns requests into events of
 * payload 2.0 and results into responses. One event at a time, as for one instance of a function.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { startProcess } from "./binaries.ts";

export interface FrontDoor {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts `command` as the bootstrap of a custom runtime. */
export async function withFrontDoor(command: readonly string[]): Promise<FrontDoor> {
  const platform = new Lambda();
  const api = await listen((request, response) => void platform.runtimeApi(request, response));
  const door = await listen((request, response) => void platform.invoke(request, response));
  const started = startProcess(command, { AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${portOf(api)}` });
  return {
    url: `http://127.0.0.1:${portOf(door)}`,
    async stop() {
      await started.stop();
      for (const server of [api, door]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

interface Invocation {
  readonly event: object;
  readonly client: ServerResponse;
}

class Lambda {
  readonly #queue: Invocation[] = [];
  readonly #running = new Map<string, Invocation>();
  #idle: ((invocation: Invocation) => void) | null = null;
  #count = 0;

  async invoke(request: IncomingMessage, client: ServerResponse): Promise<void> {
    const invocation = { event: eventOf(request, await read(request)), client };
    if (this.#idle === null) return void this.#queue.push(invocation);
    const give = this.#idle;
    this.#idle = null;
    give(invocation);
  }

  async runtimeApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, id = "", what = ""] = /\/2018-06-01\/runtime\/invocation\/([^/]+)(?:\/(\w+))?$/.exec(request.url!) ?? [];
    if (id === "next") return this.#next(response);
    const running = this.#running.get(id);
    if (running === undefined) return plain(response, 400, "InvalidRequestID");
    const { client } = running;
    this.#running.delete(id);
    if (what === "error") {
      await read(request);
      plain(client, 502, "Bad Gateway");
    } else if (request.headers["lambda-runtime-function-response-mode"] === "streaming") {
      await stream(request, client);
    } else {
      send(client, JSON.parse((await read(request)).toString()));
    }
    plain(response, 202, "{}");
  }

  #next(response: ServerResponse): void {
    const give = (invocation: Invocation): void => {
      const id = `id-${++this.#count}`;
      this.#running.set(id, invocation);
      response.writeHead(200, { "Lambda-Runtime-Aws-Request-Id": id, "Lambda-Runtime-Deadline-Ms": String(Date.now() + 30_000), "Content-Type": "application/json" });
      response.end(JSON.stringify(invocation.event));
    };
    const waiting = this.#queue.shift();
    if (waiting === undefined) this.#idle = give;
    else give(waiting);
  }
}

interface Result {
  readonly statusCode: number;
  readonly headers?: Record<string, string>;
  readonly cookies?: string[];
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

function eventOf(request: IncomingMessage, body: Buffer): object {
  const [rawPath, rawQueryString = ""] = request.url!.split("?");
  const { cookie, ...headers } = request.headers as Record<string, string>;
  return {
    version: "2.0",
    rawPath,
    rawQueryString,
    headers: { ...headers, host: "abc.lambda-url.eu-west-1.on.aws", "x-forwarded-proto": "https" },
    ...(cookie === undefined ? {} : { cookies: cookie.split("; ") }),
    requestContext: { domainName: "abc.lambda-url.eu-west-1.on.aws", stage: "$default", http: { method: request.method, sourceIp: "192.0.2.7", protocol: "HTTP/1.1" } },
    ...(body.length === 0 ? {} : { body: body.toString("base64"), isBase64Encoded: true }),
  };
}

function send(client: ServerResponse, { statusCode, headers = {}, cookies = [], body = "", isBase64Encoded = false }: Result): void {
  head(client, { statusCode, headers, cookies });
  client.end(Buffer.from(body, isBase64Encoded ? "base64" : "utf8"));
}

/** Metadata, eight NULs, the body; what ends without the end of its chunks takes the client's connection along. */
async function stream(request: IncomingMessage, client: ServerResponse): Promise<void> {
  let before: Buffer | null = Buffer.alloc(0);
  try {
    for await (const chunk of request) {
      if (before === null) {
        client.write(chunk);
        continue;
      }
      before = Buffer.concat([before, chunk as Buffer]);
      const end = before.indexOf(Buffer.alloc(8));
      if (end < 0) continue;
      head(client, JSON.parse(before.subarray(0, end).toString()));
      client.flushHeaders();
      if (before.length > end + 8) client.write(before.subarray(end + 8));
      before = null;
    }
    client.end();
  } catch {
    client.destroy();
  }
}

function head(client: ServerResponse, { statusCode, headers = {}, cookies = [] }: Result): void {
  client.statusCode = statusCode;
  for (const [name, value] of Object.entries(headers)) client.setHeader(name, value);
  if (cookies.length > 0) client.setHeader("set-cookie", cookies);
}

function plain(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) response.writeHead(status, { "Content-Type": "text/plain" });
  response.end(text);
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
