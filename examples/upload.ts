/**
 * Counts the bytes of an upload as they arrive, in constant memory, with or without a Content-Length: the input always ends.
 *
 * Run it: deno run -A mod.ts examples/upload.ts, then curl -T big.iso http://127.0.0.1:8000/
 */
import type { App } from "../mod.ts";

const application: App = async (environ, startResponse) => {
  let size = 0;
  for await (const chunk of environ["tsgi.input"]) size += chunk.length;

  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [`size ${size}, CONTENT_LENGTH ${environ.CONTENT_LENGTH ?? "absent"}, input_terminated ${environ["tsgi.input_terminated"]}\n`];
};
export default application;
