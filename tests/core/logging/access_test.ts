import assert from "node:assert/strict";
import { test } from "node:test";
import type { Environ } from "../../../core/gateway/types.ts";
import {
  type AccessEnd,
  type AccessExchange,
  accessFormatProblems,
  compileAccessFormat,
  compileAccessJson,
  DEFAULT_ACCESS_FORMAT,
} from "../../../core/logging/access.ts";
import { accessLogTime } from "../../../core/logging/time.ts";

const END: AccessEnd = { bytes: 12, seconds: 3.4567891, time: Date.UTC(2026, 10, 20, 15, 7, 9) };
const TIME = accessLogTime(END.time);

/** What a native server would give, for `url` and `headers` that no Request constructor has to accept. */
function request(url: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): Request {
  const get = (name: string): string | null => headers[name.toLowerCase()] ?? null;
  return { url, method, headers: { get } } as unknown as Request;
}

function exchange(given: Partial<AccessExchange> = {}): AccessExchange {
  const made: AccessExchange = {
    request: request("http://localhost:8000/"),
    status: 200,
    requestHeader: (name: string) => made.request.headers.get(name),
    responseHeader: () => null,
    remoteAddr: "127.0.0.1",
    ...given,
  };
  return made;
}

function environ(values: Readonly<Record<string, unknown>> = {}): Environ {
  return {
    REQUEST_METHOD: "GET",
    SCRIPT_NAME: "",
    PATH_INFO: "/",
    QUERY_STRING: "",
    REQUEST_URI: "/",
    SERVER_PROTOCOL: "HTTP/1.1",
    REMOTE_ADDR: "127.0.0.1",
    ...values,
  } as Environ;
}

function line(format: string, given: Partial<AccessExchange> = {}, end: Partial<AccessEnd> = {}): string {
  return compileAccessFormat(format, { pid: 18933 })(exchange(given))({ ...END, ...end });
}

function basic(credentials: string): Record<string, string> {
  return { HTTP_AUTHORIZATION: `Basic ${btoa(credentials)}` };
}

test("compileAccessFormat() of the default format writes gunicorn's line", () => {
  const got = line(DEFAULT_ACCESS_FORMAT, { environ: environ({ HTTP_USER_AGENT: "curl/7.88.1" }) });
  assert.equal(got, `127.0.0.1 - - ${TIME} "GET / HTTP/1.1" 200 12 "-" "curl/7.88.1"`);
});

test("compileAccessFormat() fills every atom of gunicorn's from environ", () => {
  const given = {
    environ: environ({
      REQUEST_METHOD: "POST",
      PATH_INFO: "/a b/é",
      QUERY_STRING: "x=1&y=2",
      REQUEST_URI: "/a%20b/%C3%A9?x=1&y=2",
      SERVER_PROTOCOL: "HTTP/2",
      REMOTE_ADDR: "203.0.113.9",
      HTTP_REFERER: "http://example.com/",
      HTTP_USER_AGENT: "curl/7.88.1",
      "tsgi.url_scheme": "https",
      "tsgi.multiprocess": true,
      ...basic("alice:secret"),
    }),
    request: request("http://localhost/", { "x-request-id": "abc" }),
    responseHeader: (name: string) => name === "content-type" ? "text/html" : null,
    status: 404,
  };
  const expected: Record<string, string> = {
    h: "203.0.113.9",
    l: "-",
    u: "alice",
    t: TIME,
    r: "POST /a%20b/%C3%A9?x=1&y=2 HTTP/2",
    m: "POST",
    U: "/a b/é",
    q: "x=1&y=2",
    H: "HTTP/2",
    s: "404",
    B: "12",
    b: "12",
    f: "http://example.com/",
    a: "curl/7.88.1",
    T: "3",
    M: "3456",
    D: "3456789",
    L: "3.456789",
    p: "<18933>",
    "{x-request-id}i": "abc",
    "{X-Request-ID}i": "abc",
    "{missing}i": "-",
    "{content-type}o": "text/html",
    "{missing}o": "-",
    "{request_method}e": "POST",
    "{REQUEST_METHOD}e": "POST",
    "{tsgi.url_scheme}e": "https",
    "{tsgi.multiprocess}e": "true",
    "{missing}e": "-",
  };
  for (const [atom, value] of Object.entries(expected)) assert.equal(line(`%(${atom})s`, given), value, atom);
  const all = Object.keys(expected).map((atom) => `%(${atom})s`).join("|");
  assert.equal(line(all, given), Object.values(expected).join("|"));
});

test("compileAccessFormat() fills the atoms of a Fetch handler from its request", () => {
  const given = {
    request: request("http://localhost:8000/a%20b/%C3%A9?x=1#no", {
      "user-agent": "curl/7.88.1",
      referer: "http://example.com/",
      authorization: `Basic ${btoa("bob:")}`,
    }, "PUT"),
    remoteAddr: null,
  };
  assert.equal(line("%(h)s %(u)s %(m)s %(U)s %(q)s %(H)s", given), "- bob PUT /a b/é x=1 HTTP/1.1");
  assert.equal(line("%(r)s", given), "PUT /a%20b/%C3%A9?x=1 HTTP/1.1");
  assert.equal(line("%(f)s %(a)s %({server_name}e)s", given), "http://example.com/ curl/7.88.1 -");
  assert.equal(line("%(r)s %(U)s", { request: request("http://localhost") }), "GET / HTTP/1.1 /");
  assert.equal(line("%(r)s %(U)s", { request: request("http://localhost?a") }), "GET /?a HTTP/1.1 /");
  assert.equal(line("%(r)s %(U)s", { request: request("http://localhost/%ff%zz") }), "GET /%ff%zz HTTP/1.1 /%ff%zz");
});

test("compileAccessFormat() prefers the exact target where the runtime shows it", () => {
  assert.equal(line("%(r)s", { environ: environ({ RAW_URI: "/a/../b", REQUEST_URI: "/b" }) }), "GET /a/../b HTTP/1.1");
});

test("compileAccessFormat() writes - for what is missing, and leaves empty what is there and empty", () => {
  const bare = {} as Environ;
  const given = { environ: bare, request: request("http://h/", {}, ""), remoteAddr: null };
  assert.equal(line("%(h)s %(u)s %(m)s %(U)s %(q)s %(H)s %(f)s %(a)s %(r)s", given), "- - - - - - - - - - -");
  assert.equal(line("%(B)s %(b)s", {}, { bytes: null }), "- -");
  assert.equal(line("%(B)s %(b)s", {}, { bytes: 0 }), "0 0");
  assert.equal(line('%(h)s "%(a)s" "%(q)s"', { environ: environ({ REMOTE_ADDR: "", HTTP_USER_AGENT: "" }) }), '- "" ""');
});

test("compileAccessFormat() counts a duration on after 24 hours, and a clock that went back as nothing", () => {
  assert.equal(line("%(T)s %(M)s %(D)s %(L)s", {}, { seconds: 90_000.5 }), "90000 90000500 90000500000 90000.500000");
  assert.equal(line("%(T)s %(M)s %(D)s %(L)s", {}, { seconds: -1 }), "0 0 0 0.000000");
  assert.equal(line("%(T)s %(L)s", {}, { seconds: Number.NaN }), "0 0.000000");
});

test("compileAccessFormat() takes the user of Basic credentials only", () => {
  const user = (authorization: string) => line("%(u)s", { environ: environ({ HTTP_AUTHORIZATION: authorization }) });
  assert.equal(user(`Basic ${btoa("alice:pass:word")}`), "alice");
  assert.equal(user(`bAsIc   ${btoa("alice:pass")} `), "alice");
  assert.equal(user(`Basic ${btoa("\xc3\xa9va:x")}`), "éva");
  assert.equal(user(`Basic ${btoa("a b\n\x1b:x")}`), "a\\x20b\\x0a\\x1b");
  assert.equal(user(`Basic ${btoa("token-without-colon")}`), "-");
  assert.equal(user(`Basic ${btoa(":password")}`), "-");
  for (const other of ["Bearer abc", "Basic", "Basic !!!", "Basic YQ=Y", `Basic ${btoa(`${"x".repeat(4000)}:y`)}`]) assert.equal(user(other), "-");
});

test("compileAccessFormat() reads only what the format names, and the request not after the response began", () => {
  const trap: AccessExchange = {
    get request(): Request { throw new Error("request was read"); },
    get environ(): Environ { throw new Error("environ was read"); },
    get remoteAddr(): string { throw new Error("remoteAddr was read"); },
    status: 204,
    requestHeader() { throw new Error("a header was read"); },
    responseHeader() { throw new Error("a header was read"); },
  };
  assert.equal(compileAccessFormat("%(s)s %(b)s %(p)s", { pid: 1 })(trap)(END), "204 12 <1>");
  let open = true;
  const closing = { get request(): Request { if (!open) throw new Error("Request closed"); return request("http://h/late"); } };
  const begun = compileAccessFormat('%(t)s "%(r)s" %(D)s', { pid: 1 })(Object.defineProperties(exchange(), Object.getOwnPropertyDescriptors(closing)));
  open = false;
  assert.equal(begun(END), `${TIME} "GET /late HTTP/1.1" 3456789`);
});

test("compileAccessFormat() logs a request whose environ throws or holds objects", () => {
  const broken = environ({ QUERY_STRING: { toString() { throw new Error("no"); } }, HTTP_REFERER: 5, SERVER_PROTOCOL: null });
  Object.defineProperty(broken, "PATH_INFO", { get() { throw new Error("no"); } });
  assert.equal(line("%(h)s %(U)s %(q)s %(f)s %(H)s %(s)s %({query_string}e)s", { environ: broken }), "127.0.0.1 - - - - 200 -");
});

test("compileAccessFormat() and compileAccessJson() make one line of any 256 bytes in every field", () => {
  const values = [
    ...Array.from({ length: 256 }, (_, code) => `x${String.fromCharCode(code)}y`),
    "\r\n", "\x1b[31m", "a\nb\rc", "\u2028", "\u2029", "\u202e", "\ud800", "\udcff", '" 200 0 "', "\\", "\\x41", "/".repeat(1_048_576),
  ];
  const format = `${DEFAULT_ACCESS_FORMAT} "%(U)s" "%(q)s" "%(m)s" "%(H)s" "%({x-a}i)s" "%({x-b}o)s" "%({c}e)s"`;
  const fields = line(format).split('"').length;
  for (const value of values) {
    const forTsgi = {
      environ: environ({
        REQUEST_METHOD: value, PATH_INFO: value, QUERY_STRING: value, REQUEST_URI: value, SERVER_PROTOCOL: value, REMOTE_ADDR: value,
        HTTP_REFERER: value, HTTP_USER_AGENT: value, C: value,
        HTTP_AUTHORIZATION: `Basic ${btoa(`${value.replace(/[^\0-\xff]/g, "?").slice(0, 500)}:x`)}`,
      }),
      request: request("http://h/", { "x-a": value }),
      responseHeader: () => value,
    };
    const forFetch = {
      request: request(`http://h/${value}?${value}`, { "x-a": value, referer: value, "user-agent": value }, value),
      responseHeader: () => value,
      remoteAddr: value,
    };
    for (const given of [forTsgi, forFetch]) {
      const text = line(format, given);
      assert.doesNotMatch(text, /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u);
      assert.equal(text.split('"').length, fields, "no quote is the client's");
      assert.equal(text.slice(0, text.indexOf(TIME)).split(" ").length, 4, "no space before the time is the client's");
      assert.ok(text.length < 100_000);
      const json = compileAccessJson(format, { pid: 1 })(exchange(given))(END);
      assert.doesNotMatch(json, /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u);
      const object = JSON.parse(json);
      if (value.length < 1000) assert.deepEqual([object.user_agent, object.request_headers["x-a"], object.response_headers["x-b"]], [value, value, value]);
    }
  }
});

test("compileAccessFormat() understands %% and text around the atoms", () => {
  assert.equal(line("100%% %(s)s%%|%(B)d bytes\ttab"), "100% 200%|12 bytes\\x09tab");
  assert.equal(line(""), "");
});

test("accessFormatProblems() reports every fault with its place", () => {
  assert.deepEqual(accessFormatProblems(DEFAULT_ACCESS_FORMAT), []);
  assert.deepEqual(accessFormatProblems("%(x)s %(h)s %(s) %d %({a b}i)s %(h)d %({}e)s"), [
    "Cannot read access log format at position 1: unknown atom %(x)s, known are h l u t r m U q H s B b f a T M D L p request_id trace_id span_id {name}i {name}o {name}e",
    'Cannot read access log format at position 13: %(s) needs its "s": %(s)s',
    'Cannot read access log format at position 18: "%" begins an atom like %(h)s, write "%%" for a percent sign',
    'Cannot read access log format at position 21: "a b" is not a header name',
    "Cannot read access log format at position 32: %(h)d cannot be used, write %(h)s",
    "Cannot read access log format at position 38: %({}e)s names no key of environ",
  ]);
  assert.throws(() => compileAccessFormat("%(x)s", { pid: 1 }), { name: "SyntaxError", message: /unknown atom %\(x\)s/ });
});

test("compileAccessJson() has the same fields for every request", () => {
  const json = (given: Partial<AccessExchange>) => JSON.parse(compileAccessJson(DEFAULT_ACCESS_FORMAT, { pid: 18933 })(exchange(given))(END));
  const full = json({ environ: environ({ HTTP_USER_AGENT: "curl", ...basic("alice:x"), PATH_INFO: "/a b", REQUEST_URI: "/a%20b?c", QUERY_STRING: "c" }) });
  assert.deepEqual(full, {
    time: "2026-11-20T15:07:09.000Z",
    event: "request",
    pid: 18933,
    bytes: 12,
    seconds: 3.456789,
    remote_addr: "127.0.0.1",
    user: "alice",
    method: "GET",
    target: "/a%20b?c",
    path: "/a b",
    query: "c",
    protocol: "HTTP/1.1",
    status: 200,
    referer: null,
    user_agent: "curl",
  });
  assert.deepEqual(Object.keys(json({ environ: {} as Environ, remoteAddr: "" })), Object.keys(full));
  assert.deepEqual(Object.keys(json({})), Object.keys(full));
});

test("compileAccessFormat() knows common and combined by name, and no other word", () => {
  const line = (format: string) => compileAccessFormat(format, { pid: 1 })(exchange())(END);
  assert.equal(line("combined"), line(DEFAULT_ACCESS_FORMAT));
  assert.equal(line("common"), line(DEFAULT_ACCESS_FORMAT).replace(/ "[^"]*" "[^"]*"$/, ""));
  assert.deepEqual(accessFormatProblems("json"), []);
  assert.match(accessFormatProblems("combine")[0]!, /expected common, combined, json, or atoms/);
});

test("AccessLine.whole() writes what the line in two steps writes, also when environ throws", () => {
  const broken = { get REMOTE_ADDR(): string { throw new Error("no"); }, REQUEST_METHOD: "GET" } as unknown as AccessExchange["environ"];
  for (const given of [{}, { environ: broken }]) {
    for (const format of [DEFAULT_ACCESS_FORMAT, '%(t)s %(D)s"%(r)s"%(b)s', "%(h)s%(T)s", "%%"]) {
      const line = compileAccessFormat(format, { pid: 1 });
      assert.equal(line.whole(exchange(given), END), line(exchange(given))(END));
    }
  }
});

test("AccessLine.whole() writes of each request what a line that has seen no other writes", () => {
  const values = ["a", "b", "a", "a b", "", "b", "\x1b", "a"];
  const format = '%(h)s %(m)s "%(r)s" "%(f)s" "%(a)s" %(s)s %(b)s %(t)s %({x-a}i)s %({x-b}o)s %({C}e)s %(u)s';
  const kept = compileAccessFormat(format, { pid: 1 });
  for (const [index, value] of values.entries()) {
    const given = exchange({
      environ: environ({ REMOTE_ADDR: value, REQUEST_METHOD: value, REQUEST_URI: value, HTTP_REFERER: value || undefined, HTTP_USER_AGENT: value, C: value, ...basic(`${value}:x`) }),
      request: request("http://h/", { "x-a": value }),
      responseHeader: () => value || null,
      status: 200 + value.length,
    });
    const end = { bytes: value.length || null, seconds: value.length, time: END.time + value.length * 1000 };
    assert.equal(kept.whole(given, end), compileAccessFormat(format, { pid: 1 })(given)(end), `request ${index}`);
  }
});
