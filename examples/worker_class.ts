/**
 * A worker class of one's own: at most two requests at a time in each worker, from whichever worker has room, and each answer says how
 * long it was in the making.
 *
 * Run it: deno run -A mod.ts examples/hello.ts --workers 2 --worker-class examples/worker_class.ts
 */
import { defineWorkerClass } from "../mod.ts";

export default defineWorkerClass({
  name: "pair",
  limit: 2,
  sockets: "shared",
  wrap: (handler, worker) => async (request, platform) => {
    const since = performance.now();
    const response = await handler(request, platform);
    if (response.status === 101) return response; // An upgraded connection has to stay as it is.
    const timed = new Response(response.body, response);
    timed.headers.set("Server-Timing", `worker-${worker.id};dur=${(performance.now() - since).toFixed(1)}`);
    return timed;
  },
});
