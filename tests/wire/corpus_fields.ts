/** Header fields and Host (RFC 9112 3.2, 5, RFC 9110 5, 7.2). */
import { type Case, get, H, post, seen, SMUGGLED } from "./case.ts";

const A = (value: string) => get(`X-A: ${value}\r\n`);
const saw = (a: string) => [seen("GET", "/", { a })];

export const FIELD_CASES: readonly Case[] = [
  // Host
  host("H01", "a name and a port", "Host: example.org:8080\r\n", [seen("GET", "/", { host: "example.org:8080" })]),
  host("H02", "an IPv6 address", "Host: [::1]:80\r\n", [seen("GET", "/", { host: "[::1]:80" })]),
  host("H03", "none in HTTP/1.1", "", "refuse"),
  host("H04", "two that differ", "Host: h\r\nHost: evil\r\n", "refuse"),
  host("H05", "two that are equal", "Host: h\r\nHost: h\r\n", "refuse"),
  host("H06", "two, the second in other letters", "Host: h\r\nhOST: evil\r\n", "refuse"),
  host("H07", "a list", "Host: h, evil\r\n", "refuse"),
  host("H08", "a path", "Host: h/admin\r\n", "refuse"),
  host("H09", "a backslash", "Host: h\\admin\r\n", "refuse"),
  host("H10", "a query", "Host: h?x=\r\n", "refuse"),
  host("H11", "a fragment", "Host: h#\r\n", "refuse"),
  host("H12", "a user", "Host: u:p@h\r\n", "refuse"),
  host("H13", "a blank", "Host: a b\r\n", "refuse"),
  host("H14", "a port beyond any", "Host: h:99999\r\n", [seen("GET", "/", { host: "h:99999" })], { orRefuse: true }),
  host("H15", "a port that is no number", "Host: h:http\r\n", "refuse"),
  host("H16", "markup", 'Host: "><script>\r\n', "refuse"),
  host("H17", "half an IPv6 address", "Host: [::1\r\n", "refuse"),
  host("H18", "NUL", "Host: h\0\r\n", "refuse"),
  host("H19", "bytes above 127", "Host: h\xfc\r\n", "refuse"),
  host("H20", "a path and a query that would take the target", "Host: h/admin/x?y=\r\n", "refuse"),
  // RFC 9112 3.2 allows it where the target has no authority.
  host("H21", "an empty one", "Host:\r\n", [seen("GET", "/", { host: null })], { orRefuse: true }),
  host("H22", "an escape", "Host: h%2fadmin\r\n", "refuse"),
  host("H23", "a tab and blanks around it", "Host: \t h \t\r\n", [seen("GET", "/")]),
  host("H24", "a trailing dot", "Host: h.\r\n", [seen("GET", "/", { host: "h." })]),
  host("H25", "a port that is empty", "Host: h:\r\n", [seen("GET", "/", { host: "h:" })], { orRefuse: true }),
  // names
  field("F01", "a blank before the colon", get("X-A : b\r\n"), "refuse", { smuggles: true }),
  field("F02", "a blank before the colon of Content-Length", post(`Content-Length : ${SMUGGLED.length}\r\n`, SMUGGLED), "refuse", { smuggles: true }),
  field("F03", "a tab before the colon of Transfer-Encoding", post("Transfer-Encoding\t: chunked\r\n", `0\r\n\r\n${SMUGGLED}`), "refuse", { smuggles: true }),
  field("F04", "no name", get(": b\r\n"), "refuse"),
  field("F05", "no colon", get("X-A b\r\n"), "refuse"),
  field("F06", "a blank in the name", get("X A: b\r\n"), "refuse"),
  field("F07", "NUL in the name", get("X\0A: b\r\n"), "refuse"),
  field("F08", "a byte above 127 in the name", get("X\xc4A: b\r\n"), "refuse"),
  field("F09", "separators in the name", get("X(A): b\r\n"), "refuse"),
  field("F10", "a control character in the name", get("X\x01A: b\r\n"), "refuse"),
  field("F11", "every character of a token", get("X-a!#$%&'*+-.^_`|~0: b\r\n"), [seen("GET", "/")]),
  field("F12", "an underscore does not pass for the hyphen", get("X_A: evil\r\n"), [seen("GET", "/")]),
  field("F13", "an underscore beside the hyphen", get("X-A: good\r\nX_A: evil\r\n"), saw("good")),
  field("F14", "an underscore in Content_Length", post(`Content_Length: ${SMUGGLED.length}\r\nContent-Length: 0\r\n`), [seen("POST", "/")]),
  field("F15", "a name in any letters", get("x-a: b\r\n"), saw("b")),
  field("F16", "Proxy, which CGI would make HTTP_PROXY of", get("Proxy: http://evil/\r\n"), [seen("GET", "/")]),
  // values
  field("F20", "blanks around the value", A(" \t b \t "), saw("b")),
  field("F21", "an empty value", A(""), saw("")),
  field("F22", "a tab within the value", A("b\tc"), saw("b\tc")),
  field("F23", "NUL", A("b\0c"), "refuse"),
  field("F24", "a bare CR", A("b\rc"), "refuse", { smuggles: true }),
  field("F25", "a bare LF, which ends the line", A("b\nX-B: c"), "refuse", { smuggles: true }),
  field("F26", "a control character", A("b\x01c"), "refuse", { orAccept: saw("b\x01c") }),
  field("F27", "DEL", A("b\x7fc"), "refuse", { orAccept: saw("b\x7fc") }),
  field("F28", "bytes above 127, each a character", A("caf\xc3\xa9"), saw("caf\xc3\xa9")),
  field("F29", "a folded value", A("b\r\n c"), "refuse", { smuggles: true }),
  field("F30", "a fold before the first field", `GET / HTTP/1.1\r\n X-A: b\r\n${H}\r\n`, "refuse", { smuggles: true }),
  field("F31", "a fold with a tab in Transfer-Encoding", post("Transfer-Encoding:\r\n\tchunked\r\n", `0\r\n\r\n${SMUGGLED}`), "refuse", { smuggles: true }),
  field("F32", "two fields of a name are a list", get("X-A: b\r\nX-A: c\r\n"), saw("b, c")),
  field("F33", "a bare LF at the end of the fields", `GET / HTTP/1.1\r\n${H}X-A: b\r\n\n`, "refuse", { smuggles: true }),
  field("F34", "a bare CR at the end of the fields", `GET / HTTP/1.1\r\n${H}X-A: b\r\n\r${SMUGGLED}`, "refuse", { smuggles: true }),
  field("F35", "two CRs before the LF", `GET / HTTP/1.1\r\n${H}X-A: b\r\r\n\r\n`, "refuse", { smuggles: true }),
  field("F36", "an escape character", A("\x1b[31m"), "refuse", { orAccept: saw("\x1b[31m") }),
  // limits
  { id: "S01", area: "limits", claim: "100 fields", raw: get(fields(98)), expect: [seen("GET", "/")] },
  { id: "S02", area: "limits", claim: "1,000 fields", raw: get(fields(1000)), expect: "refuse" },
  { id: "S03", area: "limits", claim: "a target of 8,000 bytes", raw: get("", `/${"a".repeat(7999)}`), expect: [seen("GET", `/${"a".repeat(7999)}`)] },
  { id: "S04", area: "limits", claim: "a target of 100,000 bytes", raw: get("", `/${"a".repeat(100_000)}`), expect: "refuse" },
  { id: "S05", area: "limits", claim: "a value of 8,000 bytes", raw: A("b".repeat(8000)), expect: saw("b".repeat(8000)) },
  { id: "S06", area: "limits", claim: "a value of 100,000 bytes", raw: A("b".repeat(100_000)), expect: "refuse" },
  { id: "S07", area: "limits", claim: "a name of 100,000 bytes", raw: get(`X-${"b".repeat(100_000)}: c\r\n`), expect: "refuse" },
];

function fields(count: number): string {
  return Array.from({ length: count }, (_, index) => `X-F${index}: v\r\n`).join("");
}

function host(id: string, claim: string, fields: string, expect: Case["expect"], rest: Pick<Case, "orRefuse"> = {}): Case {
  return { id, area: "host", claim, raw: `GET / HTTP/1.1\r\n${fields}\r\n`, expect, ...rest };
}

/** RFC 9110 5.5: what else is in a value may be kept within it, or refused. */
function field(id: string, claim: string, raw: string, expect: Case["expect"], { orAccept, ...rest }: Pick<Case, "smuggles"> & { readonly orAccept?: Case["expect"] } = {}): Case {
  return { id, area: "fields", claim, raw, expect: orAccept ?? expect, ...(orAccept === undefined ? {} : { orRefuse: true }), ...rest };
}
