/**
 * A Fetch handler, served as it is: what runs on the edge runs here.
 *
 * Run it: deno run -A mod.ts examples/fetch_handler.ts
 */
export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== "POST") return new Response("Hello, Fetch!\n", { headers: { "Content-Type": "text/plain" } });
    return Response.json({ received: await request.text() });
  },
};
