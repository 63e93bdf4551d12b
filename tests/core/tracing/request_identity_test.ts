import assert from "node:assert/strict";
import { test } from "node:test";
import { identified } from "../../../core/arbiter/identify.ts";
import { inFlightText, Register, REGISTER_SIZE } from "../../../core/arbiter/register.ts";
import { makeIdentity, NO_CLAIMS, requestIdentity } from "../../../core/tracing/request_identity.ts";

const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("makeIdentity() takes a well-formed id and goes on with a trace", () => {
  const { id, trace } = makeIdentity({ id: "order-7/a=b@c", traceparent: PARENT, tracestate: "a=1,b=2" });
  assert.equal(id, "order-7/a=b@c");
  assert.deepEqual([trace.traceId, trace.parentId, trace.isSampled, trace.tracestate], ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true, "a=1,b=2"]);
  assert.notEqual(trace.spanId, trace.parentId);
  assert.equal(trace.traceparent, `00-${trace.traceId}-${trace.spanId}-01`);
});

test("makeIdentity() begins a trace where none came, and calls the request by it", () => {
  const [a, b] = [makeIdentity(NO_CLAIMS), makeIdentity(NO_CLAIMS)];
  assert.match(a.id, /^[0-9a-f]{32}$/);
  assert.equal(a.id, a.trace.traceId);
  assert.deepEqual([a.trace.parentId, a.trace.isSampled, a.trace.tracestate], [null, false, null]);
  assert.notEqual(a.id, b.id);
});

test("makeIdentity() takes nothing that would need escaping, nor a tracestate without its trace", () => {
  for (const id of ["", "a b", 'a"b', "a\n", "\u00e9", "<x>", "a;b", "a,b", "x".repeat(129), "a\u2028b", "%41"]) {
    assert.match(makeIdentity({ ...NO_CLAIMS, id }).id, /^[0-9a-f]{32}$/, JSON.stringify(id));
  }
  assert.equal(makeIdentity({ ...NO_CLAIMS, id: "x".repeat(128) }).id.length, 128);
  assert.equal(makeIdentity({ id: null, traceparent: `${PARENT}-x`, tracestate: "a=1" }).trace.tracestate, null);
  assert.equal(makeIdentity({ id: null, traceparent: PARENT, tracestate: "a=\x1b" }).trace.tracestate, null);
});

const SETTINGS = { requestId: true, requestIdHeader: "X-Request-ID", requestIdResponse: true, forwardedAllowIps: ["10.0.0.0/8"] };
const from = (hostname: string) => ({ remoteAddr: { hostname } });

test("identified() believes the peers of forwarded-allow-ips, and nobody else", async () => {
  const handler = identified((request) => new Response(requestIdentity(request)!.id), SETTINGS);
  const ask = async (hostname: string) => {
    const response = await handler(new Request("http://h/", { headers: { "x-request-id": "abc", traceparent: PARENT } }), from(hostname));
    return [await response.text(), response.headers.get("x-request-id")];
  };
  assert.deepEqual(await ask("10.1.2.3"), ["abc", "abc"]);
  const [text, header] = await ask("192.0.2.1");
  assert.match(text!, /^[0-9a-f]{32}$/);
  assert.equal(header, text);
  assert.doesNotMatch(text!, /4bf92f35/);
});

test("identified() leaves the application's own header, and is not there where nobody asks", async () => {
  const own = identified(() => Promise.resolve(new Response("", { headers: { "x-request-id": "mine" } })), SETTINGS);
  assert.equal((await own(new Request("http://h/"), from("10.0.0.1"))).headers.get("x-request-id"), "mine");
  const silent = identified((request) => new Response(requestIdentity(request)!.id), { ...SETTINGS, requestIdResponse: false });
  assert.equal((await silent(new Request("http://h/"), from("10.0.0.1"))).headers.get("x-request-id"), null);
  const plain = () => new Response("");
  assert.equal(identified(plain, { ...SETTINGS, requestId: false }), plain);
  assert.equal(requestIdentity(new Request("http://h/")), null);
});

test("Register names the id of a request, cut before anything of it could be another's", () => {
  const memory = new Uint8Array(REGISTER_SIZE);
  const register = new Register(memory);
  register.enter("GET", `http://h/${"p".repeat(300)}`, "i".repeat(128));
  assert.match(inFlightText(memory, 0), /^GET \/p{50} \[i{64}\] \(0\.0s\)$/);
  const other = new Uint8Array(REGISTER_SIZE);
  new Register(other).enter("POST", "http://h/x", "abc");
  assert.equal(inFlightText(other, 2000), "POST /x [abc] (2.0s)");
});
