/**
 * The files an application is made of, found by reading them: its modules, what they import, and the configuration that says what an
 * import means. Nothing is run, so that a file with a syntax error is found like any other; and it is the same for Deno and Bun.
 *
 * What is found in a comment does no harm: a file too many is watched. What is computed, `import(name)`, is not found.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The absolute paths of everything that `entry`, a path, is made of, itself included; a file that is missing is where it is looked for.
 * Nothing in node_modules.
 */
export function moduleGraph(entry: string): Set<string> {
  const start = probe(entry);
  const maps = configurations(dirname(start));
  const files = new Set<string>(maps.map((map) => map.path));
  const queue = [start];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    if (!SCRIPT.test(file)) continue;
    for (const specifier of specifiers(read(file))) {
      const found = locate(specifier, file, maps);
      if (found !== null && !IN_PACKAGE.test(found)) queue.push(found);
    }
  }
  return files;
}

/** What a module's text imports or names beside itself with `new URL(..., import.meta.url)`. */
export function specifiers(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match.slice(1).find((text) => text !== undefined)!);
}

const IMPORT = /(?:\bfrom|\bimport|\b(?:import|require(?:\.resolve)?)\s*\()\s*(?:"([^"\n]+)"|'([^'\n]+)')|(?<=\bnew\s+URL\(\s*)(?:"([^"\n]+)"|'([^'\n]+)')(?=\s*,\s*import\.meta\.url)/g;
const SCRIPT = /\.(?:[cm]?[jt]s|[jt]sx)$/i;
const IN_PACKAGE = /[\\/]node_modules[\\/]/;
/** Tried in this order behind a name without one, as Bun does; Deno asks for the whole name. */
const EXTENSIONS = [".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".cjs", ".json"];
/** Bun takes the TypeScript for the JavaScript that it will become. */
const TYPESCRIPT: Readonly<Record<string, readonly string[]>> = { ".js": [".ts", ".tsx"], ".jsx": [".tsx"], ".mjs": [".mts"], ".cjs": [".cts"] };

/** A configuration file that may say what an import means. */
interface Configuration {
  readonly path: string;
  readonly imports: Readonly<Record<string, unknown>>;
}

/** Those around the application: Deno's and the packages' own from its directory up. */
function configurations(directory: string): Configuration[] {
  const found: Configuration[] = [];
  for (let at = directory; ; at = dirname(at)) {
    for (const name of ["deno.json", "deno.jsonc", "package.json", "tsconfig.json"]) {
      if (existsSync(join(at, name))) found.push(...configuration(join(at, name)));
    }
    if (found.length > 0 || at === dirname(at)) return found;
  }
}

function configuration(path: string): Configuration[] {
  const { imports, importMap } = json(path) as { readonly imports?: Readonly<Record<string, unknown>>; readonly importMap?: unknown };
  const own: Configuration = { path, imports: /deno\.jsonc?$/.test(path) ? imports ?? {} : {} };
  if (typeof importMap !== "string" || /^https?:/.test(importMap)) return [own];
  const other = resolve(dirname(path), importMap);
  return [own, { path: other, imports: (json(other) as { readonly imports?: Readonly<Record<string, unknown>> }).imports ?? {} }];
}

/** A configuration that is being edited may not be readable: then imports that need it lead nowhere until it is. */
function json(path: string): object {
  try {
    const withoutComments = read(path).replace(/("(?:[^"\\\n]|\\.)*")|\/\/.*|\/\*[^]*?\*\//g, "$1").replace(/,(\s*[}\]])/g, "$1");
    const value: unknown = JSON.parse(withoutComments);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The path that `specifier` leads to from the module `from`; null where that is no file of ours. */
function locate(specifier: string, from: string, maps: readonly Configuration[]): string | null {
  const mapped = throughMaps(specifier, maps);
  if (mapped !== null) return mapped;
  if (/^(?:\.{1,2}\/|\/)/.test(specifier)) return probe(resolve(dirname(from), decoded(specifier)));
  if (/^file:/i.test(specifier)) return probe(fileURLToPath(new URL(specifier).href));
  if (/^[a-z][a-z\d+.-]*:/i.test(specifier)) return null;
  try {
    // A workspace's package, a "#name" of package.json, on Bun a path of tsconfig.json too.
    const found = createRequire(pathToFileURL(from)).resolve(specifier);
    return found.startsWith("/") ? found : null;
  } catch {
    return null; // The worker that imports it says so.
  }
}

function throughMaps(specifier: string, maps: readonly Configuration[]): string | null {
  for (const { path, imports } of maps) {
    const key = Object.keys(imports).filter((one) => one === specifier || (one.endsWith("/") && specifier.startsWith(one)))
      .reduce<string | null>((best, one) => (best !== null && best.length >= one.length ? best : one), null);
    const target = key === null ? undefined : imports[key];
    if (typeof target === "string" && /^(?:\.{1,2}\/|\/)/.test(target)) {
      return probe(resolve(dirname(path), target + decoded(specifier.slice(key!.length))));
    }
  }
  return null;
}

/** The file that is meant by a path that may lack its extension; the path as it is if there is none. */
function probe(path: string): string {
  if (isFile(path)) return path;
  const extension = /\.\w+$/.exec(path)?.[0] ?? "";
  const instead = (TYPESCRIPT[extension] ?? []).map((other) => path.slice(0, -extension.length) + other);
  const longer = [...EXTENSIONS.map((other) => path + other), ...EXTENSIONS.map((other) => join(path, `index${other}`))];
  return [...instead, ...longer].find(isFile) ?? path;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Without a query, and as the file system writes it. */
function decoded(specifier: string): string {
  const path = specifier.replace(/[?#].*$/s, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // A name with a % of its own.
  }
}

/** A file that cannot be read imports nothing: it is watched all the same. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
