/** Request lines: their form, methods, targets and versions (RFC 9112 3, RFC 9110 7.1, 9). */
import { type Case, get, H, seen, SMUGGLED } from "./case.ts";

export const LINE_CASES: readonly Case[] = [
  // the line
  line("L01", "a plain request", get(), [seen("GET", "/")]),
  line("L02", "two blanks after the method", `GET  / HTTP/1.1\r\n${H}\r\n`, "refuse"),
  line("L03", "two blanks before the version", `GET /  HTTP/1.1\r\n${H}\r\n`, "refuse"),
  line("L04", "a tab between the parts", `GET\t/\tHTTP/1.1\r\n${H}\r\n`, "refuse"),
  line("L05", "a blank before the method", ` GET / HTTP/1.1\r\n${H}\r\n`, "refuse"),
  line("L06", "a blank after the version", `GET / HTTP/1.1 \r\n${H}\r\n`, "refuse"),
  line("L07", "a blank in the target", `GET /a b HTTP/1.1\r\n${H}\r\n`, "refuse"),
  line("L08", "no target", `GET HTTP/1.1\r\n${H}\r\n`, "refuse"),
  line("L09", "no version, with fields", `GET /\r\n${H}\r\n`, "refuse"),
  line("L10", "HTTP/0.9", "GET /\r\n", "refuse"),
  // A server should read over one empty line.
  line("L11", "an empty line before the request", `\r\n${get()}`, [seen("GET", "/")], { orRefuse: true }),
  line("L12", "a bare LF at the end of the line", `GET / HTTP/1.1\n${H}\r\n`, "refuse", { smuggles: true }),
  line("L13", "bare LF everywhere", "GET / HTTP/1.1\nHost: h\n\n", "refuse", { smuggles: true }),
  line("L14", "a bare CR at the end of the line", `GET / HTTP/1.1\r${H}\r\n`, "refuse", { smuggles: true }),
  line("L15", "a bare CR in the target", `GET /a\rb HTTP/1.1\r\n${H}\r\n`, "refuse", { smuggles: true }),
  line("L16", "garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "refuse"),
  line("L17", "a vertical tab between the parts", `GET\v/ HTTP/1.1\r\n${H}\r\n`, "refuse"),
  // targets
  target("T01", "a query", "/a?b=c&d", seen("GET", "/a?b=c&d")),
  target("T02", "an escape stays as it was sent", "/caf%C3%A9?x=%20", seen("GET", "/caf%C3%A9?x=%20")),
  target("T03", "two slashes", "//a//b", seen("GET", "//a//b")),
  target("T04", "dot-segments", "/a/../b", seen("GET", "/a/../b")),
  target("T05", "escaped dot-segments", "/a/%2e%2e/b", seen("GET", "/a/%2e%2e/b")),
  target("T06", "an escaped slash", "/a%2Fb", seen("GET", "/a%2Fb")),
  target("T07", "an escaped NUL", "/a%00b", seen("GET", "/a%00b")),
  target("T08", "a percent sign that escapes nothing", "/100%", seen("GET", "/100%"), { orRefuse: true }),
  target("T09", "an escape with one digit", "/a%4/b", seen("GET", "/a%4/b"), { orRefuse: true }),
  target("T10", "an escape that is no hexadecimal", "/a%zz", seen("GET", "/a%zz"), { orRefuse: true }),
  target("T11", "a backslash, which no target has", "/a\\..\\b", seen("GET", "/a\\..\\b"), { orRefuse: true }),
  target("T12", "a fragment, which no target has", "/a#b", seen("GET", "/a"), { orRefuse: true }),
  target("T13", "NUL", "/a\0b", "refuse"),
  target("T14", "a control character", "/a\x01b", "refuse"),
  target("T15", "DEL", "/a\x7fb", "refuse"),
  target("T16", "bytes above 127", "/caf\xc3\xa9", seen("GET", "/caf%C3%A9"), { orRefuse: true }),
  target("T17", "bytes above 127 that are no UTF-8", "/a\xffb", seen("GET", "/a%FFb"), { orRefuse: true }),
  target("T18", "quotes, braces and pipes", '/"{}|^`<>', seen("GET", '/"{}|^`<>'), { orRefuse: true }),
  target("T19", "no slash at the beginning", "a/b", "refuse"),
  target("T20", "an empty path with a query", "?a=b", "refuse"),
  target("T21", "absolute-form", "http://h/a?b", seen("GET", "/a?b")),
  target("T22", "absolute-form with another authority than Host: the target counts", "http://other/a", seen("GET", "/a", { host: "other" }), { orRefuse: true }),
  target("T23", "absolute-form of a scheme that is not the listener's", "https://h/a", "refuse"),
  target("T24", "absolute-form of a foreign scheme", "ftp://h/a", "refuse"),
  target("T25", "absolute-form with a user", "http://u:p@h/a", "refuse"),
  target("T26", "absolute-form without an authority", "http:///a", "refuse"),
  target("T27", "a target like a file", "file:///etc/passwd", "refuse"),
  target("T28", "a target like a script", "javascript:alert(1)", "refuse"),
  target("T29", "absolute-form with an empty path", "http://h", seen("GET", "/")),
  target("T30", "absolute-form with a backslash in the authority", "http://h\\admin/a", "refuse"),
  target("T31", "two slashes and a host are a path", "//other/a", seen("GET", "//other/a")),
  target("T32", "asterisk-form for what is not OPTIONS", "*", "refuse"),
  { id: "T33", area: "target", claim: "asterisk-form", raw: `OPTIONS * HTTP/1.1\r\n${H}\r\n`, expect: [seen("OPTIONS", "*")] },
  { id: "T34", area: "target", claim: "authority-form for what is not CONNECT", raw: `GET h:80 HTTP/1.1\r\n${H}\r\n`, expect: "refuse" },
  // methods
  method("M01", "every method that is known", "DELETE", [seen("DELETE", "/")]),
  method("M02", "OPTIONS of a path", "OPTIONS", [seen("OPTIONS", "/")]),
  method("M03", "PATCH without a body", "PATCH", [seen("PATCH", "/")]),
  method("M04", "HEAD", "HEAD", [seen("HEAD", "/")]),
  method("M05", "a token that nobody knows", "BREW", [seen("BREW", "/")], { orRefuse: true }),
  method("M06", "a method in lower case, which is another method", "get", "refuse"),
  method("M07", "a method with a hyphen first", "-BLARGH", [seen("-BLARGH", "/")], { orRefuse: true }),
  method("M08", "a method of 5,000 letters", "Z".repeat(5000), "refuse"),
  method("M09", "a slash in the method", "GE/T", "refuse"),
  method("M10", "a colon in the method", "GET:", "refuse"),
  method("M11", "NUL in the method", "G\0ET", "refuse"),
  method("M12", "a byte above 127 in the method", "G\xc9T", "refuse"),
  method("M13", "a method of one letter", "A", "refuse"),
  method("M14", "a method of blanks", "   ", "refuse"),
  method("M15", "TRACE, whose answer would show what a proxy has added", "TRACE", [seen("TRACE", "/")], { orRefuse: true }),
  { id: "M16", area: "method", claim: "CONNECT opens no tunnel", raw: `CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n${SMUGGLED}`, expect: "refuse", smuggles: true },
  { id: "M17", area: "method", claim: "CONNECT with a body opens no tunnel", raw: `CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`, expect: "refuse", smuggles: true },
  { id: "M18", area: "method", claim: "CONNECT of a path", raw: `CONNECT /a HTTP/1.1\r\n${H}\r\n${SMUGGLED}`, expect: "refuse", smuggles: true },
  // versions
  version("V01", "HTTP/1.0", "HTTP/1.0", [seen("GET", "/")]),
  version("V02", "a minor version from the future", "HTTP/1.2", [seen("GET", "/")], { orRefuse: true }),
  version("V03", "HTTP/2.0 in the line of a request", "HTTP/2.0", "refuse"),
  version("V04", "HTTP/0.9 in the line of a request", "HTTP/0.9", "refuse"),
  version("V05", "no minor version", "HTTP/1", "refuse"),
  version("V06", "two digits", "HTTP/1.10", "refuse"),
  version("V07", "a leading zero", "HTTP/01.1", "refuse"),
  version("V08", "the name in lower case", "http/1.1", "refuse"),
  version("V09", "another protocol", "ICAP/1.0", "refuse"),
  version("V10", "a sign", "HTTP/+1.1", "refuse"),
  version("V11", "a blank in the version", "HTTP/1. 1", "refuse"),
  version("V12", "NUL behind the version", "HTTP/1.1\0", "refuse"),
];

type Rest = Pick<Case, "orRefuse" | "smuggles">;

function line(id: string, claim: string, raw: string, expect: Case["expect"], rest: Rest = {}): Case {
  return { id, area: "line", claim, raw, expect, ...rest };
}

function target(id: string, claim: string, text: string, expect: Case["expect"][number] | "refuse", rest: Rest = {}): Case {
  return { id, area: "target", claim, raw: get("", text), expect: expect === "refuse" ? "refuse" : [expect as ReturnType<typeof seen>], ...rest };
}

function method(id: string, claim: string, text: string, expect: Case["expect"], rest: Rest = {}): Case {
  return { id, area: "method", claim, raw: `${text} / HTTP/1.1\r\n${H}\r\n`, expect, ...rest };
}

function version(id: string, claim: string, text: string, expect: Case["expect"], rest: Rest = {}): Case {
  return { id, area: "version", claim, raw: `GET / ${text}\r\n${H}\r\n`, expect, ...rest };
}
