/**
 * Why an application could not be loaded, in one message that a stranger can act on.
 *
 * What the engines throw at an import differs in class, text and place (tried on Deno 2.9.5, Bun 1.4.5 and Node 24.21):
 *
 * - Deno reports an unreadable or missing module as a TypeError whose message has the text, a drawing, colours, and a last line
 *   `at URL:LINE:COLUMN`; what V8 itself refuses is a SyntaxError whose message ends with ` at URL:LINE:COLUMN`.
 * - Bun throws a BuildMessage with a `position`, or an AggregateError of several; a ResolveMessage with `specifier` and `referrer`;
 *   a SyntaxError without a place or stack for a name that a module does not export.
 * - Node puts file and line, the source line and, except at the end of a file, carets below it before the stack of a SyntaxError in
 *   TypeScript; in JavaScript it says no place (runtimes/node.ts asks for it once more). A missing module is an Error whose message ends
 *   with the path of who imports it.
 *
 * Whatever else comes was thrown by the application.
 */

/** The one error of loading. The worker ends with `exitCode`: 4 means that the module has no application, 3 anything before that. */
export class AppLoadError extends Error {
  override readonly name = "AppLoadError";
  readonly exitCode: 3 | 4;
  /** More for the log, on several lines: a stack without frames of the runtime, or every message of a compiler. */
  readonly detail?: string;
  constructor(message: string, exitCode: 3 | 4, detail?: string) {
    super(message);
    this.exitCode = exitCode;
    if (detail !== undefined) this.detail = detail;
  }
}

/** What an import was about: the module as it was written, and the URL that was imported. */
export interface Imported {
  readonly module: string;
  readonly url: string;
}

/** Makes the error for an import that threw `error`. */
export function importFailure(error: unknown, imported: Imported): AppLoadError {
  const known = fromDeno(error, imported) ?? fromBun(error, imported) ?? fromNode(error, imported) ?? fromEngine(error, imported) ?? fromRequire(error, imported);
  const { why, detail } = known ?? { why: `it threw ${thrownText(error)}`, detail: stackOf(error) };
  return new AppLoadError(`Cannot load ${imported.module}: ${why}`, 3, detail);
}

/** An error of the application as one line: `Error: no database`. Never throws, whatever was thrown. */
export function thrownText(error: unknown): string {
  try {
    if (!(error instanceof Error)) return typeof error === "string" ? JSON.stringify(firstLine(error)) : firstLine(String(error));
    const message = firstLine(String(error.message));
    return message === "" ? String(error.name) : `${error.name}: ${message}`;
  } catch {
    return "something that cannot be shown";
  }
}

/** The stack of an error and of its causes, without the frames of the runtime and of tsgi's own loading; undefined without a stack. */
export function stackOf(error: unknown): string | undefined {
  const stacks: string[] = [];
  let one: unknown = error;
  for (let depth = 0; depth < MOST_CAUSES && one instanceof Error; depth++) {
    const { stack, cause } = one;
    if (typeof stack === "string") stacks.push(applicationFrames(stack));
    one = cause;
  }
  return stacks.length === 0 ? undefined : stacks.join("\nCaused by: ");
}

/** What is told of it: one line, and the stack if there is one. */
export function explain(error: unknown): { readonly reason: string; readonly stack?: string } {
  if (error instanceof AppLoadError) return { reason: error.message, ...(error.detail === undefined ? {} : { stack: error.detail }) };
  const stack = stackOf(error);
  return { reason: thrownText(error), ...(stack === undefined ? {} : { stack }) };
}

interface Known {
  readonly why: string;
  readonly detail?: string | undefined;
}

const MOST_CAUSES = 5;
const PLACE = /\s*at (\S+?:\/\/\S+:\d+:\d+)\s*$/;

function fromDeno(error: unknown, imported: Imported): Known | null {
  if (!(error instanceof TypeError) || (error as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") return null;
  const text = withoutColours(error.message);
  const place = PLACE.exec(text)?.[1];
  const line = firstLine(text).replace(PLACE, "");
  if (line.startsWith("SyntaxError: ")) return syntaxError(line.slice("SyntaxError: ".length), place, imported, text);
  const missing = /^(?:Module not found "([^"]+)"\.?|Import "([^"]+)" not a dependency.*|No such built-in module: (\S+))$/.exec(line);
  if (missing !== null) return missingModule(missing[1] ?? missing[2] ?? missing[3]!, place, imported, text);
  return { why: place === undefined ? line : `${line}, at ${placeText(place, imported)}`, detail: text };
}

interface BunMessage {
  readonly name: string;
  readonly message: string;
  readonly position?: { readonly file: string; readonly line: number; readonly column: number; readonly lineText: string } | null;
  readonly specifier?: string;
  readonly referrer?: string;
}

function fromBun(error: unknown, imported: Imported): Known | null {
  if (!(error instanceof Error)) return null;
  if (error.name === "ResolveMessage") {
    const { specifier, referrer, message } = error as BunMessage;
    return missingModule(specifier ?? message, referrer === "" ? undefined : referrer, imported, message);
  }
  const several: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
  const messages = several.filter((one) => one instanceof Error && one.name === "BuildMessage") as readonly BunMessage[];
  if (messages.length === 0) return null;
  const texts = messages.map(({ message, position }) => `${message}, at ${positionText(position, imported)}`);
  const { message, position } = messages[0]!;
  const more = messages.length > 1 ? ` (and ${messages.length - 1} more)` : "";
  return syntaxError(message + more, position ? positionOf(position) : undefined, imported, texts.join("\n"));
}

function fromNode(error: unknown, imported: Imported): Known | null {
  if (!(error instanceof Error)) return null;
  const { code } = error as { readonly code?: unknown };
  const isMissing = code === "ERR_MODULE_NOT_FOUND" || code === "ERR_UNKNOWN_BUILTIN_MODULE";
  if (!isMissing && !(error instanceof SyntaxError)) return null; // Whatever the application threw is not even looked at.
  const { message, stack = "" } = error;
  if (code === "ERR_UNKNOWN_BUILTIN_MODULE") return missingModule(message.replace(/^No such built-in module: /, ""), imported.url, imported, message);
  if (code === "ERR_MODULE_NOT_FOUND") {
    const [, specifier, referrer] = /^Cannot find (?:module|package) '(.+)' imported from (.+)$/.exec(message) ?? [];
    return specifier === undefined ? null : missingModule(specifier, referrer, imported, message);
  }
  if (message.startsWith("The requested module ")) return null;
  const place = drawnPlace(stack);
  if (place === undefined) return /^SyntaxError.*\n +at compileSourceTextModule /.test(stack) ? syntaxError(message, undefined, imported, undefined) : null;
  return syntaxError(message, place, imported, applicationFrames(stack));
}

/** The `FILE:LINE:COLUMN` of what Node draws before the stack of a SyntaxError; at the end of a file it marks no column. */
export function drawnPlace(stack: string): string | undefined {
  const [drawing = ""] = stack.split(/^SyntaxError/m, 1);
  const [, place] = /^(.+:\d+)\n/.exec(drawing) ?? [];
  const [, indent] = /\n( *)\^+\n/.exec(drawing) ?? [];
  return place === undefined || indent === undefined ? place : `${place}:${indent.length + 1}`;
}

/** What V8 and JavaScriptCore refuse when they link modules. */
function fromEngine(error: unknown, imported: Imported): Known | null {
  if (!(error instanceof SyntaxError)) return null;
  const place = PLACE.exec(error.message)?.[1];
  const message = error.message.replace(PLACE, "");
  const [, v8Module, v8Name] = /^The requested module '(.+)' does not provide an export named '(.+)'$/.exec(message) ?? [];
  if (v8Name !== undefined) return missingExport(v8Name, v8Module!, place, imported);
  const [, name, module] = /^Export named '(.+)' not found in module '(.+)'\.$/.exec(message) ?? [];
  if (name !== undefined) return missingExport(name, module!, place, imported);
  const [, withoutDefault] = /^Missing 'default' export in module '(.+)'\.$/.exec(message) ?? [];
  if (withoutDefault !== undefined) return missingExport("default", withoutDefault, place, imported);
  // Without a place it came from JSON.parse or the like, and was thrown.
  return place === undefined ? null : syntaxError(message, place, imported, undefined);
}

/** CommonJS, of the application or of the port that looks for packages. */
function fromRequire(error: unknown, imported: Imported): Known | null {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "MODULE_NOT_FOUND") return null;
  const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(error.message);
  return missing === null ? null : missingModule(missing[1]!, undefined, imported, stackOf(error) ?? error.message);
}

function syntaxError(message: string, place: string | undefined, imported: Imported, detail: string | undefined): Known {
  return { why: `syntax error${place === undefined ? "" : ` at ${placeText(place, imported)}`}: ${message}`, detail };
}

function missingModule(specifier: string, place: string | undefined, imported: Imported, detail: string): Known {
  const from = place === undefined ? "" : `, imported at ${placeText(place, imported)}`;
  return { why: `no such module ${placeText(specifier, imported)}${from}`, detail };
}

function missingExport(name: string, module: string, place: string | undefined, imported: Imported): Known {
  const from = place === undefined ? "" : `, imported at ${placeText(place, imported)}`;
  return { why: `module ${placeText(module, imported)} has no export "${name}"${from}` };
}

function positionOf({ file, line, column }: NonNullable<BunMessage["position"]>): string {
  return `${file}:${line}:${column}`;
}

function positionText(position: BunMessage["position"], imported: Imported): string {
  return position ? placeText(positionOf(position), imported) : imported.module;
}

/** A place as a person would write it: the application's own module as it was named, any other file by its path. */
function placeText(place: string, { module, url }: Imported): string {
  const [, file, position] = /^(.*?)((?::\d+){0,2})$/s.exec(place)!;
  const path = pathOf(file!);
  return `${path === pathOf(url) ? module : path}${position}`;
}

function pathOf(file: string): string {
  if (!file.startsWith("file://")) return file;
  try {
    return decodeURIComponent(file.slice("file://".length));
  } catch {
    // A name that is not UTF-8: as it stands it is still right.
    return file;
  }
}

/** tsgi's files that stand in the stack of every application. */
const OWN_FRAME = new RegExp(`${pathOf(new URL(".", import.meta.url).href).replace(/[^\w]/g, "\\$&")}(?:application|begin_application|app_load_error)\\.[jt]s`);
const RUNTIME_FRAME = /^\s+at (?:(?:.*[( ])?(?:ext:|node:|bun:|internal:)|<parse> |.*(?:native(?::\d+)*|<anonymous>|unknown)\)?$)/;

function applicationFrames(stack: string): string {
  return withoutColours(stack).split("\n").filter((line) => !RUNTIME_FRAME.test(line) && !OWN_FRAME.test(line)).join("\n");
}

/** Without the colours that Deno puts into some messages even when nobody sees them. */
function withoutColours(text: string): string {
  return text.replace(/\x1b\[[\d;]*m/g, "");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!.trim();
}
