/** What a module's text asks of the runtime that it runs on. Nothing is run; what is computed is not found. */

/** One such thing, where it is. */
export interface Use {
  readonly kind: "module" | "global" | "eval";
  /** `node:fs`, `Deno`, `eval`. */
  readonly name: string;
  /** From 1. */
  readonly line: number;
  /** The text asks first whether it is there. */
  readonly isGuarded: boolean;
}

/** All of them, in the order of the lines. */
export function usesIn(text: string): Use[] {
  const code = withoutComments(text);
  const bare = code.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, (literal) => " ".repeat(literal.length));
  return [...modules(code), ...globals(bare, code), ...evals(bare)].sort((a, b) => a.line - b.line);
}

const IMPORT = /(?:\b(import|export)(\s+type)?\b[^"'`;()]*?\bfrom\s*|\bimport\s*|\b(?:import|require)\s*\(\s*)["']([^"'\n]+)["']/g;
const GLOBAL = /(?<![.\w$]|typeof\s+)(Deno|Bun|process|Buffer|global|setImmediate|require)\s*(?=[.([])/g;
const EVAL = /(?<![.\w$])(?:(eval)\s*\(|new\s+(Function)\s*\()/g;
/** Node's modules by their older names. */
const BUILTIN = new Set(["assert", "async_hooks", "buffer", "child_process", "cluster", "console", "crypto", "dgram", "dns", "events", "fs", "fs/promises", "http", "http2", "https", "module", "net", "os", "path", "perf_hooks", "process", "readline", "stream", "timers", "tls", "url", "util", "v8", "vm", "worker_threads", "zlib"]);

function modules(code: string): Use[] {
  return [...code.matchAll(IMPORT)].flatMap((match): Use[] => {
    const specifier = match[3]!;
    const name = BUILTIN.has(specifier) ? `node:${specifier}` : specifier;
    if (match[2] !== undefined || !/^[a-z][a-z\d+.-]*:/.test(name) || /^(?:file|data):/.test(name)) return [];
    return [{ kind: "module", name, line: lineOf(code, match.index + match[0].length), isGuarded: false }];
  });
}

function globals(bare: string, code: string): Use[] {
  return [...bare.matchAll(GLOBAL)].flatMap((match): Use[] => {
    const name = match[1]!;
    // Imported, or the module's own: no global.
    if (new RegExp(`\\bimport\\b[^;"']*\\b${name}\\b[^;"']*\\bfrom\\b|\\b(?:const|let|var|function)\\s+${name}\\b|[{,]\\s*${name}\\s*[,}]\\s*=`).test(bare)) return [];
    const isGuarded = new RegExp(`typeof\\s+(?:globalThis\\.)?${name}\\b|["']${name}["']\\s+in\\s+globalThis`).test(code);
    return [{ kind: "global", name, line: lineOf(bare, match.index), isGuarded }];
  });
}

function evals(bare: string): Use[] {
  return [...bare.matchAll(EVAL)].map((match) => ({ kind: "eval", name: match[1] ?? "new Function", line: lineOf(bare, match.index), isGuarded: false }));
}

/** Blanks, so that every line keeps its number; strings are left, for `//` stands in URLs. */
function withoutComments(text: string): string {
  return text.replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\/.*|\/\*[^]*?\*\//g, (all, literal: string | undefined) => literal ?? all.replace(/[^\n]/g, " "));
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
