/**
 * AWS Lambda behind a function URL, an API Gateway of either kind or an Application Load Balancer: as a handler for Node's managed runtime
 * ({@linkcode toLambda}, {@linkcode toLambdaStream}), or as a whole custom runtime on Deno or Bun ({@linkcode runLambda}).
 *
 * In environ, whatever invoked the function:
 *
 * - REMOTE_ADDR is the peer that the gateway in front has seen; HTTPS, SERVER_NAME and SERVER_PORT are those of the public address.
 * - SCRIPT_NAME is the stage, where it is in the client's URL.
 * - `environ["lambda.event"]` and `["lambda.context"]` are what the platform passed.
 * - `tsgi.wait_until` keeps the invocation open, since a Lambda stands still as soon as it has answered: see each for what that costs.
 * - Nobody tells when a client leaves: `tsgi.signal` never aborts.
 *
 * @module
 */
import type { App } from "../core/gateway/types.ts";
import { lambdaAnswers } from "./lambda_answer.ts";
import { bufferedResult, type BufferedResult, prelude } from "./lambda_result.ts";
import type { AdapterOptions, FetchApplication } from "./platform.ts";

export type { BufferedResult } from "./lambda_result.ts";
export type { HttpEvent } from "./lambda_event.ts";
export { runLambda, type RunLambdaOptions } from "./lambda_runtime.ts";

/**
 * Makes a handler that answers with one object. What is given to `tsgi.wait_until` delays the answer.
 *
 * The handler rejects, and the gateway in front answers 502, for an event that is no HTTP request, and where a body breaks off: the
 * part that is there must not look like the whole.
 *
 * @example
 * ```ts
 * import { toLambda } from "tsgi/lambda";
 *
 * export const handler = toLambda(application);
 * ```
 */
export function toLambda(application: App | FetchApplication, options: AdapterOptions = {}): (event: unknown, context?: unknown) => Promise<BufferedResult> {
  const answer = lambdaAnswers(application, options);
  return async (event, context) => {
    const { event: read, response, over } = await answer(event, context);
    const result = await bufferedResult(read, response);
    await over();
    return result;
  };
}

/** The stream that the platform hands out in Node's managed runtime. */
interface ResponseStream {
  write(chunk: Uint8Array): boolean;
  end(): void;
  destroy(error?: unknown): void;
  once(event: "drain" | "close", run: () => void): unknown;
}

/** The global of Node's managed runtime. */
interface AwsLambda {
  streamifyResponse<T>(handler: (event: unknown, stream: ResponseStream, context: unknown) => Promise<T>): unknown;
  readonly HttpResponseStream: { from(stream: ResponseStream, metadata: object): ResponseStream };
}

/**
 * Makes a handler that streams its answer, for a function URL or a REST API whose invoke mode is RESPONSE_STREAM, on Node's managed runtime.
 * What is given to `tsgi.wait_until` goes on after the client has everything.
 *
 * Throws Error where the platform's global `awslambda` is missing: everywhere else.
 *
 * @example
 * ```ts
 * import { toLambdaStream } from "tsgi/lambda";
 *
 * export const handler = toLambdaStream(application);
 * ```
 */
export function toLambdaStream(application: App | FetchApplication, options: AdapterOptions = {}): unknown {
  const { awslambda } = globalThis as { readonly awslambda?: AwsLambda };
  if (awslambda === undefined) throw new Error("Cannot stream: the global awslambda is missing, which only Lambda's managed Node runtime has; use runLambda(app, { stream: true }) in a custom runtime");
  const answer = lambdaAnswers(application, options);
  return awslambda.streamifyResponse(async (event, stream, context) => {
    const { event: read, response, over } = await answer(event, context);
    const out = awslambda.HttpResponseStream.from(stream, prelude(read, response));
    try {
      await pump(response, out);
    } catch (error) {
      out.destroy(error);
      throw error;
    } finally {
      await over();
    }
  });
}

/** Everything, at the pace of the one who takes it. Rejects with what broke the body. */
async function pump(response: Response, out: ResponseStream): Promise<void> {
  for await (const chunk of response.body ?? []) {
    if (!out.write(chunk)) await new Promise<void>((resolve) => out.once("drain", resolve));
  }
  out.end();
}
