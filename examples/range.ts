/**
 * Answers a Range request with 206 and exactly the bytes that were asked for: 10,000 bytes, byte i being i mod 256.
 *
 * Run it: deno run -A mod.ts examples/range.ts, then curl -r 1200-1299 http://127.0.0.1:8000/
 */
import type { App } from "../mod.ts";

const content = Uint8Array.from({ length: 10_000 }, (_, at) => at % 256);

const application: App = (environ, startResponse) => {
  const type: [string, string] = ["Content-Type", "application/octet-stream"];
  const range = environ.REQUEST_METHOD === "GET" ? /^bytes=(\d*)-(\d*)$/.exec(environ.HTTP_RANGE ?? "") : null;
  if (range === null || (range[1] === "" && range[2] === "")) {
    startResponse("200 OK", [type, ["Accept-Ranges", "bytes"]]);
    return [content];
  }

  const [start, end] = range[1] === "" ? [Math.max(0, content.length - Number(range[2])), content.length] : [Number(range[1]), endOf(range[2]!)];
  if (start >= end) {
    startResponse("416 Range Not Satisfiable", [["Content-Range", `bytes */${content.length}`]]);
    return [];
  }
  startResponse("206 Partial Content", [type, ["Content-Range", `bytes ${start}-${end - 1}/${content.length}`]]);
  return [content.subarray(start, end)];
};
export default application;

/** The last byte is given inclusively, or not at all. */
function endOf(last: string): number {
  return last === "" ? content.length : Math.min(Number(last) + 1, content.length);
}
