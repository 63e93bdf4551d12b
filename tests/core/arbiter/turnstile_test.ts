import assert from "node:assert/strict";
import { test } from "node:test";
import { Turnstile } from "../../../core/arbiter/turnstile.ts";

test("Turnstile lets one in at a time, in the order they came", async () => {
  const turnstile = new Turnstile(1);
  const inside: string[] = [];
  const handler = turnstile.around((request) => {
    inside.push(new URL(request.url).pathname);
    return new Response(request.url);
  });
  const first = handler(new Request("http://h/1"), null);
  const second = handler(new Request("http://h/2"), null);
  const third = handler(new Request("http://h/3"), null);
  assert.ok(first instanceof Response, "who need not wait gets no promise");
  assert.deepEqual(inside, ["/1"]);
  turnstile.leave();
  assert.deepEqual(inside, ["/1", "/2"]);
  turnstile.leave();
  assert.deepEqual((await Promise.all([second, third])).map((response) => response.status), [200, 200]);
  assert.deepEqual(inside, ["/1", "/2", "/3"]);
  turnstile.leave();
  assert.ok(handler(new Request("http://h/4"), null) instanceof Response);
});

test("Turnstile has room for as many as it was told", () => {
  const turnstile = new Turnstile(2);
  const handler = turnstile.around(() => new Response(""));
  const request = new Request("http://h/");
  assert.ok(handler(request, null) instanceof Response);
  assert.ok(handler(request, null) instanceof Response);
  assert.ok(handler(request, null) instanceof Promise);
});
