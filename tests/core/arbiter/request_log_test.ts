import assert from "node:assert/strict";
import { test } from "node:test";
import { requestLog } from "../../../core/arbiter/request_log.ts";
import type { Settings } from "../../../core/settings/table.ts";

test("requestLog() writes the line of a refused request, and nothing that its application says later", () => {
  const lines: string[] = [];
  const target = { write: (line: string) => void lines.push(line), reopen: () => {}, close: () => {} };
  const log = requestLog(target, { logFormat: "text", accessLogformat: '"%(r)s" %(s)s %(B)s %({retry-after}o)s' } as Settings, 1);
  const since = performance.now();
  const platform = { remoteAddr: { hostname: "127.0.0.1" } };
  const say = (request: Request) => log.begin({ since, request, platform, status: 200, headers: null })(5);
  const [refused, head, other] = [new Request("http://h/a"), new Request("http://h/b", { method: "HEAD" }), new Request("http://h/c")];
  const response = new Response("no", { status: 503, headers: { "retry-after": "1" } });
  log.refuse({ since, request: refused, platform }, response, 2);
  log.refuse({ since, request: head, platform }, response, 2);
  for (const request of [refused, head, other]) say(request);
  assert.deepEqual(lines, ['"GET /a HTTP/1.1" 503 2 1', '"HEAD /b HTTP/1.1" 503 0 1', '"GET /c HTTP/1.1" 200 5 -']);
});
