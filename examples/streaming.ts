/**
 * A generator as the application: each `yield` is sent before the next is asked for, no faster than the client reads, and `finally`
 * runs when it has left, too.
 *
 * Run it: deno run -A mod.ts examples/streaming.ts, then curl -N http://127.0.0.1:8000/
 */
import type { App } from "../mod.ts";

const application: App = async function* (environ, startResponse) {
  const signal = environ["tsgi.signal"];
  startResponse("200 OK", [["Content-Type", "text/event-stream"], ["Cache-Control", "no-store"]]);
  try {
    for (let count = 1; count <= 10 && !signal.aborted; count++) {
      yield `data: ${count}\n\n`;
      await pause(100, signal);
    }
  } finally {
    environ["tsgi.errors"].write(`streaming to ${environ.REMOTE_ADDR ?? "somebody"} has ended\n`);
  }
};
export default application;

/** Ends early when the client leaves: nobody waits for what nobody reads. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
