/**
 * Finds the application that a name names, and what kind it is.
 *
 * Rules:
 *
 * - Without a name it is the default export, else `application`, else `app`.
 * - A function is a TSGI application; nobody looks at its parameters. An object with a `fetch` method is a Fetch handler: a module that
 *   says `export default { fetch }`, an instance of Hono. A bare `(request) => Response` looks like a TSGI application, so it needs
 *   `--interface fetch`.
 * - Exports `startup` and `shutdown` that are functions are the application's, for the worker to await.
 * - Every failure is one {@linkcode AppLoadError}: exit code 4 where the module has no such application, 3 where there is no module
 *   or it failed, as in gunicorn.
 */
import type { App, FetchHandler } from "../gateway/types.ts";
import { nearest } from "../settings/nearest.ts";
import { AppLoadError, importFailure, stackOf, thrownText } from "./app_load_error.ts";
import { type AppUri, parseAppUri } from "./app_uri.ts";

export { AppLoadError } from "./app_load_error.ts";
export { type AppUri, type Literal, parseAppUri } from "./app_uri.ts";

/** The port for modules, carried out in runtimes/. */
export interface Loader {
  /** Imports a URL that `resolve` made, a URL as it was written, or a package as seen from the application's directory. */
  importModule(specifier: string): Promise<Record<string, unknown>>;
  /** The URL of a path, from the application's directory, or of a `file:` URL. */
  resolve(path: string): string;
  /** Whether a `file:` URL is that of a file; false for a directory. */
  exists(url: string): boolean;
}

/** How an application is called: `auto` goes by what it is. */
export type AppInterface = "auto" | "tsgi" | "fetch";

export interface LoadOptions extends Loader {
  readonly interface?: AppInterface;
}

interface Hooks {
  /** To be awaited before the first request. */
  readonly startup?: () => unknown;
  /** To be awaited after the last response. */
  readonly shutdown?: () => unknown;
}

/** An application that can be served. `fetch` needs no `this`. */
export type Application =
  & Hooks
  & ({ readonly kind: "tsgi"; readonly app: App } | {
    readonly kind: "fetch";
    readonly fetch: FetchHandler;
    /** What Bun's server calls for WebSockets: `export default { fetch, websocket }`. */
    readonly websocket?: object;
  });

/** Imports the module that `uri` names and picks the application from it. Throws {@linkcode AppLoadError} only. */
export async function loadApplication(uri: string, options: LoadOptions): Promise<Application> {
  const parsed = parseAppUri(uri);
  const module = await importNamed(parsed, options);
  const found = parsed.names.length === 0 ? choose(parsed, module) : follow(parsed, module);
  const made = parsed.args === null ? found : { name: `what ${found.name}() returned`, value: await make(parsed, found) };
  return { ...classify(parsed, made, options.interface ?? "auto"), ...hooks(module) };
}

const PACKAGE = /^(?:npm|jsr|node|https?):/i;
const SCRIPT = /\.(?:[cm]?[jt]s|[jt]sx)$/i;
/** Tried in this order where the name of a file has none. */
const EXTENSIONS = [".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".cjs"];

async function importNamed({ module }: AppUri, loader: LoadOptions): Promise<Record<string, unknown>> {
  const url = PACKAGE.test(module) ? module : locate(module, loader) ?? module;
  try {
    return await loader.importModule(url);
  } catch (error) {
    const failure = importFailure(error, { module, url });
    if (url !== module || PACKAGE.test(module) || !names(failure, module)) throw failure;
    throw new AppLoadError(`Cannot load ${module}: no such file, and no such package${dotted(module, loader)}`, 3);
  }
}

/** Node tells the package only, whatever of it was asked for. */
function names({ message }: AppLoadError, module: string): boolean {
  const [own = module] = /^(?:@[^/]+\/)?[^/]+/.exec(module) ?? [];
  return message.includes(`no such module ${module}`) || message.includes(`no such module ${own}, imported`);
}

/** The URL of a file, whose ending may be left out; undefined for what can only be a package. Throws {@linkcode AppLoadError}. */
export function locate(module: string, loader: Pick<Loader, "resolve" | "exists">): string | undefined {
  const candidates = SCRIPT.test(module) ? [module] : [module, ...EXTENSIONS.map((extension) => module + extension)];
  for (const candidate of candidates) {
    const url = fileUrl(module, candidate, loader);
    if (url !== undefined) return url;
  }
  if (/^(?:\.{0,2}\/|\.{1,2}$|file:)/i.test(module) || SCRIPT.test(module)) {
    throw new AppLoadError(`Cannot load ${module}: no such file${candidates.length > 1 ? `, with or without ${EXTENSIONS.join(" ")}` : ""}`, 3);
  }
  return undefined;
}

/** The URL of `candidate` if it is a file; undefined if it is not. */
function fileUrl(module: string, candidate: string, loader: Pick<Loader, "resolve" | "exists">): string | undefined {
  try {
    const url = loader.resolve(candidate);
    return loader.exists(url) ? url : undefined;
  } catch (error) {
    // A directory that may not be searched, a name that is too long, a file: URL of another host.
    throw new AppLoadError(`Cannot load ${module}: ${thrownText(error)}`, 3);
  }
}

/** For those who write a module as Python does. */
function dotted(module: string, loader: Loader): string {
  if (!/^[\w-]+(?:\.[\w-]+)+$/.test(module)) return "";
  const path = EXTENSIONS.map((extension) => module.replaceAll(".", "/") + extension).find((one) => fileUrl(module, one, loader));
  return path === undefined ? "" : `, did you mean ${path}?`;
}

interface Found {
  /** For messages: `the default export`, `api.handler`, `what create_app() returned`. */
  readonly name: string;
  readonly value: unknown;
  /** What the value was read from, where that is an object of the application's: then it is a method. */
  readonly owner?: object;
}

function choose(uri: AppUri, module: Record<string, unknown>): Found {
  for (const name of ["default", "application", "app"]) {
    if (name in module) return name === "default" ? { name: "the default export", value: defaultOf(module) } : { name, value: module[name] };
  }
  throw failed(uri, `no default export and no "application" or "app", write "export default application"; ${exportsText(module)}`);
}

/** A module that was compiled to CommonJS says `__esModule`, and Deno leaves its default export one step further in. */
function defaultOf(module: Record<string, unknown>): unknown {
  const value = module.default;
  const compiled = typeof value === "object" && value !== null && "__esModule" in value && "default" in value;
  return compiled ? value.default : value;
}

function follow(uri: AppUri, module: Record<string, unknown>): Found {
  let found: Found = { name: uri.module, value: module };
  for (const [index, name] of uri.names.entries()) {
    const owner = found.value;
    if (typeof owner !== "object" && typeof owner !== "function" || owner === null) {
      throw failed(uri, `${found.name} is ${kindOf(owner)}, it has no "${name}"`);
    }
    if (!(name in owner)) throw failed(uri, `${index === 0 ? "no export" : `${found.name} has no`} "${name}"${suggestion(name, owner, index === 0)}`);
    const value = read(uri, owner, name);
    found = { name: uri.names.slice(0, index + 1).join("."), value, ...(index === 0 ? {} : { owner }) };
  }
  return found;
}

function read(uri: AppUri, owner: object, name: string): unknown {
  try {
    return (owner as Record<string, unknown>)[name];
  } catch (error) {
    throw failed(uri, `reading "${name}" threw ${thrownText(error)}`, 3, stackOf(error));
  }
}

async function make(uri: AppUri, { name, value, owner }: Found): Promise<unknown> {
  if (typeof value !== "function") throw failed(uri, `${name} is ${kindOf(value)}, not a function that makes an application`);
  try {
    return await Reflect.apply(value, owner, uri.args!);
  } catch (error) {
    throw failed(uri, `${name}() threw ${thrownText(error)}`, 3, stackOf(error));
  }
}

function classify(uri: AppUri, { name, value, owner }: Found, wanted: AppInterface) {
  if (typeof value === "function") {
    const bound = owner === undefined ? value : Function.prototype.bind.call(value, owner);
    return wanted === "fetch" ? { kind: "fetch" as const, fetch: bound as FetchHandler } : { kind: "tsgi" as const, app: bound as App };
  }
  const method = typeof value === "object" && value !== null ? read(uri, value, "fetch") : undefined;
  if (typeof method !== "function") throw failed(uri, `${name} is ${kindOf(value)}, expected ${EXPECTED[wanted]}${remedy(value)}`);
  if (wanted === "tsgi") throw failed(uri, `${name} is an object with fetch(), which --interface tsgi cannot call, expected ${EXPECTED.tsgi}`);
  const websocket = read(uri, value as object, "websocket");
  const handlers = typeof websocket === "object" && websocket !== null ? { websocket } : {};
  return { kind: "fetch" as const, fetch: Function.prototype.bind.call(method, value) as FetchHandler, ...handlers };
}

const EXPECTED: Readonly<Record<AppInterface, string>> = {
  auto: "an application (environ, startResponse) or an object with fetch()",
  tsgi: "an application (environ, startResponse)",
  fetch: "a handler (request) => Response or an object with fetch()",
};

function remedy(value: unknown): string {
  return value instanceof Promise ? ', write "export default await ..."' : "";
}

function hooks({ startup, shutdown }: Record<string, unknown>): Hooks {
  return {
    ...(typeof startup === "function" ? { startup: startup as () => unknown } : {}),
    ...(typeof shutdown === "function" ? { shutdown: shutdown as () => unknown } : {}),
  };
}

function failed({ text }: AppUri, why: string, exitCode: 3 | 4 = 4, detail?: string): AppLoadError {
  return new AppLoadError(`Cannot load ${text}: ${why}`, exitCode, detail);
}

const MOST_NAMES = 20;

function exportsText(owner: object): string {
  const names = Object.keys(owner);
  if (names.length === 0) return "it exports nothing";
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return `it exports ${names.slice(0, MOST_NAMES).join(", ")}${more}`;
}

function suggestion(name: string, owner: object, isModule: boolean): string {
  const near = nearest(name, Object.keys(owner));
  if (near !== undefined) return `, did you mean "${near}"?`;
  return isModule ? `; ${exportsText(owner)}` : "";
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value instanceof Promise) return "a Promise";
  if (value instanceof Response) return "a Response";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object without fetch()" : typeof value === "function" ? "a function" : `a ${typeof value}`;
}
