/** Expands a pattern (core/arbiter/glob.ts) into the files there are now, and the directories in which others may appear. */
import { type Dirent, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeep, isGlob, nameMatcher } from "../core/arbiter/glob.ts";

export interface Expansion {
  readonly files: readonly string[];
  readonly directories: readonly string[];
}

/** `pattern` is an absolute path. */
export function expand(pattern: string): Expansion {
  const files: string[] = [];
  const directories: string[] = [];
  walk("/", pattern.split("/").filter((part) => part !== ""));
  return { files: [...new Set(files)], directories: [...new Set(directories)] };

  function walk(directory: string, [part = "", ...rest]: readonly string[]): void {
    if (part !== "" && !isGlob(part)) return walkLiteral(directory, part, rest);
    directories.push(directory);
    const matches = nameMatcher(part);
    if (isDeep(part) && rest.length > 0) walk(directory, rest);
    for (const entry of entries(directory)) {
      const path = join(directory, entry.name);
      if (isDeep(part)) {
        // A link may lead back up.
        if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") walk(path, [part, ...rest]);
        else if (rest.length === 0 && isFile(entry) && !entry.name.startsWith(".")) files.push(path);
      } else if (matches(entry.name)) {
        if (rest.length > 0) {
          if (!isFile(entry) || entry.isSymbolicLink()) walk(path, rest);
        } else if (isFile(entry)) files.push(path);
      }
    }
  }

  function walkLiteral(directory: string, part: string, rest: readonly string[]): void {
    if (rest.length > 0) return walk(join(directory, part), rest);
    const entry = entries(directory).find(({ name }) => name === part);
    directories.push(directory);
    if (entry && isFile(entry)) files.push(join(directory, part));
  }
}

function isFile(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

/** No such directory, or none that may be read: nothing matches there, yet. */
function entries(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
