/**
 * What Deno keeps in a Response, looked at where it keeps it.
 *
 * A small answer takes Deno.serve's fast path as long as nobody has touched `response.headers`; to read the headers the public way costs
 * about 10 % of it. So the members behind symbols are read, which Deno 2.9 sets when the Response is made. They are tried once with
 * Responses whose answer is known: where they are not as expected, the public way is taken.
 */
import { AnswerError, checkHeaders as checkPublicly, isSendable } from "../core/arbiter/fetch_answer.ts";

/** What the kind of headers means: none, or only a content type; anything else is a list. */
const [NONE, CONTENT_TYPE] = [1, 2];

const places = find();

/** Throws {@linkcode AnswerError} for a header whose value has a control character: it would end the process. */
export const checkHeaders: (response: Response) => void = choose();

/** As `response.headers.get(name)`, for a name in lower case; but an answer that has no headers, or only a content type, keeps its fast path. */
export function responseHeader(response: Response, name: string): string | null {
  return name !== "content-type" && isFast(response) ? null : response.headers.get(name);
}

/**
 * An answer after which Deno closes the connection, which it does not for `Connection: close` alone: a body of the length that was announced,
 * whose stream then breaks. The client sees a whole answer.
 */
export function lastAnswer(text: string, { status, headers }: { readonly status: number; readonly headers: Record<string, string> }): Response {
  const bytes = new TextEncoder().encode(text);
  let isSent = false;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>): void => {
    if (isSent) return controller.error(new Error("The connection is to be closed"));
    isSent = true;
    controller.enqueue(bytes);
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { status, headers: { ...headers, "content-length": String(bytes.length) } });
}

interface Places {
  readonly kind: symbol;
  readonly contentType: symbol;
  readonly headers: symbol;
  readonly inner: symbol;
}

function choose(): (response: Response) => void {
  const publicly = (response: Response) => checkPublicly(response.headers);
  if (places === null) return publicly;
  const quickly = (response: Response) => check(response as unknown as Record<symbol, unknown>, response, places);
  return isRight(quickly) ? quickly : publicly;
}

/** Whether nothing has touched its headers, and it has none but perhaps a content type. */
function isFast(response: Response): boolean {
  if (places === null) return false;
  const members = response as unknown as Record<symbol, unknown>;
  const kind = members[places.kind];
  return members[places.headers] === null && (kind === NONE || kind === CONTENT_TYPE);
}

function find(): Places | null {
  const symbols = Object.getOwnPropertySymbols(new Response(""));
  const named = (description: string) => symbols.find((symbol) => symbol.description === description);
  const [kind, contentType, headers, inner] = ["serve fast header kind", "serve fast content type", "headers", "response"].map(named);
  return kind && contentType && headers && inner ? { kind, contentType, headers, inner } : null;
}

function check(members: Record<symbol, unknown>, response: Response, places: Places): void {
  const kind = members[places.kind];
  if (kind === NONE) return;
  if (kind === CONTENT_TYPE) {
    if (!isSendable(String(members[places.contentType]))) throw refusal("content-type");
    return;
  }
  const list = members[places.headers] === null ? (members[places.inner] as { headerList?: unknown }).headerList : undefined;
  if (!Array.isArray(list)) return checkPublicly(response.headers);
  for (const [name, value] of list as [string, string][]) if (!isSendable(value)) throw refusal(name);
}

function refusal(name: string): AnswerError {
  return new AnswerError(`Cannot send the response header ${name}: its value contains a control character, encode or remove it`);
}

function isRight(quickly: (response: Response) => void): boolean {
  const touched = new Response("", { headers: { "x-y": "a" } });
  touched.headers.set("x-z", "a\x01");
  const bad = [
    new Response("", { headers: { "content-type": "a\x01" } }),
    new Response("", { headers: { "x-y": "a\x01" } }),
    new Response("", { headers: [["content-type", "a"], ["x-y", "\x7f"]] }),
    new Response(null, { headers: new Headers({ "x-y": "\x1b" }) }),
    touched,
  ];
  const good = [new Response(""), new Response("", { headers: { "content-type": "a" } }), Response.json({}), new Response(null, { headers: { "x-y": "a\tb" } })];
  const refuses = (response: Response) => {
    try {
      quickly(response);
      return false;
    } catch {
      return true;
    }
  };
  return bad.every(refuses) && !good.some(refuses);
}
