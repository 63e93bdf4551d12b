/** An event of AWS Lambda, answered by an application: what all of Lambda's forms are made of. */
import type { App } from "../core/gateway/types.ts";
import { type HttpEvent, readEvent, type ReadEvent } from "./lambda_event.ts";
import { type AdapterOptions, asApp, type FetchApplication, LEVELLED, platformGateway, Waiting } from "./platform.ts";

/** A request that came as an event, answered: `response` never fails; `over()` resolves when everything that waits has settled. */
export interface LambdaAnswer {
  readonly event: ReadEvent;
  readonly response: Response;
  over(): Promise<void>;
}

/** Makes the answers. Rejects with TypeError for an event that is no HTTP request. */
export function lambdaAnswers(application: App | FetchApplication, options: AdapterOptions): (event: unknown, context: unknown) => Promise<LambdaAnswer> {
  const app = asApp(application, (environ) => {
    const event = environ["lambda.event"] as HttpEvent;
    // As Hono's own adapter has it.
    return [{ event, requestContext: event.requestContext, lambdaContext: environ["lambda.context"] }];
  });
  const isMounted = options.scriptName !== undefined;
  const handle = platformGateway<Invocation, undefined>(app, options, {
    info: (_request, { read, waiting }) => ({ ...read.info, multiprocess: true, waitUntil: waiting.add }),
    variables: (_request, { read, context }) => ({ ...(isMounted ? {} : read.mount), "lambda.event": read.event, "lambda.context": context }),
    gateway: LEVELLED,
  });
  return async (event, context) => {
    const read = readEvent(event);
    const waiting = new Waiting();
    const response = await handle(read.request as unknown as Request, { read, context, waiting }, undefined);
    return { event: read, response, over: () => waiting.settled() };
  };
}

interface Invocation {
  readonly read: ReadEvent;
  readonly context: unknown;
  readonly waiting: Waiting;
}
