/** What comes after a request: keep-alive, pipelines, Expect and Upgrade (RFC 9112 9, RFC 9110 7.8, 10.1.1). */
import { type Case, CHUNKED, get, H, post, seen, SMUGGLED } from "./case.ts";

const GET = [seen("GET", "/")];
const TWO = [seen("GET", "/one"), seen("GET", "/two")];

export const CONNECTION_CASES: readonly Case[] = [
  connection("P01", "two requests in a pipeline", get("", "/one") + get("", "/two"), TWO, { answers: 2 }),
  connection("P02", "a body, then a request behind it", post("Content-Length: 5\r\n", "hello") + get("", "/two"), [seen("POST", "/", { body: "hello" }), seen("GET", "/two")], { answers: 2 }),
  connection("P03", "chunks, then a request behind them", post(CHUNKED, "5\r\nhello\r\n0\r\n\r\n") + get("", "/two"), [seen("POST", "/", { body: "hello" }), seen("GET", "/two")], { answers: 2 }),
  connection("P04", "a request behind one that closes is not served", get("Connection: close\r\n") + SMUGGLED, GET),
  connection("P05", "keep-alive, close is close", get("Connection: keep-alive, close\r\n") + SMUGGLED, GET),
  connection("P06", "Close in other letters", get("Connection: Close\r\n") + SMUGGLED, GET),
  connection("P07", "HTTP/1.0 closes by itself", `GET / HTTP/1.0\r\n${H}\r\n${SMUGGLED}`, GET),
  connection("P08", "HTTP/1.0 keep-alive", `GET / HTTP/1.0\r\n${H}Connection: keep-alive\r\n\r\n`, GET),
  connection("P09", "a request behind a refused one is not served", `GET / HTTP/1.1\r\n${H}X A: b\r\n\r\n${SMUGGLED}`, "refuse", { smuggles: true }),
  connection("P10", "ten requests in a pipeline", Array.from({ length: 10 }, (_, i) => get("", `/${i}`)).join(""), Array.from({ length: 10 }, (_, i) => seen("GET", `/${i}`)), { answers: 10 }),
  connection("P11", "an empty line between two requests", `${get("", "/one")}\r\n${get("", "/two")}`, TWO, { answers: 2, orRefuse: true }),
  connection("P12", "Expect: 100-continue with the body", post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"), [seen("POST", "/", { body: "hello" })]),
  connection("P13", "an expectation that nobody knows", post("Content-Length: 5\r\nExpect: tea\r\n", "hello"), "refuse", { orAccept: [seen("POST", "/", { body: "hello" })] }),
  connection("P14", "Expect: 100-continue without a body", get("Expect: 100-continue\r\n"), GET),
  connection("P15", "Upgrade: h2c is passed over", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), GET),
  connection("P16", "Upgrade: websocket to who does not want it", get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), GET),
  connection("P17", "Upgrade to nothing known", get("Connection: Upgrade\r\nUpgrade: tea/1.0\r\n"), GET),
  connection("P18", "Connection names a field that frames the body", post("Connection: Content-Length\r\nContent-Length: 5\r\n", "hello"), [seen("POST", "/", { body: "hello" })], { orRefuse: true }),
  connection("P19", "Connection names Host", get("Connection: Host\r\n"), GET, { orRefuse: true }),
  connection("P20", "a PROXY line that was not agreed on", `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${get()}`, "refuse"),
  connection("P21", "the preface of HTTP/2 without HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "refuse"),
  connection("P22", "Host of a pipelined request is its own", `GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: b\r\n\r\n`, [seen("GET", "/one", { host: "a" }), seen("GET", "/two", { host: "b" })], { answers: 2 }),
  connection("P23", "Keep-Alive with figures is passed over", get("Connection: keep-alive\r\nKeep-Alive: timeout=99999, max=0\r\n"), GET),
  connection("P24", "X-HTTP-Method-Override overrides nothing", get("X-HTTP-Method-Override: DELETE\r\n"), GET),
];

function connection(id: string, claim: string, raw: string, expect: Case["expect"], { orAccept, ...rest }: Pick<Case, "orRefuse" | "smuggles" | "answers"> & { readonly orAccept?: Case["expect"] } = {}): Case {
  return { id, area: "connection", claim, raw, expect: orAccept ?? expect, ...(orAccept === undefined ? {} : { orRefuse: true }), ...rest };
}
