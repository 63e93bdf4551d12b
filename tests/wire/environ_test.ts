/**
 * The same valid requests to gunicorn, to tsgi, and to `tsgi wsgi`: applications see the same environ, but for the differences that are named
 * here. The corpus is for what is invalid.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, withProgram } from "../e2e/front.ts";
import { root, withServer } from "../e2e/server.ts";
import { tell } from "./talk.ts";

interface Told {
  readonly variables: Readonly<Record<string, string>>;
  readonly body: string;
}

const BINARY = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
const H = "Host: example.org:8080\r\n";
const post = (fields: string, body: string) => `POST /form HTTP/1.1\r\n${H}${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const get = (target: string, fields = "") => `GET ${target} HTTP/1.1\r\n${H}${fields}\r\n`;

const REQUESTS: readonly string[] = [
  get("/"),
  get("/a/b/?x=1&y=%20+&z"),
  get("/?"),
  get("/caf%C3%A9/%E2%82%AC/%F0%9F%98%80"),
  get("/%ff%80bytes"),
  get("/%2Fslash%3Fmark%23hash%25percent"),
  get("/+plus;a=1,b"),
  get("//two//slashes"),
  get("/-._~!$&'()*+,;=:@"),
  get("/100%25"),
  get("/x", "X-Plain: a\r\nX-Empty:\r\nX-Blanks:   b c\t \r\nX-Latin: \xe9\xff\r\n"),
  get("/x", "X--Two-: 1\r\n"),
  get("/x", "Accept: text/html, */*;q=0.1\r\nAccept-Language: de\r\nUser-Agent: test/1 (a; b)\r\nReferer: http://h/?a\r\n"),
  get("/x", "Cookie: a=1; b=\"2\"\r\nAuthorization: Basic YTpi\r\n"),
  get("/x", "X-Twice: 1\r\nX-Twice: 2\r\n"),
  get("/x", "If-None-Match: \"a\", W/\"b\"\r\nRange: bytes=0-9\r\n"),
  get("/x", "X-Forwarded-Proto: https\r\nX-Forwarded-For: 10.0.0.1\r\n"),
  get("/x", "Connection: close\r\n"),
  get("/x", "Content-Type: text/plain; charset=utf-8\r\n"),
  get("/x", `X-Long: ${"a".repeat(5000)}\r\n`),
  get(`/${"a".repeat(3000)}?${"b".repeat(900)}`),
  `GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n`,
  `GET / HTTP/1.1\r\nhOsT: EXAMPLE.org\r\nx-mixed-CASE: a\r\n\r\n`,
  post("Content-Type: application/x-www-form-urlencoded\r\n", "a=1&b=%20"),
  post("", ""),
  post("Content-Type: application/octet-stream\r\n", BINARY),
  post("", "x".repeat(100_000)),
  post("Expect: 100-continue\r\n", "expected"),
  `POST /form HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n \r\n5\r\nworld\r\n0\r\n\r\n`,
  ...["PUT", "PATCH", "DELETE", "OPTIONS"].map((method) => `${method} /m HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc`),
  `DELETE /m HTTP/1.1\r\n${H}\r\n`,
];

/** What is not the same, and why. `same` makes it so; without it, the variable is not compared. */
const DIFFERENT: readonly { readonly name: RegExp; readonly why: string; readonly same?: (value: string) => string }[] = [
  { name: /^SERVER_SOFTWARE$/, why: "each has its name" },
  { name: /^SERVER_PORT$/, why: "each has its port; that it is its own is looked at" },
  { name: /^REMOTE_PORT$/, why: "each request has its connection" },
  { name: /^REQUEST_URI$/, why: "TSGI must have it, gunicorn has not" },
  { name: /^RAW_URI$/, why: "Deno and Bun do not tell the exact target" },
  { name: /^HTTPS$/, why: "what CGI servers say beside url_scheme; gunicorn says nothing" },
  { name: /^HTTP_X_BLANKS$/, why: "gunicorn 20 takes the blanks behind a value for a part of it, against RFC 9112 5.1", same: (value) => value.trimEnd() },
  { name: /^HTTP_X_TWICE$/, why: "fields of one name are joined as the Fetch standard has it, with a blank", same: (value) => value.replace(/, */g, ", ") },
];

const GUNICORN = ["gunicorn", "--chdir", join(root, "tests/wire"), "environ_app:application"];

test("tsgi's applications, and Python's under tsgi wsgi, see the environ that gunicorn's see", async () => {
  const port = await freePort();
  await withProgram([...GUNICORN, "-b", `127.0.0.1:${port}`], port, async () => {
    await withServer({ args: ["-b", "127.0.0.1:0", join(root, "tests/wire/environ_app.ts")] }, async (tsgi) => {
      await withServer({ args: ["wsgi", "-b", "127.0.0.1:0", "environ_app:application"], cwd: join(root, "tests/wire") }, async (wsgi) => {
        const wrong: string[] = [];
        const ports = { tsgi: await tsgi.port(), wsgi: await wsgi.port() };
        for (const request of REQUESTS) {
          const told = await tell(port, request) as Told;
          assert.equal(told.variables.SERVER_PORT, String(port));
          const expected = comparable(told);
          for (const [name, at] of Object.entries(ports)) {
            const seen = await tell(at, request) as Told;
            assert.equal(seen.variables.SERVER_PORT, String(at));
            const got = comparable(name === "tsgi" ? asWsgi(seen) : seen);
            for (const key of new Set([...Object.keys(got), ...Object.keys(expected)])) {
              if (got[key] !== expected[key]) wrong.push(`${JSON.stringify(request.slice(0, 200))}: ${key} is ${shown(got[key])} in ${name}, ${shown(expected[key])} in gunicorn`);
            }
          }
        }
        assert.deepEqual(wrong, []);
      });
    });
  });
});

/** The body among the variables, and without what is different. */
function comparable({ variables, body }: Told): Readonly<Record<string, string>> {
  const entries = Object.entries(variables).flatMap(([name, value]) => {
    const different = DIFFERENT.find((one) => one.name.test(name));
    if (different === undefined) return [[name, value]];
    return different.same === undefined ? [] : [[name, different.same(value)]];
  });
  return { ...Object.fromEntries(entries), body };
}

function shown(value: string | undefined): string {
  return value === undefined ? "absent" : JSON.stringify(value.slice(0, 200));
}

/** PATH_INFO and SCRIPT_NAME are Unicode in TSGI, and a character for each byte in WSGI (SPEC E-11). */
function asWsgi({ variables, body }: Told): Told {
  const entries = Object.entries(variables).map(([name, value]) => [name.replace(/^tsgi\./, "wsgi."), name === "PATH_INFO" || name === "SCRIPT_NAME" ? bytesOf(value) : value]);
  return { variables: Object.fromEntries(entries), body };
}

function bytesOf(text: string): string {
  const encoder = new TextEncoder();
  return Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    return code >= 0xdc80 && code <= 0xdcff ? String.fromCharCode(code - 0xdc00) : String.fromCharCode(...encoder.encode(character));
  }).join("");
}
