/** gunicorn's format language, `%(h)s "%(r)s"`, as literal text and atoms. */
import { escape } from "./escape.ts";

export interface Atom {
  readonly atom: string;
  /** Between the braces of `{name}i`. */
  readonly name?: string;
}

export interface Parsed {
  readonly pieces: readonly (string | Atom)[];
  readonly problems: readonly string[];
}

/** In gunicorn's order, for messages, and then our own. */
const ATOMS = "h l u t r m U q H s B b f a T M D L p request_id trace_id span_id".split(" ");
const NUMERIC = "s B b T M D".split(" ");
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Cuts a format into literal text and atoms. `%%` is a percent sign; Python's widths and flags are not understood. */
export function parseAccessFormat(format: string): Parsed {
  const pieces: (string | Atom)[] = [];
  const problems: string[] = [];
  let literalFrom = 0;
  for (const match of format.matchAll(/%(?:%|\(([^)]*)\)([a-zA-Z]?)|)/g)) {
    if (match.index > literalFrom) pieces.push(format.slice(literalFrom, match.index));
    literalFrom = match.index + match[0].length;
    if (match[0] === "%%") {
      pieces.push("%");
      continue;
    }
    const atom = match[1] === undefined ? null : parseAtom(match[1]);
    const problem = atomProblem(match, atom);
    if (problem !== null) problems.push(`Cannot read access log format at position ${match.index + 1}: ${problem}`);
    else if (atom !== null) pieces.push(atom);
  }
  if (literalFrom < format.length) pieces.push(format.slice(literalFrom));
  // The format itself is the deployer's, but a line break in it would make one request two lines.
  return { pieces: pieces.map((piece) => typeof piece === "string" ? escape(piece, "text", Infinity) : piece), problems };
}

function parseAtom(text: string): Atom | null {
  const named = /^\{(.*)\}([ioe])$/s.exec(text);
  if (named !== null) return { atom: named[2]!, name: named[1]! };
  return ATOMS.includes(text) ? { atom: text } : null;
}

function atomProblem(match: RegExpMatchArray, atom: Atom | null): string | null {
  const [whole, text, conversion] = match;
  if (text === undefined) return '"%" begins an atom like %(h)s, write "%%" for a percent sign';
  if (atom === null) {
    return `unknown atom %(${text})s, known are ${ATOMS.join(" ")} {name}i {name}o {name}e`;
  }
  if (conversion === "") return `${whole} needs its "s": %(${text})s`;
  if (conversion !== "s" && !(conversion === "d" && NUMERIC.includes(text))) return `${whole} cannot be used, write %(${text})s`;
  if (atom.name !== undefined && atom.atom !== "e" && !HEADER_NAME.test(atom.name)) return `"${atom.name}" is not a header name`;
  if (atom.name === "") return `${whole} names no key of environ`;
  return null;
}
