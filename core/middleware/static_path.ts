import type { FileStat, FileSystem } from "./file_system.ts";

/** Path prefixes and the directories or single files they stand for. */
export type StaticExports = Readonly<Record<string, string>> | readonly (readonly [prefix: string, path: string])[];

/** Which files may be found, and in what. */
export interface FindRules {
  readonly fileSystem: FileSystem;
  readonly index?: string;
  readonly disallow?: string | readonly string[];
  readonly dotfiles?: boolean;
}

/** A file that may be sent. */
export interface Found {
  /** Without links. */
  readonly path: string;
  /** Below its directory, or of the single file. */
  readonly name: string;
  readonly stat: FileStat;
  /** The file of the same name with this suffix, if it may be sent too. */
  readonly sibling: (suffix: string) => Promise<Found | null>;
}

/** A place where a requested file might be. `root` is null for a file that was exported by itself. */
interface Candidate {
  readonly root: string | null;
  readonly path: string;
  readonly name: string;
}

/**
 * Makes what finds the file for a PATH_INFO. Null at once: no export can have it, and the file system was not asked.
 *
 * Rules:
 *
 * - A segment `..` or `.`, an empty one, and one with a backslash, a NUL or a lone surrogate is never resolved.
 * - Names with a dot in front do not exist unless the rules say so, but for `.well-known`.
 * - What a path leads to, links followed, must be a file under what its directory is, links followed.
 */
export function fileFinder(exports: StaticExports, rules: FindRules): (path: string) => Promise<Found | null> | null {
  const entries = (Array.isArray(exports) ? exports : Object.entries(exports)) as readonly (readonly [string, string])[];
  for (const [prefix] of entries) {
    if (!prefix.startsWith("/")) throw new SyntaxError(`Cannot export files under ${JSON.stringify(prefix)}: expected a prefix that begins with "/"`);
  }
  const patterns = [rules.disallow ?? []].flat().map(pattern);
  return (path) => {
    const candidates = entries.map((entry) => candidate(entry, path, rules)).filter((each) => each !== null)
      .filter(({ path }) => !patterns.some((each) => each.test(baseName(path))));
    return candidates.length === 0 ? null : firstFile(candidates, rules.fileSystem);
  };
}

function candidate([prefix, target]: readonly [string, string], path: string, rules: FindRules): Candidate | null {
  if (path === prefix && !path.endsWith("/")) return { root: null, path: target, name: baseName(target) };
  const below = prefix.endsWith("/") ? prefix : `${prefix}/`;
  if (!path.startsWith(below)) return null;
  const segments = path.slice(below.length).split("/");
  if (segments.at(-1) === "") {
    if (rules.index === undefined) return null;
    segments[segments.length - 1] = rules.index;
  }
  if (!segments.every((segment) => isName(segment) && (rules.dotfiles === true || !segment.startsWith(".") || segment === ".well-known"))) return null;
  const name = segments.join("/");
  return { root: target, path: `${target}/${name}`, name };
}

function isName(segment: string): boolean {
  return segment !== "" && segment !== "." && segment !== ".." && !/[\\\0]/.test(segment) && segment.isWellFormed();
}

async function firstFile(candidates: readonly Candidate[], files: FileSystem): Promise<Found | null> {
  for (const candidate of candidates) {
    const found = await look(candidate, files);
    if (found !== null) return found;
  }
  return null;
}

async function look({ root, path, name }: Candidate, files: FileSystem): Promise<Found | null> {
  const real = await files.realPath(path);
  if (real === null || !await isInside(real, root, files)) return null;
  const stat = await files.stat(real);
  if (stat?.kind !== "file") return null;
  return { path: real, name, stat, sibling: (suffix) => look({ root, path: path + suffix, name: name + suffix }, files) };
}

/** Asked each time: a deployment moves the link that the directory may be. */
async function isInside(path: string, root: string | null, files: FileSystem): Promise<boolean> {
  if (root === null) return true;
  const realRoot = await files.realPath(root);
  return realRoot !== null && path.startsWith(realRoot.endsWith("/") ? realRoot : `${realRoot}/`);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function pattern(glob: string): RegExp {
  const source = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`, "is");
}
