/**
 * The application that every platform runs unchanged: a path for each thing that an application does. Web platform only, and no timer
 * or promise is shared between requests, which workerd forbids.
 */
import type { App, Body, Environ, StartResponse } from "../../core/gateway/types.ts";

const TEXT: [string, string] = ["Content-Type", "text/plain; charset=utf-8"];
const state = { released: 0, closed: 0, waited: 0 };

const application: App = (environ, startResponse) => {
  const app = apps[`/${environ.PATH_INFO.split("/")[1]}`];
  if (app !== undefined) return app(environ, startResponse);
  startResponse("404 Not Found", [TEXT]);
  return [`Nothing at ${environ.PATH_INFO}\n`];
};
export default application;

const apps: Record<string, (environ: Environ, startResponse: StartResponse) => Body | Promise<Body>> = {
  "/hello"(environ, startResponse) {
    startResponse("200 OK", [TEXT]);
    return [`Hello ${environ.SCRIPT_NAME}${environ.PATH_INFO} ${environ.QUERY_STRING}\n`];
  },

  "/empty"(_environ, startResponse) {
    startResponse("204 No Content", []);
    return [];
  },

  "/teapot"(_environ, startResponse) {
    startResponse("418 Short And Stout", [TEXT]);
    return ["Tip me over\n"];
  },

  async *"/stream"(_environ: Environ, startResponse: StartResponse) {
    startResponse("200 OK", [TEXT]);
    const { released } = state;
    yield "first\n";
    // Where requests are answered one at a time, nobody can release it.
    for (let i = 0; i < 100 && state.released === released; i++) await sleep(10);
    yield "second\n";
  },

  "/release"(_environ, startResponse) {
    state.released++;
    startResponse("200 OK", [TEXT]);
    return ["released\n"];
  },

  async "/upload"(environ, startResponse) {
    let size = 0;
    let sum = 0;
    for await (const chunk of environ["tsgi.input"]) {
      size += chunk.length;
      for (const byte of chunk) sum = (sum + byte) % 65_536;
    }
    startResponse("200 OK", [TEXT]);
    return [`${environ.REQUEST_METHOD} ${environ.CONTENT_TYPE} ${size} ${sum}\n`];
  },

  "/bytes"(_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "application/octet-stream"]]);
    return [new Uint8Array([0, 255, 128, 10])];
  },

  "/cookies"(environ, startResponse) {
    startResponse("200 OK", [TEXT, ["Set-Cookie", "a=1; Path=/"], ["Set-Cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"]]);
    return [`${environ.HTTP_COOKIE}\n`];
  },

  async *"/abort"(_environ: Environ, startResponse: StartResponse) {
    startResponse("200 OK", [TEXT]);
    let isLeft = true;
    try {
      for (let i = 0; i < 100; i++) {
        yield "tick\n";
        await sleep(10);
      }
      isLeft = false;
    } finally {
      if (isLeft) state.closed++;
    }
  },

  "/error"() {
    throw new Error("Before the response");
  },

  "/refused"(_environ, startResponse) {
    startResponse("200 OK", [TEXT, ["X-Bad", "a\r\nb"]]);
    return ["never\n"];
  },

  async *"/broken"(_environ: Environ, startResponse: StartResponse) {
    startResponse("200 OK", [TEXT]);
    yield "half\n";
    await sleep(1);
    throw new Error("After half of it");
  },

  "/later"(environ, startResponse) {
    environ["tsgi.wait_until"]!((async () => {
      await sleep(20);
      state.waited++;
    })());
    startResponse("200 OK", [TEXT]);
    return ["soon\n"];
  },

  "/state"(_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "application/json"]]);
    return [JSON.stringify(state)];
  },

  "/environ"(environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "application/json"]]);
    const { "tsgi.input": _input, "tsgi.errors": _errors, "tsgi.signal": _signal, ...rest } = environ;
    return [JSON.stringify(rest, (key, value: unknown) => (typeof value === "function" ? "function" : key.includes(".") && !key.startsWith("tsgi.") ? "platform" : value))];
  },
};

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
