import assert from "node:assert/strict";
import { test } from "node:test";
import { lint, LintError } from "../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App, Environ, StartResponse } from "../../../core/gateway/types.ts";

const hello: App = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["Hello, world!"];
};

const start: StartResponse = () => () => Promise.resolve();

/** Lints one environ and gives the warnings back. */
function judge(environ: unknown): string[] {
  const warnings: string[] = [];
  lint(hello, { onWarning: (code) => warnings.push(code) })(environ as Environ, start);
  return warnings;
}

function refused(environ: unknown, code: string, mention?: string): void {
  assert.throws(() => judge(environ), (error: unknown) => {
    assert.ok(error instanceof LintError, String(error));
    assert.equal(error.code, code);
    if (mention !== undefined) assert.ok(error.message.includes(mention), error.message);
    assert.match(error.message, /^Saw .+, expected .+: the gateway's fault$/);
    return true;
  });
}

test("T449 lint() lets a correct exchange pass unchanged", async () => {
  const plain = await runApp(hello, testEnviron());
  const linted = await runApp(lint(hello), testEnviron());
  assert.deepEqual(linted, plain);
  assert.equal(linted.errors, "");
  assert.equal(linted.text, "Hello, world!");
  assert.ok(linted.headers.some(([name, value]) => name.toLowerCase() === "content-length" && value === "13"));
});

test("T394 runApp() and testEnviron() are valid under lint", async () => {
  const { status, errors, error } = await runApp(lint(hello, { strict: true }), testEnviron("https://bla.example.org:9292/meh/foo?bar"));
  assert.equal(status, "200 OK");
  assert.equal(errors, "");
  assert.equal(error, null);
});

const REQUIRED: readonly [id: string, key: string][] = [
  ["T452", "SERVER_PORT"],
  ["T454", "QUERY_STRING"],
  ["T455", "tsgi.version"],
  ["T456", "tsgi.input"],
  ["T457", "tsgi.errors"],
  ["T458", "tsgi.multithread"],
  ["T459", "tsgi.run_once"],
];

for (const [id, key] of REQUIRED) {
  test(`${id} lint() refuses an environ without ${key}`, () => {
    const environ = testEnviron();
    delete environ[key];
    refused(environ, "environ/required", key);
  });
}

test("T462 lint() refuses an environ whose keys are inherited", () => refused(Object.create(testEnviron()), "environ/type"));

test("lint() refuses an environ that is a Map or nothing", () => {
  for (const environ of [new Map(), [], null, undefined, 5]) refused(environ, "environ/type");
});

test("T463 lint() refuses a frozen environ", () => refused(Object.freeze(testEnviron()), "environ/frozen"));

test("T464 lint() refuses symbol keys", () => refused({ ...testEnviron(), [Symbol("a")]: 1 }, "environ/key-type", "Symbol(a)"));

const REFUSED: readonly [id: string, changes: Record<string, unknown>, code: string][] = [
  ["T465", { HTTP_CONTENT_TYPE: "text/plain" }, "environ/http-content"],
  ["T467", { FOO: {} }, "environ/cgi-string"],
  ["T469", { QUERY_STRING: "\u1234" }, "environ/cgi-ascii"],
  ["T470", { HTTP_X: "\u0103" }, "environ/cgi-latin1"],
  ["T471", { "tsgi.url_scheme": "gopher" }, "environ/url-scheme"],
  ["T473", { SERVER_PORT: "howdy" }, "environ/server-port"],
  ["T476", { SERVER_NAME: "" }, "environ/server-name"],
  ["T477", { HTTP_HOST: "A Host" }, "environ/http-host"],
  ["T479", { REQUEST_METHOD: "OOPS?\b!" }, "environ/method-token"],
  ["T480", { SERVER_PROTOCOL: "Foo" }, "environ/server-protocol"],
  ["T480", { SERVER_PROTOCOL: "HTTP/x" }, "environ/server-protocol"],
  ["T481", { SCRIPT_NAME: "howdy" }, "environ/script-name-slash"],
  ["T482", { SCRIPT_NAME: "/" }, "environ/script-name-root"],
  ["T483", { PATH_INFO: "test" }, "environ/path-info-slash"],
  ["T487", { PATH_INFO: "*" }, "environ/path-form"],
  ["T488", { PATH_INFO: "example.com:80" }, "environ/path-form"],
  ["T489", { REQUEST_URI: "/foo#qux" }, "environ/request-uri"],
  ["T489", { REQUEST_URI: "/foo/bar?baz#qux" }, "environ/request-uri"],
  ["T489", { REQUEST_URI: "/caf\u00e9" }, "environ/request-uri"],
  ["T490", { "tsgi.input": "" }, "environ/input-methods"],
  ["T490", { "tsgi.input": {} }, "environ/input-methods"],
  ["T490", { "tsgi.input": { read() {} } }, "environ/input-methods"],
  ["T491", { "tsgi.errors": "" }, "environ/errors-methods"],
  ["T491", { "tsgi.errors": { write() {} } }, "environ/errors-methods"],
  ["T493", { "tsgi.signal": {} }, "environ/signal"],
  ["T495", { "tsgi.multithread": "no" }, "environ/flag"],
  ["T496", { "tsgi.early_hints": {} }, "environ/early-hints"],
  ["T496", { "tsgi.metrics": { counter() {} } }, "environ/metrics"],
  ["T497", { "tsgi.response_finished": "x" }, "environ/response-finished"],
  ["T497", { "tsgi.response_finished": [1] }, "environ/response-finished"],
];

for (const [id, changes, code] of REFUSED) {
  test(`${id} lint() refuses ${JSON.stringify(changes)} as ${code}`, () => refused({ ...testEnviron(), ...changes }, code));
}

test("lint() refuses what no case names: version, empty paths, a length that is none, input_terminated", () => {
  refused({ ...testEnviron(), "tsgi.version": [1, 1] }, "environ/version");
  refused({ ...testEnviron(), PATH_INFO: "" }, "environ/path-or-script");
  refused({ ...testEnviron(), CONTENT_LENGTH: "+1" }, "environ/content-length");
  refused({ ...testEnviron(), "tsgi.input_terminated": false }, "environ/input-terminated");
});

test("lint() never quotes what came in a header", () => {
  const faults = [{ HTTP_COOKIE: "secret\u0001" }, { HTTP_HOST: "secret host" }, { CONTENT_LENGTH: "secret" }, { HTTP_X: "secret\u0103" }];
  for (const changes of faults) {
    assert.throws(() => judge({ ...testEnviron(), ...changes }), (error: Error) => !error.message.includes("secret"));
  }
});

const ACCEPTED: readonly [id: string, changes: Record<string, unknown>, warnings: string[]][] = [
  ["T499", { REQUEST_METHOD: "OPTIONS", PATH_INFO: "*", REQUEST_URI: "*" }, []],
  ["T501", { PATH_INFO: "/:80" }, []],
  ["T503", { REQUEST_METHOD: "PROPFIND" }, ["environ/method-unknown"]],
  ["T504", { QUERY_STRING: "q=%E1%88%B4" }, []],
  ["T505", { "myApp.config": {}, MY_FLAG: "1" }, []],
  ["T505", { myflag: "1" }, ["environ/extension-name"]],
];

for (const [id, changes, warnings] of ACCEPTED) {
  test(`${id} lint() accepts ${JSON.stringify(changes)}, warning of ${warnings.join() || "nothing"}`, () => {
    assert.deepEqual(judge({ ...testEnviron(), ...changes }), warnings);
  });
}

test("lint() writes a warning as a line on tsgi.errors by default", async () => {
  const { errors } = await runApp(lint(hello), testEnviron("/", { method: "PROPFIND" }));
  assert.match(errors, /^lint: environ\/method-unknown: Saw REQUEST_METHOD "PROPFIND", expected .+: the gateway's fault\n$/);
});
