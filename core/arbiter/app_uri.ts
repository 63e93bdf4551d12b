/**
 * How an application is named: `MODULE`, `MODULE:NAME`, `MODULE:NAME.INNER` or `MODULE:FACTORY(LITERALS)`, as gunicorn's
 * `module:variable` and `module:factory(args)`.
 *
 * MODULE is a path, a URL, or a package. The colon of `file:`, `npm:`, `jsr:`, `node:`, `http:` and `https:`, and that of a port,
 * belong to it. The arguments of a factory are literals: nothing is evaluated.
 */
import { AppLoadError } from "./app_load_error.ts";

/** What a factory can be given. */
export type Literal = string | number | boolean | null | undefined | readonly Literal[] | { readonly [key: string]: Literal };

export interface AppUri {
  /** As it was written. */
  readonly text: string;
  readonly module: string;
  /** From the module inwards; empty where the application is to be chosen. */
  readonly names: readonly string[];
  /** What the factory is called with; null where the name is the application itself. */
  readonly args: readonly Literal[] | null;
}

/**
 * Takes apart what names an application. Throws {@linkcode AppLoadError} where it is not understood.
 *
 * @example
 * ```ts
 * parseAppUri('app.ts:create_app("production", 2)').args; // ["production", 2]
 * ```
 */
export function parseAppUri(text: string): AppUri {
  if (text.trim() === "") throw refused(text, "no module is named, write the path of the application, like app.ts");
  const scheme = SCHEME.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length);
  const match = NAMED.exec(rest);
  if (match === null) {
    if (UNFINISHED_CALL.test(rest)) throw refused(text, "expected a name or a call like create_app() after the colon");
    return { text, module: text, names: [], args: null };
  }
  const [, path, name, call] = match;
  if (path === "") throw refused(text, "no module before the colon");
  const names = name!.split(".");
  if (!names.every((part) => NAME.test(part))) {
    throw refused(text, `expected a name or a call like create_app() after the colon, got ${JSON.stringify(name)}`);
  }
  return { text, module: scheme + path, names, args: call === undefined ? null : parseArguments(text, name!, call) };
}

const SCHEME = /^(?:file|npm|jsr|node|https?):/i;
/** The first colon behind which nothing but a name, or a name and a call, follows. */
const NAMED = /^(.*?):([^:/\\()]*)(\(.*\))?$/s;
const UNFINISHED_CALL = /:[\p{ID_Start}$_][\p{ID_Continue}$.]*\(/u;
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function refused(text: string, why: string): AppLoadError {
  return new AppLoadError(`Cannot load ${JSON.stringify(text)}: ${why}`, 4);
}

/** `call` begins with a parenthesis and ends with one. */
function parseArguments(uri: string, name: string, call: string): readonly Literal[] {
  const reader = new LiteralReader(call, (why) => refused(uri, `the arguments of ${name}() are not literals: ${why}`));
  const args = reader.list("(", ")");
  reader.end();
  return args;
}

const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$]*/uy;
const STRING = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;
const SPACE = /\s*/y;
const CONSTANTS: Readonly<Record<string, Literal>> = { true: true, false: false, null: null, undefined };
/** Python's spelling, for those who come from gunicorn. */
const ELSEWHERE: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f", v: "\v", 0: "\0" };

class LiteralReader {
  readonly #text: string;
  readonly #refuse: (why: string) => AppLoadError;
  #at = 0;

  constructor(text: string, refuse: (why: string) => AppLoadError) {
    this.#text = text;
    this.#refuse = refuse;
  }

  list(open: string, close: string): Literal[] {
    const values: Literal[] = [];
    this.#expect(open);
    while (!this.#eat(close)) {
      values.push(this.#value());
      if (!this.#eat(",")) {
        this.#expect(close);
        break;
      }
    }
    return values;
  }

  end(): void {
    this.#take(SPACE);
    if (this.#at < this.#text.length) throw this.#unexpected();
  }

  #value(): Literal {
    this.#take(SPACE);
    const next = this.#text[this.#at];
    if (next === "[") return this.list("[", "]");
    if (next === "{") return this.#object();
    const string = this.#take(STRING);
    if (string !== null) return unescape(string);
    const number = this.#take(NUMBER);
    if (number !== null) return Number(number);
    const word = this.#take(WORD);
    if (word === null) throw this.#unexpected();
    if (Object.hasOwn(CONSTANTS, word)) return CONSTANTS[word];
    throw this.#refuse(this.#aboutWord(word));
  }

  #object(): Literal {
    const entries: [string, Literal][] = [];
    this.#expect("{");
    while (!this.#eat("}")) {
      this.#take(SPACE);
      const quoted = this.#take(STRING);
      const key = quoted === null ? this.#take(WORD) : unescape(quoted);
      if (key === null) throw this.#unexpected();
      this.#expect(":");
      entries.push([key, this.#value()]);
      if (!this.#eat(",")) {
        this.#expect("}");
        break;
      }
    }
    // Object.fromEntries makes own properties, of __proto__ too.
    return Object.fromEntries(entries);
  }

  #aboutWord(word: string): string {
    const other = ELSEWHERE[word];
    if (other !== undefined) return `write ${other} for ${word}`;
    if (this.#eat("=")) return `keyword argument ${word}=, arguments have only places here: pass an object, { ${word}: ... }`;
    return `got ${word}, expected strings, numbers, true, false, null, [...] or {...}`;
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return null;
    this.#at += match[0].length;
    return match[0];
  }

  #eat(mark: string): boolean {
    this.#take(SPACE);
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #expect(mark: string): void {
    if (!this.#eat(mark)) throw this.#unexpected(mark);
  }

  #unexpected(expected?: string): AppLoadError {
    const rest = this.#text.slice(this.#at);
    const got = rest === "" ? "it ends too early" : `unexpected ${JSON.stringify(rest)}`;
    return this.#refuse(expected === undefined ? got : `${got}, expected ${JSON.stringify(expected)}`);
  }
}

function unescape(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))/gs, (_, long, short, letter) => {
    const code: string | undefined = long ?? short;
    return code === undefined ? ESCAPES[letter] ?? letter : String.fromCharCode(parseInt(code, 16));
  });
}
