/**
 * A file with variables, as Docker and systemd have them: KEY=VALUE a line.
 *
 * - Blank lines and lines that begin with # mean nothing; `export` before the name is allowed.
 * - Quotes around the whole value are taken off. Nothing is expanded: a $ is a $.
 */

export interface EnvFile {
  readonly variables: Readonly<Record<string, string>>;
  /** What is wrong, a line each. A value is never shown: it may be a secret. */
  readonly wrong: readonly string[];
}

export function parseEnvFile(text: string): EnvFile {
  const variables: Record<string, string> = {};
  const wrong: string[] = [];
  for (const [index, line] of text.replace(/^\uFEFF/, "").split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const [, name, value] = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined || value.includes("\0")) wrong.push(`line ${index + 1}: expected KEY=VALUE`);
    else variables[name] = unquoted(value);
  }
  return { variables, wrong };
}

function unquoted(value: string): string {
  return /^"[^]*"$|^'[^]*'$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}
