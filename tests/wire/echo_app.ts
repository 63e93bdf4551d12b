/** Tells what it was asked, and at /-/seen?PORT,SINCE what came from the client with that port since then. */
import type { App } from "../../core/gateway/types.ts";
import { Sightings } from "./sightings.ts";

const sightings = new Sightings();

const application: App = (environ, startResponse) => {
  const { REQUEST_METHOD, REQUEST_URI, PATH_INFO, QUERY_STRING, HTTP_HOST = null, HTTP_X_A = null, CONTENT_LENGTH = "0", HTTP_TRANSFER_ENCODING } = environ;
  if (PATH_INFO === "/-/seen") return answer(sightings.take(QUERY_STRING));
  const note = sightings.begin(String(environ.REMOTE_PORT), [REQUEST_METHOD, REQUEST_URI, HTTP_HOST, HTTP_X_A as string | null]);
  // Without a body it answers at once: Bun drops what is in the pipeline behind a handler that waits.
  if (CONTENT_LENGTH === "0" && HTTP_TRANSFER_ENCODING === undefined) return answer(note(""));
  return later();

  async function* later() {
    const body = await environ["tsgi.input"].read().then(latin1, () => null);
    yield* answer(note(body));
  }

  function answer(value: unknown): string[] {
    const text = JSON.stringify(value);
    startResponse("200 OK", [["Content-Type", "application/json"], ["Content-Length", String(new TextEncoder().encode(text).length)]]);
    return [text];
  }
};

export default application;

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
