import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { PassThrough, Readable, Writable } from "node:stream";
import { test } from "node:test";
import { runCgi } from "../../adapters/cgi.ts";
import { fromFetch } from "../../core/gateway/from_fetch.ts";
import { lint } from "../../core/gateway/lint.ts";
import type { App, Environ } from "../../core/gateway/types.ts";

const ENV = {
  GATEWAY_INTERFACE: "CGI/1.1", REQUEST_METHOD: "GET", SCRIPT_NAME: "/cgi-bin/app", PATH_INFO: "/", QUERY_STRING: "",
  SERVER_NAME: "example.org", SERVER_PORT: "80", SERVER_PROTOCOL: "HTTP/1.1", REMOTE_ADDR: "192.0.2.1", HTTP_HOST: "example.org",
};
const ct: [string, string] = ["Content-Type", "text/plain"];
const PROGRAM = new URL("programs/cgi_app.ts", import.meta.url).pathname;

interface Answer {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

class Kept extends Writable {
  text = "";
  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.text += new TextDecoder("latin1").decode(chunk);
    done();
  }
}

/** runCgi in this process, over streams of ours. */
async function run(app: App, env: Record<string, string | undefined> = {}, stdin: Readable = Readable.from([])): Promise<Answer> {
  const [stdout, stderr] = [new Kept(), new Kept()];
  const code = await runCgi(app, { env: { ...ENV, ...env }, stdin, stdout, stderr });
  return { out: stdout.text, err: stderr.text, code };
}

async function environOf(env: Record<string, string | undefined>): Promise<Environ> {
  let seen: Environ | undefined;
  await run((environ, startResponse) => {
    seen = { ...environ };
    startResponse("200 OK", [ct]);
    return [];
  }, env);
  return seen!;
}

/** The command that runs a script with the runtime that runs this test. */
function command(script: string): string[] {
  return "Deno" in globalThis ? [process.execPath, "run", "-A", "--quiet", script] : [process.execPath, script];
}

function start(env: Record<string, string>, [program, ...args]: string[] = command(PROGRAM)): ChildProcessWithoutNullStreams {
  return spawn(program!, args, { env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...ENV, ...env }, stdio: "pipe" });
}

async function outputOf(child: ChildProcessWithoutNullStreams): Promise<Answer> {
  const exit = once(child, "exit");
  const [out, err] = await Promise.all([child.stdout, child.stderr].map(async (stream) => {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of stream) chunks.push(chunk as Uint8Array<ArrayBuffer>);
    return new Blob(chunks).text();
  }));
  return { out: out!, err: err!, code: (await exit)[0] as number };
}

function bodyOf(out: string): string {
  return out.slice(out.indexOf("\r\n\r\n") + 4);
}

test("T722 runCgi() writes a Status line, the headers as given and no body to HEAD", async () => {
  const { out, code } = await run((_, startResponse) => {
    startResponse("200 OK", [["Content-Length", "12345"]]);
    return [];
  }, { REQUEST_METHOD: "HEAD" });
  assert.equal(out, "Status: 200 OK\r\nContent-Length: 12345\r\n\r\n");
  assert.equal(code, 0);
});

test("runCgi() keeps order, spelling and repetition of headers, and infers the length of an Array", async () => {
  const { out } = await run((_, startResponse) => {
    startResponse("404 Nobody Here", [["X-B", "1"], ["Set-Cookie", "a=1"], ["x-a", "caf\u00e9"], ["Set-Cookie", "b=2"], ct]);
    return ["no", "ne"];
  });
  const head = "Status: 404 Nobody Here\r\nX-B: 1\r\nSet-Cookie: a=1\r\nx-a: caf\u00e9\r\nSet-Cookie: b=2\r\nContent-Type: text/plain\r\n";
  assert.equal(out, `${head}Content-Length: 4\r\n\r\nnone`);
});

test("T723 runCgi() answers 500 without details if the application throws, and logs to stderr", async () => {
  const { out, err, code } = await run(() => {
    throw new Error("secret");
  });
  const head = "Status: 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\n\r\n";
  assert.equal(out, `${head}Internal Server Error`);
  assert.match(err, /^Error handling request GET \/cgi-bin\/app\/\nError: secret\n.*at /);
  assert.equal(code, 0);
});

test("T723 runCgi() gives the exit code 1 if the application throws in the middle of its body", async () => {
  const { out, err, code } = await run(function* (_, startResponse) {
    startResponse("200 OK", [ct]);
    yield "begun";
    throw new Error("secret");
  } as App);
  assert.equal(out, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nbegun");
  assert.equal(err.split("secret").length, 2);
  assert.equal(code, 1);
});

test("T725 runCgi() gives the variables of the process, and the request's from the web server", async () => {
  const { out } = await outputOf(start({ PATH_INFO: "/environ", MY_SETTING: "1", HTTP_ACCEPT: "text/html", HTTP_PROXY: "http://evil" }));
  const environ = JSON.parse(bodyOf(out)) as Environ;
  assert.equal(environ.PATH, process.env.PATH);
  assert.equal(environ.HOME, process.env.HOME);
  assert.equal(environ.MY_SETTING, "1");
  assert.equal(environ.HTTP_ACCEPT, "text/html");
  assert.deepEqual([environ.SCRIPT_NAME, environ.PATH_INFO, environ.REMOTE_ADDR], ["/cgi-bin/app", "/environ", "192.0.2.1"]);
  assert.deepEqual([environ["tsgi.run_once"], environ["tsgi.multiprocess"], environ["tsgi.multithread"], environ["tsgi.nonblocking"]], [true, true, false, false]);
  assert.equal("HTTP_PROXY" in environ, false);
});

test("T725 runCgi() takes HTTP_PROXY, the client's header Proxy, out of the process too", async () => {
  const { out } = await outputOf(start({ PATH_INFO: "/fetch", HTTP_PROXY: "http://evil" }));
  assert.equal(bodyOf(out), "undefined");
});

test("T726 runCgi() takes the scheme from HTTPS", async () => {
  for (const [HTTPS, scheme] of [["on", "https"], ["1", "https"], ["off", "http"], ["", "http"], [undefined, "http"]] as const) {
    const environ = await environOf({ HTTPS });
    assert.equal(environ["tsgi.url_scheme"], scheme, String(HTTPS));
    assert.equal(environ.HTTPS, scheme === "https" ? "on" : undefined, String(HTTPS));
  }
});

test("T728 runCgi() keeps a PATH_INFO that is not UTF-8, and does not decode it again", async () => {
  const { out } = await outputOf(start({}, ["/bin/sh", "-c", `PATH_INFO=$(printf '/caf\\351/\\303\\251/%%41'); export PATH_INFO; exec "$@"`, "sh", ...command(PROGRAM)]));
  assert.equal(bodyOf(out), `GET ${JSON.stringify("/caf\udce9/\u00e9/%41")}`);
  assert.equal((await environOf({ PATH_INFO: "/%41\udce9" })).REQUEST_URI, "/cgi-bin/app/%2541%E9");
});

test("T729 runCgi() ends the input after CONTENT_LENGTH bytes", async () => {
  const { out } = await run(async (environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return [await environ["tsgi.input"].read(), "|", await environ["tsgi.input"].read()];
  }, { REQUEST_METHOD: "POST", CONTENT_LENGTH: "3" }, Readable.from([new TextEncoder().encode("hello")]));
  assert.equal(bodyOf(out), "hel|");
});

test("T730 runCgi() has an empty input without CONTENT_LENGTH, and ends although stdin stays open", async () => {
  for (const length of ["", "2"]) {
    const child = start({ PATH_INFO: "/echo", REQUEST_METHOD: "POST", ...(length === "" ? {} : { CONTENT_LENGTH: length }) });
    child.stdin.write("hi and more");
    const { out, code } = await outputOf(child);
    child.stdin.destroy();
    assert.equal(bodyOf(out), length === "2" ? "hi" : "");
    assert.equal(code, 0);
  }
});

test("T731 runCgi() answers HTTP/0.9 and a CONTENT_LENGTH that is none with 400, without calling the application", async () => {
  for (const env of [{ SERVER_PROTOCOL: "HTTP/0.9" }, { CONTENT_LENGTH: "-1" }, { CONTENT_LENGTH: "1x" }]) {
    const { out, err } = await run(() => assert.fail("called"), env);
    assert.equal(out, "Status: 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nBad Request");
    assert.match(err, /^Cannot (?:answer|read)/);
  }
});

test("runCgi() makes an environ that lint accepts, whatever a server left out", async () => {
  const hello: App = (_, startResponse) => {
    startResponse("200 OK", [ct]);
    return ["ok"];
  };
  const none = Object.fromEntries(Object.keys(ENV).map((key) => [key, undefined]));
  const given: Record<string, string | undefined>[] = [
    {}, { ...none, REQUEST_METHOD: "GET" }, { SCRIPT_NAME: "/", PATH_INFO: "" }, { SERVER_NAME: "::1", REMOTE_ADDR: "::ffff:192.0.2.1" },
    { REQUEST_URI: "http://example.org/cgi-bin/app/%41?x#y" }, { QUERY_STRING: "q=\u00e9 \udcff" }, { HTTP_X: "\u00e4\udcff", REMOTE_USER: "" },
    { HTTP_CONTENT_LENGTH: "3", HTTP_CONTENT_TYPE: "a/b", CONTENT_TYPE: "" }, { "tsgi.signal": "x", "tsgi.made_up": "x" },
  ];
  for (const env of given) assert.match((await run(lint(hello), env)).out, /^Status: 200 OK/, JSON.stringify(env));
  const environ = await environOf({ ...given[4], ...given[5], ...given[6], SERVER_NAME: "::1", REMOTE_ADDR: "::ffff:192.0.2.1" });
  assert.deepEqual([environ.REQUEST_URI, environ.RAW_URI], ["/cgi-bin/app/%41?x", "http://example.org/cgi-bin/app/%41?x#y"]);
  assert.deepEqual([environ.QUERY_STRING, environ.HTTP_X], ["q=%C3%A9%20%FF", "\u00c3\u00a4\u00ff"]);
  assert.deepEqual([environ.SERVER_NAME, environ.REMOTE_ADDR, "REMOTE_USER" in environ], ["[::1]", "192.0.2.1", false]);
  assert.equal("HTTP_PROXY" in await environOf({ HTTP_PROXY: "http://evil" }), false);
  const bare = await environOf({ ...none, REQUEST_METHOD: "GET" });
  assert.deepEqual([bare.SERVER_NAME, bare.SERVER_PORT, bare.PATH_INFO, bare.REQUEST_URI, "HTTP_HOST" in bare], ["localhost", "80", "/", "/", false]);
});

test("runCgi() rejects where there is no request", async () => {
  await assert.rejects(run(() => [], { REQUEST_METHOD: undefined }), /Cannot run as a CGI program: REQUEST_METHOD is not set/);
});

test("runCgi() carries a Fetch handler, with the request of the web server and methods of every kind", async () => {
  const handler = async (request: Request): Promise<Response> => new Response(`${request.method} ${request.url} ${await request.text()}`);
  const env = { REQUEST_METHOD: "PATCH", PATH_INFO: "/\u00e9", QUERY_STRING: "x=1", CONTENT_LENGTH: "2", HTTPS: "on" };
  const { out } = await run(fromFetch(handler), env, Readable.from([new TextEncoder().encode("hi")]));
  assert.equal(bodyOf(out), "PATCH https://example.org/cgi-bin/app/%C3%A9?x=1 hi");
  assert.match((await run((environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return [environ.REQUEST_METHOD];
  }, { REQUEST_METHOD: "TRACE" })).out, /TRACE$/);
});

test("runCgi() resolves after response_finished and wait_until", async () => {
  const seen: string[] = [];
  await run((environ, startResponse) => {
    environ["tsgi.response_finished"]!.push(async () => {
      await null;
      seen.push("finished");
    });
    environ["tsgi.wait_until"]!(Promise.resolve().then(() => new Promise((resolve) => setTimeout(resolve, 5))).then(() => seen.push("waited")));
    startResponse("200 OK", [ct]);
    return [];
  });
  assert.deepEqual(seen, ["finished", "waited"]);
});

test("runCgi() sends what a write() began, to HEAD too", async () => {
  const writing: App = async (_, startResponse) => {
    await startResponse("200 OK", [ct])("x");
    return ["y"];
  };
  assert.equal((await run(writing, { REQUEST_METHOD: "HEAD" })).out, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n");
  assert.equal((await run(writing)).out, "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nxy");
  assert.equal((await run((_, startResponse) => {
    void startResponse("204 No Content", [["Content-Length", "1"]])("");
    return [];
  })).out, "Status: 204 No Content\r\n\r\n");
});

test("runCgi() asks for the next chunk when the web server has taken the last one", async () => {
  let asked = 0;
  const stdout = new PassThrough({ highWaterMark: 1 });
  const done = runCgi(function* (_, startResponse) {
    startResponse("200 OK", [ct]);
    for (; asked < 100;) yield `${asked++} `;
  } as App, { env: ENV, stdin: Readable.from([]), stdout, stderr: new Kept() });
  const reader = stdout[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  await reader.next();
  await reader.next();
  assert.ok(asked < 10, `${asked} chunks were asked for`);
  while (!(await reader.next()).value?.toString().includes("99")) continue;
  assert.equal(await done, 0);
});

test("runCgi() rejects reads of an upload that was cut short, and aborts tsgi.signal", async () => {
  let signal: AbortSignal | undefined;
  const { out, err } = await run(async (environ, startResponse) => {
    signal = environ["tsgi.signal"];
    startResponse("200 OK", [ct]);
    return [await environ["tsgi.input"].read()];
  }, { REQUEST_METHOD: "POST", CONTENT_LENGTH: "5" }, Readable.from([new TextEncoder().encode("hi")]));
  assert.match(out, /^Status: 400 Bad Request\r\n/);
  assert.equal(err, "");
  assert.equal(signal!.aborted, true);
});

test("runCgi() in a process streams megabytes both ways", async () => {
  const child = start({ PATH_INFO: "/echo", REQUEST_METHOD: "POST", CONTENT_LENGTH: String(8 << 20) });
  child.stdin.end(new Uint8Array(8 << 20).fill(97));
  const { out, code } = await outputOf(child);
  assert.equal(bodyOf(out).length, 8 << 20);
  assert.equal(code, 0);
});

test("runCgi() in a process notices a web server that has gone, and closes the body", async () => {
  const child = start({ PATH_INFO: "/endless" });
  const exit = once(child, "exit");
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => err += text);
  await once(child.stdout, "data");
  child.stdout.destroy();
  assert.deepEqual(await exit, [0, null]);
  assert.equal(err, "closed\n");
});
