/**
 * Patterns for paths, as Python's `glob` with `recursive=True` reads them. Whoever walks the directories goes part by part:
 *
 * - `*` and `?` stand for letters of one name, `[ab]` and `[!ab]` for one letter; none of them matches the dot that a name begins with.
 * - `**` as a whole part stands for any number of directories, none included, whose names begin with no dot.
 */

/** Whether `text` is a pattern rather than the path of one file. */
export function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/** Whether this part of a pattern stands for any number of directories. */
export function isDeep(part: string): boolean {
  return part === "**";
}

/**
 * Makes a test of names for one part of a pattern, the text between two slashes.
 *
 * @example
 * ```ts
 * nameMatcher("*.html")("index.html"); // true
 * nameMatcher("*")(".env"); // false
 * ```
 */
export function nameMatcher(part: string): (name: string) => boolean {
  const pattern = new RegExp(`^${part.replace(/\[[!^]?\]?[^\]]*\]|[^]/g, translate)}$`, "su");
  const takesDots = part.startsWith(".");
  return (name) => (takesDots || !name.startsWith(".")) && pattern.test(name);
}

function translate(piece: string): string {
  if (piece === "*") return ".*";
  if (piece === "?") return ".";
  if (piece.length === 1) return piece.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
  const isNegated = /^\[[!^]/.test(piece);
  const letters = piece.slice(isNegated ? 2 : 1, -1).replace(/[\\[\]^&~]/g, "\\$&");
  return `[${isNegated ? "^" : ""}${letters}]`;
}
