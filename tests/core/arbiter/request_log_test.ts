import assert from "node:assert/strict";
import { test } from "node:test";
import { requestLog } from "../../../core/arbiter/request_log.ts";
import type { LogTarget } from "../../../core/arbiter/process.ts";
import { createGateway } from "../../../core/gateway/gateway.ts";
import { PUBLIC_HEADERS } from "../../../core/gateway/request_headers.ts";
import type { App, Environ } from "../../../core/gateway/types.ts";
import type { Settings } from "../../../core/settings/table.ts";

function logOf(target: LogTarget, accessLogformat: string) {
  return requestLog({ target, settings: { logFormat: "text", accessLogformat } as Settings, pid: 1, requestHeaders: PUBLIC_HEADERS });
}

test("requestLog() writes the line of a refused request, and nothing that its application says later", () => {
  const lines: string[] = [];
  const target = { write: (line: string) => void lines.push(line), reopen: () => {}, close: () => {} };
  const log = logOf(target, '"%(r)s" %(s)s %(B)s %({retry-after}o)s');
  const since = performance.now();
  const platform = { remoteAddr: { hostname: "127.0.0.1" } };
  const say = (request: Request) => log.begin({ since, request, platform, statusCode: 200, headers: null })(5);
  const [refused, head, other] = [new Request("http://h/a"), new Request("http://h/b", { method: "HEAD" }), new Request("http://h/c")];
  const response = new Response("no", { status: 503, headers: { "retry-after": "1" } });
  log.refuse({ since, request: refused, platform }, response, 2);
  log.refuse({ since, request: head, platform }, response, 2);
  for (const request of [refused, head, other]) say(request);
  assert.deepEqual(lines, ['"GET /a HTTP/1.1" 503 2 1', '"HEAD /b HTTP/1.1" 503 0 1', '"GET /c HTTP/1.1" 200 5 -']);
});

test("requestLog() writes what the application made of environ, not what came", async () => {
  const lines: string[] = [];
  const target = { write: (line: string) => void lines.push(line), reopen: () => {}, close: () => {} };
  const log = logOf(target, '%(h)s "%(r)s" "%(f)s" "%(a)s" %(U)s');
  const changes: readonly ((environ: Environ) => void)[] = [
    () => {},
    (environ) => void (environ.REMOTE_ADDR = "192.0.2.7"),
    (environ) => void (environ.HTTP_REFERER = "theirs"),
    (environ) => void delete environ.HTTP_USER_AGENT,
    (environ) => void { ...environ },
    (environ) => void (environ.REQUEST_METHOD = "PUT"),
    (environ) => void (environ.REQUEST_URI = "/elsewhere"),
    (environ) => void (environ.SERVER_PROTOCOL = "HTTP/2"),
    (environ) => void Object.defineProperty(environ, "REMOTE_ADDR", { get: () => "odd" }),
  ];
  for (const change of changes) {
    const app: App = (environ, startResponse) => {
      change(environ);
      startResponse("200 OK", []);
      return [""];
    };
    const platform = { remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port: 1 } };
    await createGateway(app, { finished: (exchange) => log.write(exchange, exchange.bytes) })(new Request("http://h/a?b", { headers: { referer: "ref", "user-agent": "agent" } }), platform);
  }
  const plain = '10.0.0.1 "GET /a?b HTTP/1.1" "ref" "agent" /a';
  assert.deepEqual(lines, [
    plain, plain.replace("10.0.0.1", "192.0.2.7"), plain.replace("ref", "theirs"), plain.replace('"agent"', '"-"'), plain, plain.replace("GET", "PUT"),
    plain.replace("/a?b", "/elsewhere"), plain.replace("HTTP/1.1", "HTTP/2"), plain.replace("10.0.0.1", "odd"),
  ]);
});
