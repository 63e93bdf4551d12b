/**
 * What must not compile, and what must: checked by the compiler alone. An `@ts-expect-error` over a line without an error is an error.
 */
import type { App, Body, Environ, HeaderList, Middleware, StartResponse } from "../../../core/gateway/types.ts";

declare const environ: Environ;
declare const startResponse: StartResponse;

// @ts-expect-error a bare string is an Iterable<string>, but no body
export const bareString: App = () => "Hello";

// @ts-expect-error a single chunk is no body
export const bareBytes: App = () => new Uint8Array(1);

// @ts-expect-error a status has a reason
startResponse("200", []);

// @ts-expect-error a status is a string
startResponse(200, []);

// @ts-expect-error headers are a list of pairs
startResponse("200 OK", { "Content-Type": "text/plain" });

// @ts-expect-error that is what fromFetch is for
export const response: App = () => new Response("Hello");

// @ts-expect-error nor may a promise give a bare string
export const promiseOfString: App = async () => "Hello";

// @ts-expect-error a chunk is a string or bytes
export const yieldedNumber: App = function* () {
  yield 1;
};

// @ts-expect-error a header's value is a string
startResponse("200 OK", [["Content-Length", 5]]);

// @ts-expect-error a CGI variable is a string
environ.SERVER_PORT = 80;

export const array: App = () => ["Hello", new Uint8Array(1)];
export const promiseOfArray: App = async () => ["Hello"];
export const generator: App = function* () {
  yield "Hello";
  yield new Uint8Array(1);
};
export const asyncGenerator: App = async function* () {
  yield "Hello";
};
export const stream: App = () => new ReadableStream<Uint8Array>();
export const input: App = (environ) => environ["tsgi.input"];
export const withoutParameters: App = () => [];
export const middleware: Middleware = (app) => (environ, startResponse) => app({ ...environ, PATH_INFO: "/" }, startResponse);
export const closable: Body = Object.assign(["Hello"], { close() {} });

export const headers: HeaderList = [["Content-Type", "text/plain"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]];
export const written: Promise<void> = startResponse("404 Not Found", headers, new Error("late"))("Hello");
startResponse("200 ", headers, "anything thrown");
export const method: string = environ.REQUEST_METHOD;
export const accept: string | undefined = environ.HTTP_ACCEPT;
export const extension: unknown = environ["my.extension"];
environ["my.extension"] = { any: "value" };
environ.HTTP_X_ANY = "value";
delete environ.REMOTE_USER;
