/** What a Fetch handler answered, made safe for the native servers: a Response, with nothing in it that would end or desynchronise them. */

/** A control character in a header value ends the whole process on Deno 2.9, and goes out as it is on Bun. `new Headers()` lets it through, but for NUL, CR and LF. */
const FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Thrown for an answer that cannot be sent. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

// Read once: in Deno's global object it is a getter, which takes longer than what is done with it.
const { Response } = globalThis;

/** Whether it is one of the platform's. */
export function isResponse(answer: unknown): answer is Response {
  return answer instanceof Response;
}

/** Throws {@linkcode AnswerError} if this is no Response that can be sent. */
export function checkAnswer(answer: unknown): asserts answer is Response {
  if (isResponse(answer)) {
    if (answer.bodyUsed) throw new AnswerError("Cannot send the Response: its body was read already");
    return;
  }
  const got = answer === null ? "null" : typeof answer === "object" ? "an object that is no Response" : typeof answer;
  throw new AnswerError(`Cannot send what the Fetch handler returned: expected a Response, got ${got}`);
}

/** Throws {@linkcode AnswerError} for a header whose value has a control character. */
export function checkHeaders(headers: Headers): void {
  let bad: string | undefined;
  headers.forEach((value, name) => {
    if (FORBIDDEN.test(value)) bad = name;
  });
  if (bad !== undefined) throw new AnswerError(`Cannot send the response header ${bad}: its value contains a control character, encode or remove it`);
}

/** Whether one value could stand in a header. */
export function isSendable(value: string): boolean {
  return !FORBIDDEN.test(value);
}

/** The response with a header set; rebuilt where its headers cannot be changed (those of `fetch()` and `Response.redirect()`). */
export function withHeader(response: Response, name: string, value: string): Response {
  try {
    response.headers.set(name, value);
    return response;
  } catch {
    // Immutable: a copy takes the body along.
    const copy = new Response(response.body, response);
    copy.headers.set(name, value);
    return copy;
  }
}

/** Not `instanceof Response`, which costs Deno five times as much. */
export function isAwaited(answer: Response | Promise<Response>): answer is Promise<Response> {
  return typeof (answer as Partial<Promise<Response>>).then === "function";
}

/** What we say ourselves, in the application's place. */
export function plainAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
