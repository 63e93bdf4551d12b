import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerError, checkAnswer, checkHeaders, withHeader } from "../../../core/arbiter/fetch_answer.ts";

test("checkAnswer() takes a Response, and names what else came", () => {
  checkAnswer(new Response("x"));
  for (const [answer, got] of [[undefined, "undefined"], [null, "null"], ["text", "string"], [{}, "an object that is no Response"]] as const) {
    assert.throws(() => checkAnswer(answer), (error: Error) => error instanceof AnswerError && error.message.endsWith(`got ${got}`));
  }
});

test("checkAnswer() refuses a Response whose body was read", async () => {
  const response = new Response("x");
  await response.text();
  assert.throws(() => checkAnswer(response), AnswerError);
});

test("checkHeaders() refuses control characters, names the header and does not show its value", () => {
  for (let code = 1; code < 256; code++) {
    const value = `a${String.fromCharCode(code)}b`;
    let headers: Headers;
    try {
      headers = new Headers({ "X-Test": value });
    } catch {
      continue; // The platform refuses it itself.
    }
    const isControl = (code < 32 && code !== 9) || code === 127;
    if (isControl) assert.throws(() => checkHeaders(headers), (error: Error) => /x-test/i.test(error.message) && !error.message.includes(value), `byte ${code}`);
    else checkHeaders(headers);
  }
});

test("withHeader() sets a header, also where headers cannot be changed", async () => {
  assert.equal(withHeader(new Response("x"), "connection", "close").headers.get("connection"), "close");
  const copy = withHeader(Response.redirect("http://h/x", 302), "connection", "close");
  assert.deepEqual([copy.status, copy.headers.get("location"), copy.headers.get("connection")], [302, "http://h/x", "close"]);
});
