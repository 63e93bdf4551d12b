/** The response of a CGI program (RFC 3875 section 6), which is also that of an SCGI server. */
import { isHopByHop } from "../core/gateway/hop_by_hop.ts";
import { status } from "../core/gateway/status.ts";
import type { HeaderList, Status } from "../core/gateway/types.ts";

/** What stands before the blank line. */
export interface CgiHead {
  readonly status: Status;
  readonly headers: HeaderList;
}

/** The other side answered, but not as CGI wants it. */
export class CgiAnswerError extends Error {
  override readonly name = "CgiAnswerError";
}

/** Bytes before the blank line. As much as any server takes. */
const LONGEST_HEAD = 65_536;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads up to the blank line; `rest` is what came with it of the body. Throws {@linkcode CgiAnswerError}. */
export async function readHead(chunks: AsyncIterator<Uint8Array>): Promise<CgiHead & { readonly rest: Uint8Array }> {
  let text = "";
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) throw new CgiAnswerError(text === "" ? "it ended without one" : "it ended before the blank line that follows the headers");
    // The blank line may have begun in the last chunk.
    const from = Math.max(text.length - 3, 0);
    text += latin1(value);
    const end = /(?:^|\r?\n)\r?\n/g;
    end.lastIndex = from;
    const found = end.exec(text);
    if (found !== null && found.index <= LONGEST_HEAD) {
      const bodyStart = value.length - (text.length - end.lastIndex);
      return { ...parseHead(text.slice(0, found.index)), rest: value.subarray(bodyStart) };
    }
    if (text.length > LONGEST_HEAD) throw new CgiAnswerError(`its headers are longer than ${LONGEST_HEAD} bytes`);
  }
}

/**
 * Reads header lines, without the blank one. Without Status it is 200, or 302 with Location: there is no server here to follow a local
 * redirect, so the client does. Headers of the connection are left out.
 */
export function parseHead(text: string): CgiHead {
  if (/^HTTP\/\d/.test(text)) throw new CgiAnswerError("it begins with a status line of HTTP, as an NPH script's does, which is not supported: begin with Status:");
  if (text === "") throw new CgiAnswerError("it has no headers");
  const headers: HeaderList = [];
  let line: string | null = null;
  for (const field of text.split(/\r?\n/)) {
    const [name, value] = parseField(field);
    if (name.toLowerCase() === "status") line ??= value;
    else if (!isHopByHop(name)) headers.push([name, value]);
  }
  const isRedirect = headers.some(([name]) => name.toLowerCase() === "location");
  return { status: line === null ? status(isRedirect ? 302 : 200) : parseStatus(line), headers };
}

function parseField(field: string): [name: string, value: string] {
  const colon = field.indexOf(":");
  const name = field.slice(0, Math.max(colon, 0));
  if (!TOKEN.test(name)) throw new CgiAnswerError(`a line of it is no header: ${JSON.stringify(field.slice(0, 60))}`);
  return [name, field.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "")];
}

function parseStatus(line: string): Status {
  const found = /^([2-5]\d\d)(?: ([\x20-\x7e\x80-\xff]*))?$/.exec(line);
  if (found === null) throw new CgiAnswerError(`its Status is ${JSON.stringify(line.slice(0, 60))}, expected a code from 200 to 599 and a reason`);
  const [, code, reason] = found;
  return reason === undefined ? status(Number(code)) : `${Number(code)} ${reason}`;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}
