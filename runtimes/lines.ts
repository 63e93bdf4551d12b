/** The lines of a process's output, as they come. */
import { StringDecoder } from "node:string_decoder";
import type { Readable } from "node:stream";

/** A line longer than this is given in pieces, in UTF-16 code units. */
const LONGEST = 65_536;

/** Calls `take` with every line of `stream`, also the last one if nothing ends it; resolves when the stream has ended. */
export function eachLine(stream: Readable, take: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  stream.on("data", (chunk: Uint8Array) => {
    const lines = (rest + decoder.write(chunk as Parameters<typeof decoder.write>[0])).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
    if (rest.length <= LONGEST) return;
    take(rest);
    rest = "";
  });
  return new Promise((resolve) => {
    const end = () => {
      if (rest !== "") take(rest);
      rest = "";
      resolve();
    };
    stream.once("end", end);
    stream.once("close", end);
    stream.on("error", end); // The process has gone.
  });
}
