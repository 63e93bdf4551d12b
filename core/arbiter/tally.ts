/** Counts what a canary answers; other workers do without. */
import type { NativeHandler } from "./listener.ts";

/** `handler`, with each of its answers counted in `tally` when its status is known. */
export function tallied(handler: NativeHandler, tally: { answers: number; errors: number }): NativeHandler {
  return (request, platform) => {
    const answer = handler(request, platform);
    return answer instanceof Response ? counted(answer) : answer.then(counted);
  };

  function counted(response: Response): Response {
    tally.answers++;
    if (response.status >= 500) tally.errors++;
    return response;
  }
}
