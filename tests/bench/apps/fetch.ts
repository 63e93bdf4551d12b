/** A Fetch handler under tsgi: what apps/bare.ts does natively. */
import { HELLO, TEXT } from "./jobs.ts";

export default { fetch: (_request: Request): Response => new Response(HELLO, { headers: { ...TEXT } }) };
