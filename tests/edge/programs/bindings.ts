import { toCloudflare } from "../../../adapters/cloudflare.ts";

export default toCloudflare((environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  const { GREETING } = environ["cloudflare.env"] as { GREETING: string };
  return [JSON.stringify([GREETING, typeof (environ["cloudflare.ctx"] as { waitUntil: unknown }).waitUntil, environ.SERVER_PROTOCOL])];
});
