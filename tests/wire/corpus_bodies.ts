/** Where a body ends: Content-Length, Transfer-Encoding, chunks and trailers (RFC 9112 6, 7). */
import { type Case, CHUNKED, chunked, H, post, seen, SMUGGLED } from "./case.ts";

const HELLO = [seen("POST", "/", { body: "hello" })];
const CL = SMUGGLED.length;

export const BODY_CASES: readonly Case[] = [
  // Content-Length
  length("C01", "a length", post("Content-Length: 5\r\n", "hello"), HELLO),
  length("C02", "no length and no coding: no body", post(""), [seen("POST", "/")]),
  length("C03", "length 0", post("Content-Length: 0\r\n"), [seen("POST", "/")]),
  length("C04", "leading zeros", post("Content-Length: 005\r\n", "hello"), HELLO, { orRefuse: true }),
  length("C05", "a sign", post(`Content-Length: +${CL}\r\n`, SMUGGLED)),
  length("C06", "a minus", post("Content-Length: -1\r\n", SMUGGLED)),
  length("C07", "hexadecimal", post("Content-Length: 0x5\r\n", `hello${SMUGGLED}`)),
  length("C08", "an underscore in the number", post("Content-Length: 1_0\r\n", SMUGGLED)),
  length("C09", "a list of equal lengths, which may be taken for one", post("Content-Length: 5, 5\r\n", "hello"), HELLO, { orRefuse: true }),
  length("C10", "a list of lengths that differ", post("Content-Length: 5, 0\r\n", `hello${SMUGGLED}`)),
  length("C11", "two fields that differ", post(`Content-Length: 0\r\nContent-Length: ${CL}\r\n`, SMUGGLED)),
  length("C12", "two fields that are equal, which may be taken for one", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), HELLO, { orRefuse: true }),
  length("C13", "an empty length", post("Content-Length:\r\n", SMUGGLED)),
  length("C14", "a word", post("Content-Length: five\r\n", SMUGGLED)),
  length("C15", "a fraction", post("Content-Length: 5.0\r\n", `hello${SMUGGLED}`)),
  length("C16", "an exponent", post("Content-Length: 1e1\r\n", SMUGGLED)),
  length("C17", "2 to the 64th and 5", post("Content-Length: 18446744073709551621\r\n", `hello${SMUGGLED}`)),
  length("C18", "a blank in the number", post("Content-Length: 5 5\r\n", `hello${SMUGGLED}`)),
  length("C19", "digits of another script", post("Content-Length: \xd9\xa5\r\n", `hello${SMUGGLED}`)),
  length("C20", "a bare CR behind the number", post("Content-Length: 5\r X: y\r\n", `hello${SMUGGLED}`)),
  length("C21", "NUL behind the number", post("Content-Length: 5\0\r\n", `hello${SMUGGLED}`)),
  length("C22", "two fields, one in other letters", post(`Content-Length: 0\r\ncOnTeNt-LeNgTh: ${CL}\r\n`, SMUGGLED)),
  length("C23", "a length in quotes", post('Content-Length: "5"\r\n', `hello${SMUGGLED}`)),
  length("C24", "a body of GET is not the next request", `GET / HTTP/1.1\r\n${H}Content-Length: ${CL}\r\n\r\n${SMUGGLED}`, [seen("GET", "/", { body: SMUGGLED })], { orRefuse: true }),
  length("C25", "a body of HEAD is not the next request", `HEAD / HTTP/1.1\r\n${H}Content-Length: ${CL}\r\n\r\n${SMUGGLED}`, [seen("HEAD", "/", { body: SMUGGLED })], { orRefuse: true }),
  length("C26", "a vertical tab before the number", post("Content-Length: \v5\r\n", `hello${SMUGGLED}`)),
  length("C27", "a semicolon behind the number", post("Content-Length: 5;\r\n", `hello${SMUGGLED}`)),
  // Transfer-Encoding
  coding("E01", "chunked", chunked("5\r\nhello\r\n0\r\n\r\n"), HELLO),
  coding("E02", "chunked in other letters", post("Transfer-Encoding: CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"), HELLO),
  coding("E03", "beside Content-Length", post(`Content-Length: 6\r\n${CHUNKED}`, `0\r\n\r\nG${SMUGGLED}`)),
  coding("E04", "beside Content-Length, which comes later", post(`${CHUNKED}Content-Length: 6\r\n`, `0\r\n\r\nG${SMUGGLED}`)),
  coding("E05", "chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E06", "identity, chunked", post("Transfer-Encoding: identity, chunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E07", "identity alone", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", `hello${SMUGGLED}`)),
  coding("E08", "two fields: chunked, then identity", post(`${CHUNKED}Transfer-Encoding: identity\r\n`, `0\r\n\r\n${SMUGGLED}`)),
  coding("E09", "chunked twice", post(`${CHUNKED}${CHUNKED}`, `0\r\n\r\n${SMUGGLED}`)),
  coding("E10", "chunked, chunked", post("Transfer-Encoding: chunked, chunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E11", "a coding that nobody knows", post("Transfer-Encoding: xchunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E12", "a vertical tab before chunked", post("Transfer-Encoding: \vchunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E13", "chunked in quotes", post('Transfer-Encoding: "chunked"\r\n', `0\r\n\r\n${SMUGGLED}`)),
  coding("E14", "chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E15", "an empty coding", post("Transfer-Encoding:\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E16", "an empty coding beside Content-Length", post("Transfer-Encoding:\r\nContent-Length: 5\r\n", `hello${SMUGGLED}`)),
  coding("E17", "chunked, and an empty list member", post("Transfer-Encoding: chunked,\r\n", "5\r\nhello\r\n0\r\n\r\n"), HELLO, { orRefuse: true }),
  coding("E18", "gzip, chunked: an application would get gzip for text", post("Transfer-Encoding: gzip, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")),
  coding("E19", "chunked, gzip", post("Transfer-Encoding: chunked, gzip\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E20", "chunked in HTTP/1.0", `POST / HTTP/1.0\r\n${H}${CHUNKED}\r\n0\r\n\r\n${SMUGGLED}`),
  coding("E21", "a byte above 127 before chunked", post("Transfer-Encoding: \xffchunked\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E22", "NUL behind chunked", post("Transfer-Encoding: chunked\0\r\n", `0\r\n\r\n${SMUGGLED}`)),
  coding("E23", "an underscore in Transfer_Encoding is another field", post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "hello"), HELLO),
  coding("E24", "a coding on GET", `GET / HTTP/1.1\r\n${H}${CHUNKED}\r\n${CL.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`, [seen("GET", "/", { body: SMUGGLED })], { orRefuse: true }),
  // chunks
  chunks("K01", "several chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", HELLO),
  chunks("K02", "an extension", "5;a=b\r\nhello\r\n0\r\n\r\n", HELLO),
  chunks("K03", "an extension in quotes", '5;a="b;c"\r\nhello\r\n0\r\n\r\n', HELLO),
  chunks("K04", "an extension on the last chunk", "5\r\nhello\r\n0;a\r\n\r\n", HELLO),
  chunks("K05", "leading zeros", "0005\r\nhello\r\n000\r\n\r\n", HELLO, { orRefuse: true }),
  chunks("K06", "digits in either letters", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", [seen("POST", "/", { body: "01234567890123456789" })]),
  chunks("K07", "0x before the size", `0x5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K08", "a minus", `-5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K09", "a plus", `+5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K10", "an underscore in the size", `1_0\r\n0123456789abcdef\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K11", "no size", `\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K12", "a size beyond 64 bits", `10000000000000005\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K13", "a size beyond 32 bits", `100000005\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K14", "a blank before the size", " 5\r\nhello\r\n0\r\n\r\n"),
  chunks("K15", "a blank behind the size", "5 \r\nhello\r\n0\r\n\r\n", HELLO, { orRefuse: true }),
  chunks("K16", "a tab behind the size", "5\t\r\nhello\r\n0\r\n\r\n", HELLO, { orRefuse: true }),
  chunks("K17", "a bare LF behind the size", `5\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K18", "a bare CR behind the size", `5\rhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K19", "a bare LF behind the data", `5\r\nhello\n0\r\n\r\n${SMUGGLED}`),
  chunks("K20", "no end of line behind the data", `5\r\nhello0\r\n\r\n${SMUGGLED}`),
  chunks("K21", "more data than the size says", `5\r\nhelloXX\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K22", "a bare LF in an extension", `5;a\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K23", "a bare CR in an extension", `5;a\rb\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K24", "NUL in an extension", `5;a\0b\r\nhello\r\n0\r\n\r\n${SMUGGLED}`, HELLO, { orRefuse: true }),
  chunks("K25", "a bare LF at the very end", `5\r\nhello\r\n0\r\n\n${SMUGGLED}`),
  chunks("K26", "a size that is no number", `G\r\nhello\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K27", "an extension of 100,000 bytes", `5;${"a".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`, HELLO, { orRefuse: true }),
  chunks("K28", "a size of 1,000 zeros", `${"0".repeat(1000)}5\r\nhello\r\n0\r\n\r\n`, HELLO, { orRefuse: true }),
  chunks("K29", "a blank within the size", `1 0\r\n0123456789abcdef\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K30", "a bare LF between the chunks", `2\r\nhe\r\n\n3\r\nllo\r\n0\r\n\r\n${SMUGGLED}`),
  chunks("K31", "no chunk at all", "0\r\n\r\n", [seen("POST", "/")]),
  // trailers
  trailers("R01", "a trailer", "X-A: b\r\n", HELLO),
  trailers("R02", "Content-Length as a trailer frames nothing", `Content-Length: ${CL}\r\n`, HELLO, { orRefuse: true }),
  trailers("R03", "Transfer-Encoding as a trailer frames nothing", CHUNKED, HELLO, { orRefuse: true }),
  trailers("R04", "Host as a trailer changes nothing", "Host: evil\r\n", HELLO, { orRefuse: true }),
  trailers("R05", "a trailer without a colon", "X-A\r\n", HELLO, { orRefuse: true }),
  trailers("R06", "NUL in a trailer", "X-A: b\0c\r\n", HELLO, { orRefuse: true }),
  trailers("R07", "a bare LF behind a trailer", "X-A: b\n", HELLO, { orRefuse: true }),
  trailers("R08", "a fold in a trailer", "X-A: b\r\n c\r\n", HELLO, { orRefuse: true }),
  trailers("R09", "100,000 bytes of trailers", `X-A: ${"b".repeat(100_000)}\r\n`, HELLO, { orRefuse: true }),
];

type Rest = Pick<Case, "orRefuse">;

function length(id: string, claim: string, raw: string, expect: Case["expect"] = "refuse", rest: Rest = {}): Case {
  return { id, area: "length", claim, raw, expect, smuggles: true, ...rest };
}

function coding(id: string, claim: string, raw: string, expect: Case["expect"] = "refuse", rest: Rest = {}): Case {
  return { id, area: "coding", claim, raw, expect, smuggles: true, ...rest };
}

function chunks(id: string, claim: string, body: string, expect: Case["expect"] = "refuse", rest: Rest = {}): Case {
  return { id, area: "chunks", claim, raw: chunked(body), expect, smuggles: true, ...rest };
}

function trailers(id: string, claim: string, fields: string, expect: Case["expect"], rest: Rest = {}): Case {
  return { id, area: "trailers", claim, raw: chunked(`5\r\nhello\r\n0\r\n${fields}\r\n`), expect, smuggles: true, ...rest };
}
