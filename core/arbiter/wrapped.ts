/** The handler that a worker class puts in place of tsgi's own, and what becomes of its mistakes. */
import type { Log } from "../logging/record.ts";
import { stackOf, thrownText } from "./app_load_error.ts";
import { plainAnswer } from "./fetch_answer.ts";
import type { NativeHandler } from "./listener.ts";
import type { ClassWorker, WorkerClass } from "./worker_class.ts";

/** `handler` in the hands of `workerClass`. Throws what its wrap() throws. */
export function wrapped(workerClass: WorkerClass, handler: NativeHandler, { log, ...worker }: ClassWorker & { readonly log: Log }): NativeHandler {
  const made: unknown = workerClass.wrap!(handler, worker);
  if (typeof made !== "function") throw new TypeError("wrap() of the worker class did not return a handler (request, platform) => Response");
  const called = made as NativeHandler;
  return (request, platform) => {
    try {
      const answer: unknown = called(request, platform);
      if (answer instanceof Response) return answer;
      return Promise.resolve(answer).then(checked).catch(failed);
    } catch (error) {
      return failed(error);
    }

    function failed(error: unknown): Response {
      const stack = stackOf(error);
      log("error", "request-error", { method: request.method, path: request.url, reason: thrownText(error), ...(stack === undefined ? {} : { stack }) });
      return plainAnswer(500, "Internal Server Error");
    }
  };
}

function checked(response: unknown): Response {
  if (response instanceof Response) return response;
  throw new TypeError("the worker class answered with something that is not a Response");
}
