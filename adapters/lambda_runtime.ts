/** A custom runtime of AWS Lambda: the loop that asks the Runtime API for the next event and gives it the answer. */
import { Buffer } from "node:buffer";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import process from "node:process";
import type { App } from "../core/gateway/types.ts";
import { lambdaAnswers } from "./lambda_answer.ts";
import { bufferedResult, prelude } from "./lambda_result.ts";
import type { AdapterOptions, FetchApplication } from "./platform.ts";

export interface RunLambdaOptions extends AdapterOptions {
  /** Streams answers, as the invoke mode RESPONSE_STREAM wants it; to a load balancer, which cannot, they go whole. */
  readonly stream?: boolean;
}

/** What `environ["lambda.context"]` is in a custom runtime. */
export interface LambdaRuntimeContext {
  readonly awsRequestId: string;
  readonly invokedFunctionArn: string;
  readonly traceId: string;
  getRemainingTimeInMillis(): number;
}

/**
 * Serves a function whose runtime is `provided.al2023`, on Deno or Bun: the program that `bootstrap` starts. Answers one event after the
 * other for as long as the platform lets it live; it never resolves.
 *
 * What is given to `tsgi.wait_until` delays nobody but the next event: the answer has gone by then.
 *
 * Rejects where AWS_LAMBDA_RUNTIME_API is not set, as it is everywhere else, and when the Runtime API can no longer be asked: then
 * the platform starts a new process.
 *
 * @example
 * ```ts
 * // bootstrap: exec ./deno run -A main.ts
 * import { runLambda } from "tsgi/lambda";
 *
 * await runLambda(application);
 * ```
 */
export async function runLambda(application: App | FetchApplication, options: RunLambdaOptions = {}): Promise<never> {
  const { stream = false, ...rest } = options;
  const { AWS_LAMBDA_RUNTIME_API: host } = process.env;
  if (!host) throw new Error("Cannot run as a Lambda: AWS_LAMBDA_RUNTIME_API is not set, start it as the bootstrap of a custom runtime");
  const answer = lambdaAnswers(application, rest);
  const api = new RuntimeApi(host);
  for (;;) {
    const { id, event, context } = await api.next();
    let over: (() => Promise<void>) | null = null;
    try {
      const answered = await answer(event(), context);
      over = answered.over;
      const { event: read, response } = answered;
      if (stream && read.kind !== "alb") await api.stream(id, prelude(read, response), response);
      else await api.respond(id, await bufferedResult(read, response));
    } catch (error) {
      console.error(error);
      await api.fail(id, error);
    }
    await over?.();
  }
}

interface Next {
  readonly id: string;
  /** Throws SyntaxError for what is no JSON. */
  readonly event: () => unknown;
  readonly context: LambdaRuntimeContext;
}

/** Lambda's Runtime API, 2018-06-01. By node:http, for `fetch` gives up on an event that takes minutes to come. */
class RuntimeApi {
  readonly #base: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(host: string) {
    this.#base = `http://${host}/2018-06-01/runtime/invocation/`;
  }

  async next(): Promise<Next> {
    const call = this.#call("GET", "next", this.#agent, {});
    call.end();
    const { headers, text } = await answered(call);
    const deadline = Number(headers["lambda-runtime-deadline-ms"] ?? 0);
    const traceId = String(headers["lambda-runtime-trace-id"] ?? "");
    // Where the SDK's tracing looks for it.
    if (traceId !== "") process.env._X_AMZN_TRACE_ID = traceId;
    const id = String(headers["lambda-runtime-aws-request-id"]);
    return {
      id,
      event: () => JSON.parse(text),
      context: {
        awsRequestId: id,
        invokedFunctionArn: String(headers["lambda-runtime-invoked-function-arn"] ?? ""),
        traceId,
        getRemainingTimeInMillis: () => deadline - Date.now(),
      },
    };
  }

  async respond(id: string, result: unknown): Promise<void> {
    await this.#post(`${id}/response`, "application/json", JSON.stringify(result));
  }

  /** Metadata, eight NULs, the body. A body that breaks off breaks the call: there is no other way to take back what was sent. */
  async stream(id: string, metadata: object, response: Response): Promise<void> {
    // A connection of its own: Deno sends a request again whose kept connection was broken, and here that is done on purpose.
    const call = this.#call("POST", `${id}/response`, false, {
      "Content-Type": "application/vnd.awslambda.http-integration-response",
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Transfer-Encoding": "chunked",
    });
    const answer = answered(call);
    // Awaited below, where the body has not failed first.
    answer.catch(() => undefined);
    try {
      await write(call, Buffer.concat([Buffer.from(JSON.stringify(metadata)), Buffer.alloc(8)]));
      for await (const chunk of response.body ?? []) await write(call, chunk);
    } catch {
      // The gateway has logged it.
      return void call.destroy();
    }
    call.end();
    await answer;
  }

  async fail(id: string, error: unknown): Promise<void> {
    const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    const report = JSON.stringify({ errorType: name, errorMessage: message, stackTrace: stack.split("\n") });
    try {
      await this.#post(`${id}/error`, "application/json", report, { "Lambda-Runtime-Function-Error-Type": name });
    } catch (refusal) {
      // Half an answer has gone already, or the invocation has timed out: the next one can be answered.
      console.error(refusal);
    }
  }

  async #post(path: string, type: string, text: string, headers: Record<string, string> = {}): Promise<void> {
    const bytes = Buffer.from(text);
    const call = this.#call("POST", path, this.#agent, { "Content-Type": type, "Content-Length": String(bytes.length), ...headers });
    call.end(bytes);
    await answered(call);
  }

  #call(method: string, path: string, agent: Agent | false, headers: Record<string, string>): ClientRequest {
    return request(this.#base + path, { method, headers, agent });
  }
}

interface Answered {
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/** Rejects unless the Runtime API says that all is well. */
function answered(call: ClientRequest): Promise<Answered> {
  return new Promise((resolve, reject) => {
    call.once("error", reject);
    call.once("response", (response) => {
      const { statusCode = 0, headers } = response;
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => text += part).once("error", reject).once("end", () => {
        if (statusCode >= 200 && statusCode < 300) resolve({ headers, text });
        else reject(new Error(`Cannot go on: the Runtime API answered ${statusCode} to ${call.method} ${call.path}: ${text.slice(0, 200)}`));
      });
    });
  });
}

function write(call: ClientRequest, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => call.write(bytes, (error) => (error ? reject(error) : resolve())));
}
