import assert from "node:assert/strict";
import { test } from "node:test";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, HeaderList, Status } from "../../../core/gateway/types.ts";
import { assert500, call, ct, throwsCode } from "./exercise.ts";
import { exchange, RawClient, withServer } from "./live.ts";

/** What a caller without types may pass. */
type Loose = (...args: unknown[]) => (chunk: unknown) => Promise<void>;

function simple(status: Status, headers: HeaderList, body: (string | Uint8Array)[]): App {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return body;
  };
}

/** startResponse() with these arguments throws `code`, and what does not catch it is answered 500. */
async function refuses(code: string, ...args: unknown[]): Promise<string> {
  let message = "";
  const called = await call((_environ, startResponse) => {
    try {
      (startResponse as unknown as Loose)(...args);
    } catch (error) {
      assert.equal((error as { code?: string }).code, code, `${JSON.stringify(args)}: ${String(error)}`);
      message = (error as Error).message;
      throw error;
    }
    return assert.fail(`accepted ${JSON.stringify(args)}`);
  });
  await assert500(called, code);
  return message;
}

test("T083 startResponse() sends status and headers as given, with the length of the body", async () => {
  const { response } = await call(simple("200 OK", [ct, ["Date", "Mon, 05 Jun 2006 18:49:54 GMT"]], ["Hello, world!"]));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain");
  assert.equal(response.headers.get("date"), "Mon, 05 Jun 2006 18:49:54 GMT");
  assert.equal(response.headers.get("content-length"), "13");
  assert.equal(await response.text(), "Hello, world!");
});

test("T084 startResponse() passes the reason on", async () => {
  const { response } = await call(simple("200 OK", [ct], ["x"]));
  assert.deepEqual([response.status, response.statusText], [200, "OK"]);
});

test("T087 startResponse() refuses a status without a reason", async () => void await refuses("ERR_TSGI_STATUS", "200", [ct]));
test("T088 startResponse() refuses a status without a number", async () => void await refuses("ERR_TSGI_STATUS", "20X OK", [ct]));
test("T089 startResponse() refuses a status without a space", async () => void await refuses("ERR_TSGI_STATUS", "200OK", [ct]));

test("T090 startResponse() refuses surrounding space and control characters in the status", async () => {
  for (const status of [" 200 OK", "200 O\nK", "200 OK\r\n", "200\tOK"]) await refuses("ERR_TSGI_STATUS", status, [ct]);
});

test("T091 startResponse() refuses a status that is no string of three digits", async () => {
  for (const status of [200, "cc", "42 x"]) await refuses("ERR_TSGI_STATUS", status, []);
});

test("T092 startResponse() refuses informational statuses", async () => {
  for (const status of ["100 Continue", "199 Custom"]) await refuses("ERR_TSGI_STATUS", status, []);
});

test("T093 startResponse() refuses statuses that Fetch can't carry", async () => {
  for (const status of ["600 x", "999 x"]) await refuses("ERR_TSGI_STATUS", status, []);
});

test("T096 startResponse() refuses headers that are no pairs of strings", async () => {
  for (const headers of [["fo"], [["A"]], [["A", "b", "c"]], [["A", 1]], [[1, "b"]], { A: "b" }, null, "A: b"]) {
    await refuses("ERR_TSGI_HEADERS", "200 OK", headers);
  }
});

test("T099 startResponse() refuses a line end in a name", async () => void await refuses("ERR_TSGI_HEADER_NAME", "200 OK", [["foo\r\n", "essai"]]));

test("T101 startResponse() refuses a value above U+00FF", async () => void await refuses("ERR_TSGI_HEADER_VALUE", "200 OK", [["apple", "m\u0103r"]]));

test("T103 startResponse() names the header with a control character and not its value", async () => {
  const message = await refuses("ERR_TSGI_HEADER_VALUE", "200 OK", [["foo", "\u0011bar"]]);
  assert.ok(message.includes("foo") && !message.includes("bar"), message);
});

test("T104 startResponse() keeps the byte that ends Deno's process off the wire, live", async () => {
  for (const value of ["a\u0001b", "a\u007fb"]) {
    await withServer(toFetch((environ, startResponse) => {
      startResponse("200 OK", environ.PATH_INFO === "/bad" ? [ct, ["x", value]] : [ct]);
      return ["fine"];
    }, { errors: { write() {}, writelines() {}, flush() {} } }), async ({ port }) => {
      assert.match(await exchange(port, "GET /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 500 /);
      assert.match(await exchange(port, "GET /good HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200 .*fine$/s);
    });
  }
});

test("T106 startResponse() refuses each character that no name may have", async () => {
  const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code));
  for (const name of [...controls, "\u007f", ...'(),/:;<=>?@[\\]{}" ']) await refuses("ERR_TSGI_HEADER_NAME", "200 OK", [[name, "x"]]);
});

test("T108 startResponse() refuses names with a space, a colon, or nothing", async () => {
  for (const name of ["Invalid Header", "Foo:", "", "Status", "status"]) await refuses("ERR_TSGI_HEADER_NAME", "200 OK", [[name, "x"]]);
});

test("startResponse() refuses hop-by-hop headers and drops Transfer-Encoding: chunked", async () => {
  for (const name of ["Connection", "keep-alive", "Proxy-Connection", "TE", "Trailers", "Upgrade"]) await refuses("ERR_TSGI_HOP_BY_HOP", "200 OK", [[name, "x"]]);
  await refuses("ERR_TSGI_HOP_BY_HOP", "200 OK", [["Transfer-Encoding", "gzip"]]);
  const { response } = await call(simple("200 OK", [ct, ["Transfer-Encoding", "chunked"]], ["x"]));
  assert.deepEqual([response.status, response.headers.has("transfer-encoding")], [200, false]);
});

test("T112 startResponse() refuses a Content-Length that contradicts another", async () => {
  await refuses("ERR_TSGI_CONTENT_LENGTH", "200 OK", [["Content-Length", "3"], ["content-length", "4"]]);
  const { response } = await call(simple("200 OK", [ct, ["Content-Length", "3"], ["Content-Length", "3"]], ["abc"]));
  assert.equal(response.headers.get("content-length"), "3");
  for (const value of ["+1", "-1", "1.5", "", "1 ", "0x1", "99999999999999999999"]) await refuses("ERR_TSGI_CONTENT_LENGTH", "200 OK", [["Content-Length", value]]);
});

test("T113 startResponse() repeats a header", async () => {
  const { response } = await call(simple("200 OK", [ct, ["X-Foo", "foo"], ["X-Foo", "bar, baz"]], ["x"]));
  assert.equal(response.headers.get("x-foo"), "foo, bar, baz");
});

test("T114 startResponse() keeps two cookies apart", async () => {
  const { response } = await call(simple("200 OK", [ct, ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]], ["x"]));
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
});

test("T116 startResponse() refuses a second call", async () => {
  const called = await call((_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    startResponse("200 OK", [ct]);
    return ["x"];
  });
  await assert500(called, "ERR_TSGI_ALREADY_STARTED");
});

test("T117 startResponse() refuses a second call after one that threw", async () => {
  await call((_environ, startResponse) => {
    throwsCode(() => startResponse("200 OK", [["a b", "c"]]), "ERR_TSGI_HEADER_NAME");
    throwsCode(() => startResponse("200 OK", [ct]), "ERR_TSGI_ALREADY_STARTED");
    return [];
  });
});

test("T118 startResponse() with excInfo replaces what was refused", async () => {
  const { response } = await call((_environ, startResponse) => {
    try {
      startResponse("200 OK", [["a", "b\r\nc"]]);
    } catch (error) {
      startResponse("500 Bad", [ct], error);
    }
    return ["e"];
  });
  assert.deepEqual([response.status, response.statusText, response.headers.has("a"), await response.text()], [500, "Bad", false, "e"]);
});

test("T119 startResponse() with excInfo replaces status and headers", async () => {
  const { response } = await call((_environ, startResponse) => {
    startResponse("200 OK", [ct, ["A", "1"]]);
    startResponse("500 Oops", [ct], new Error("x"));
    return ["error body"];
  });
  assert.deepEqual([response.status, response.statusText, response.headers.has("a"), await response.text()], [500, "Oops", false, "error body"]);
});

test("T121 startResponse() takes undefined and null for no excInfo", async () => {
  await call((_environ, startResponse) => {
    startResponse("200 OK", []);
    for (const nothing of [undefined, null]) throwsCode(() => startResponse("500 x", [ct], nothing), "ERR_TSGI_ALREADY_STARTED");
    return [];
  });
});

test("T122 startResponse() takes whatever was thrown, and rethrows it after commit", async () => {
  const { response } = await call((_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    startResponse("500 x", [ct], "just a string");
    return ["late"];
  });
  assert.equal(response.status, 500);
  let caught: unknown;
  await (await call(function* (_environ, startResponse) {
    startResponse("200 OK", [ct]);
    yield "a";
    try {
      startResponse("500 x", [ct], "just a string");
    } catch (error) {
      caught = error;
    }
  })).response.text();
  assert.equal(caught, "just a string");
});

test("T123 startResponse() refuses one argument and four", async () => {
  await refuses("ERR_TSGI_ARGS", "200 OK");
  await refuses("ERR_TSGI_ARGS", "200 OK", [], undefined, 4);
});

test("T124 an Array without startResponse() is a 500", async () => assert500(await call(() => ["x"]), "ERR_TSGI_NOT_STARTED"));

test("T125 a startResponse() whose error was swallowed is a 500", async () => {
  const called = await call((_environ, startResponse) => {
    try {
      startResponse("200 OK", [["a b", "c"]]);
    } catch {
      // What the case is about.
    }
    return ["x"];
  });
  await assert500(called, "ERR_TSGI_NOT_STARTED");
});

test("T126 toFetch() leaves Date and Server to the application", async () => {
  const { response } = await call(simple("200 OK", [ct, ["Date", "Mon, 05 Jun 2006 18:49:54 GMT"], ["Server", "mine"]], ["x"]));
  assert.deepEqual([response.headers.get("date"), response.headers.get("server")], ["Mon, 05 Jun 2006 18:49:54 GMT", "mine"]);
});

test("T128 toFetch() infers no length after write()", async () => {
  const { response } = await call((_environ, startResponse) => {
    void startResponse("200 OK", [])("http");
    return [];
  });
  assert.deepEqual([response.headers.has("content-length"), await response.text()], [false, "http"]);
});

test("T129 toFetch() infers the length in bytes", async () => {
  const { response } = await call(simple("200 OK", [ct], ["\u0442\u0435\u0441\u0442"]));
  assert.equal(response.headers.get("content-length"), "8");
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([0xd1, 0x82, 0xd0, 0xb5, 0xd1, 0x81, 0xd1, 0x82]));
});

test("T131 toFetch() sends length 0 for no output", async () => {
  const { response, errors } = await call(simple("200 OK", [], []));
  assert.deepEqual([response.status, response.headers.get("content-length"), errors.text], [200, "0", ""]);
});

test("T132 toFetch() sends bytes as they are", async () => {
  const { response } = await call(simple("200 OK", [["Content-Type", "text/plain; charset=utf-8"]], [new TextEncoder().encode("data")]));
  assert.deepEqual([response.headers.get("content-length"), response.headers.get("content-type"), await response.text()], ["4", "text/plain; charset=utf-8", "data"]);
});

test("startResponse() copies the list, and takes an equal one for the same", async () => {
  const handler = toFetch((environ, startResponse) => {
    const headers: HeaderList = [["Content-Type", "text/plain"], ["X-Path", environ.PATH_INFO]];
    startResponse("200 OK", headers);
    headers[0]![1] = "changed\u0001";
    headers.push(["X", "y"]);
    return ["x"];
  });
  for (const path of ["/a", "/a", "/b", "/b", "/a"]) {
    const response = await handler(new Request(`http://127.0.0.1${path}`));
    assert.deepEqual([response.headers.get("content-type"), response.headers.get("x-path"), response.headers.has("x")], ["text/plain", path, false]);
  }
});

test("startResponse() takes names of JavaScript's own for headers like others", async () => {
  const { response } = await call(simple("200 OK", [ct, ["__proto__", "a"], ["constructor", "b"]], ["x"]));
  assert.deepEqual([response.headers.get("__proto__"), response.headers.get("constructor")], ["a", "b"]);
});

test("startResponse() lets none of the 256 bytes in names, values and statuses hurt the server, live", async () => {
  const handler = toFetch((environ, startResponse) => {
    const byte = String.fromCharCode(Number(environ.QUERY_STRING));
    if (environ.PATH_INFO === "/name") startResponse("200 OK", [ct, [`x${byte}y`, "v"]]);
    else if (environ.PATH_INFO === "/value") startResponse("200 OK", [ct, ["x", `a${byte}b`]]);
    else startResponse(`200 O${byte}K` as Status, [ct]);
    return ["ok"];
  }, { errors: { write() {}, writelines() {}, flush() {} } });
  await withServer(handler, async ({ port }) => {
    const client = new RawClient(port);
    for (const place of ["name", "value", "status"]) {
      for (let byte = 0; byte < 256; byte++) {
        const isValid = place === "name" ? /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) : byte === 9 ? place === "value" : byte > 31 && byte !== 127;
        const answer = await one(client, `GET /${place}?${byte} HTTP/1.1\r\nHost: h\r\n\r\n`);
        assert.equal(answer.startsWith("HTTP/1.1 200"), isValid, `${place} ${byte}: ${answer.slice(0, 80)}`);
        assert.equal(answer.endsWith(isValid ? "ok" : "Internal Server Error"), true, `${place} ${byte}: ${answer}`);
      }
    }
    client.close();
  });
});

/** One answer with a Content-Length, on a connection that stays. */
async function one(client: RawClient, request: string): Promise<string> {
  const before = (await client.until(() => true)).length;
  client.send(request);
  const received = await client.until((all) => {
    const answer = all.slice(before);
    const length = /\r\ncontent-length: *(\d+)/i.exec(answer);
    return length !== null && answer.length >= answer.indexOf("\r\n\r\n") + 4 + Number(length[1]);
  });
  return received.slice(before);
}

