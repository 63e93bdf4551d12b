/** Events as AWS documents them; the loop itself runs in tests/edge. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Hono } from "hono";
import { toLambda, toLambdaStream } from "../../adapters/lambda.ts";
import type { App } from "../../core/gateway/types.ts";

const echo: App = async (environ, startResponse) => {
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING, REMOTE_ADDR, SERVER_NAME, SERVER_PORT, SERVER_PROTOCOL, HTTP_COOKIE, HTTP_X_MANY, REQUEST_METHOD } = environ;
  const body = new TextDecoder().decode(await environ["tsgi.input"].read());
  startResponse("201 Made", [["Content-Type", "application/json"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]);
  return [JSON.stringify({ SCRIPT_NAME, PATH_INFO, QUERY_STRING, REMOTE_ADDR, SERVER_NAME, SERVER_PORT, SERVER_PROTOCOL, HTTP_COOKIE, HTTP_X_MANY, REQUEST_METHOD, scheme: environ["tsgi.url_scheme"], body })];
};

const V2 = {
  version: "2.0",
  rawPath: "/prod/caf%C3%A9 x",
  rawQueryString: "a=1&a=%20",
  cookies: ["c=3", "d=4"],
  headers: { host: "api.example.com", "x-many": "1,2" },
  requestContext: { stage: "prod", domainName: "api.example.com", http: { method: "POST", sourceIp: "192.0.2.1", protocol: "HTTP/1.1" } },
  body: "w6k=",
  isBase64Encoded: true,
};
const V1 = {
  httpMethod: "GET",
  path: "/a b",
  headers: { Host: "id.execute-api.example.com" },
  multiValueHeaders: { Host: ["id.execute-api.example.com"], "X-Many": ["1", "2"], Cookie: ["c=3", "d=4"] },
  multiValueQueryStringParameters: { "q q": ["1&2", "é"] },
  requestContext: { stage: "prod", path: "/prod/a b", protocol: "HTTP/1.1", identity: { sourceIp: "192.0.2.2" } },
  body: null,
};
const ALB = {
  httpMethod: "GET",
  path: "/x%20y",
  headers: { host: "lb.example.com", "x-forwarded-for": "6.6.6.6, 192.0.2.3", "x-forwarded-proto": "http", "x-forwarded-port": "8080" },
  queryStringParameters: { q: "%C3%A9" },
  requestContext: { elb: { targetGroupArn: "arn" } },
  body: "",
  isBase64Encoded: false,
};

test("toLambda() reads an event of payload 2.0, and answers in its form", async () => {
  const { body, ...head } = await toLambda(echo)(V2);
  assert.deepEqual(head, { statusCode: 201, headers: { "content-type": "application/json", "content-length": head.headers!["content-length"] }, cookies: ["a=1", "b=2"], isBase64Encoded: false });
  assert.deepEqual(JSON.parse(body), {
    SCRIPT_NAME: "/prod", PATH_INFO: "/café x", QUERY_STRING: "a=1&a=%20", REMOTE_ADDR: "192.0.2.1", SERVER_NAME: "api.example.com", SERVER_PORT: "443",
    SERVER_PROTOCOL: "HTTP/1.1", HTTP_COOKIE: "c=3; d=4", HTTP_X_MANY: "1,2", REQUEST_METHOD: "POST", scheme: "https", body: "é",
  });
});

test("toLambda() reads an event of a REST API, where everything is decoded", async () => {
  const { body, ...head } = await toLambda(echo)(V1);
  assert.deepEqual([head.statusCode, head.multiValueHeaders!["set-cookie"], head.headers], [201, ["a=1", "b=2"], undefined]);
  const { SCRIPT_NAME, PATH_INFO, QUERY_STRING, REMOTE_ADDR, HTTP_COOKIE, HTTP_X_MANY } = JSON.parse(body);
  assert.deepEqual([SCRIPT_NAME, PATH_INFO, QUERY_STRING, REMOTE_ADDR, HTTP_COOKIE, HTTP_X_MANY], ["/prod", "/a b", "q%20q=1%262&q%20q=%C3%A9", "192.0.2.2", "c=3; d=4", "1, 2"]);
});

test("toLambda() reads an event of a load balancer, which believes of X-Forwarded-For only what it wrote itself", async () => {
  const { body, ...head } = await toLambda(echo)(ALB);
  assert.deepEqual([head.statusDescription, head.headers!["set-cookie"], head.multiValueHeaders], ["201 Made", "b=2", undefined]);
  const { PATH_INFO, QUERY_STRING, REMOTE_ADDR, SERVER_PORT, scheme } = JSON.parse(body);
  assert.deepEqual([PATH_INFO, QUERY_STRING, REMOTE_ADDR, SERVER_PORT, scheme], ["/x y", "q=%C3%A9", "192.0.2.3", "8080", "http"]);
  const many = await toLambda(echo)({ ...ALB, multiValueHeaders: { host: ["lb.example.com"] } });
  assert.deepEqual(many.multiValueHeaders!["set-cookie"], ["a=1", "b=2"]);
});

test("toLambda() rejects for what is no HTTP request, and waits for what waits", async () => {
  await assert.rejects(toLambda(echo)({ source: "aws.events" }), /Cannot make a request of this event/);
  let done = false;
  const app: App = (environ, startResponse) => {
    environ["tsgi.wait_until"]!(new Promise<void>((resolve) => setTimeout(() => resolve(void (done = true)), 5)));
    startResponse("200 OK", [["Content-Type", "image/png"]]);
    return [new Uint8Array([0xff])];
  };
  assert.deepEqual([(await toLambda(app)(V2)).body, done], ["/w==", true]);
});

test("toLambda() serves Hono, with what Hono's own adapter puts into env", async () => {
  const hono = new Hono<{ Bindings: { event: { rawPath: string }; lambdaContext: { awsRequestId: string } } }>();
  hono.post("*", (c) => c.text(`${c.req.path} ${c.env.event.rawPath} ${c.env.lambdaContext.awsRequestId}`));
  const { body, isBase64Encoded } = await toLambda(hono)(V2, { awsRequestId: "7" });
  // On Bun, such an answer has no Content-Type: then nobody can know that it is text.
  assert.equal(Buffer.from(body, isBase64Encoded ? "base64" : "utf8").toString(), "/prod/café x /prod/caf%C3%A9 x 7");
});

test("toLambdaStream() streams by the platform's global, and needs it", async () => {
  assert.throws(() => toLambdaStream(echo), /awslambda is missing/);
  const chunks: string[] = [];
  const stream = { write: (chunk: Uint8Array) => chunks.push(new TextDecoder().decode(chunk)) > 0, end: () => chunks.push("end"), destroy: () => chunks.push("destroyed") };
  const global = globalThis as { awslambda?: unknown };
  global.awslambda = {
    streamifyResponse: (handler: unknown) => handler,
    HttpResponseStream: { from: (to: unknown, metadata: { statusCode: number }) => (chunks.push(String(metadata.statusCode)), to) },
  };
  try {
    const handler = toLambdaStream(async function* (_environ, startResponse) {
      startResponse("200 OK", [["Content-Type", "text/plain"]]);
      yield "a";
      yield "b";
    }) as (event: unknown, to: unknown, context: unknown) => Promise<void>;
    await handler(V2, stream, {});
    assert.deepEqual(chunks, ["200", "a", "b", "end"]);
  } finally {
    delete global.awslambda;
  }
});
