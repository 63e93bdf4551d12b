/** `tsgi check`: whether an application can run elsewhere, and what is in the way. */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AppLoadError, type Application, loadApplication, parseAppUri } from "../../core/arbiter/application.ts";
import { fromFetch } from "../../core/gateway/from_fetch.ts";
import { type Finding, judge } from "../../core/portability/judge.ts";
import { probe } from "../../core/portability/probe.ts";
import { usesIn } from "../../core/portability/source.ts";
import { TARGETS, type TargetName } from "../../core/portability/targets.ts";
import { nearest } from "../../core/settings/nearest.ts";
import { loader } from "../loader.ts";
import { moduleGraph } from "../module_graph.ts";

const NAMES = Object.keys(TARGETS) as TargetName[];

const HELP = `Usage: tsgi check [OPTIONS] [APP_MODULE]

Reads the application's modules, and runs it in this process as each target would, with GET, HEAD and POST of each path.
What is not portable is a problem, and the exit code 1; what is only to be known is a note.

  --target NAMES       Where it is to run: ${NAMES.join(", ")}; all by default
  --path PATH          A path to ask for, with its query; may be repeated; / by default
  --interface KIND     auto, tsgi or fetch, as for serving
  --json               Print one JSON document
  --help               This text
`;

/** Resolves with 0 if the application is portable to all targets, with 1 if it is not, or cannot be told. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const asked = parse(argv);
    if (asked === null) return print(HELP, 0);
    const findings = await check(asked);
    const isPortable = !findings.some(({ level }) => level === "problem");
    return print(asked.json ? asJson(asked, findings) : asText(asked, findings), isPortable ? 0 : 1);
  } catch (error) {
    if (!(error instanceof AppLoadError) && !(error instanceof UsageError)) throw error;
    process.stderr.write(`\nError: ${error.message}\n`);
    return 1;
  }
}

class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Asked {
  readonly app: string;
  readonly interface: "auto" | "tsgi" | "fetch";
  readonly targets: readonly TargetName[];
  readonly paths: readonly string[];
  readonly json: boolean;
}

/** null where help is wanted. Throws UsageError. */
function parse(argv: readonly string[]): Asked | null {
  const options = { target: { type: "string", multiple: true }, path: { type: "string", multiple: true }, interface: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } } as const;
  const { values, positionals } = read();
  if (values.help === true) return null;
  const [app, ...more] = positionals;
  if (app === undefined) throw new UsageError("Cannot check: no application named, write tsgi check --target cloudflare app.ts");
  if (more.length > 0) throw new UsageError(`Cannot check ${more.length + 1} applications at once: expected one name, got ${positionals.join(" ")}`);
  const kind = values.interface ?? "auto";
  if (kind !== "auto" && kind !== "tsgi" && kind !== "fetch") throw new UsageError(`Cannot use --interface: expected auto, tsgi or fetch, got ${kind}`);
  const paths = values.path ?? ["/"];
  for (const path of paths) if (!path.startsWith("/")) throw new UsageError(`Cannot use --path: expected a path that begins with /, got ${path}`);
  const targets = values.target === undefined ? NAMES : values.target.flatMap((list) => list.split(",")).map((name) => targetOf(name.trim()));
  return { app, interface: kind, targets: [...new Set(targets)], paths, json: values.json ?? false };

  function read() {
    try {
      return parseArgs({ args: [...argv], options, allowPositionals: true });
    } catch (error) {
      throw new UsageError(`Cannot check: ${(error as Error).message}`);
    }
  }
}

function targetOf(name: string): TargetName {
  const plain = name.replaceAll("-", "_");
  if (NAMES.includes(plain as TargetName)) return plain as TargetName;
  const meant = nearest(plain, NAMES);
  throw new UsageError(`Cannot use --target: no target ${name}, ${meant ? `did you mean ${meant}?` : `expected one of ${NAMES.join(", ")}`}`);
}

async function check({ app: uri, interface: kind, targets, paths }: Asked): Promise<Finding[]> {
  const application = await loadApplication(uri, { ...loader, interface: kind });
  const files = filesOf(uri);
  const texts = [...files].map((path) => [relative(process.cwd(), path), usesIn(readFileSync(path, "utf8"))] as const);
  const found = targets.flatMap((target) => texts.flatMap(([file, uses]) => judge(target, file, uses)));
  await application.startup?.();
  try {
    found.push(...await probe(appOf(application), targets, { paths, locate: (stack) => locate(stack, files) }));
  } finally {
    await application.shutdown?.();
  }
  return found;
}

function appOf(application: Application) {
  return application.kind === "tsgi" ? application.app : fromFetch(application.fetch);
}

/** The application's own scripts, without packages and without tsgi, which is portable where its adapters say so. */
function filesOf(uri: string): Set<string> {
  const { module } = parseAppUri(uri);
  const own = fileURLToPath(new URL("../../", import.meta.url).href);
  const tsgi = ["core/", "runtimes/", "adapters/", "mod.ts"].map((part) => own + part);
  const url = loader.resolve(module);
  if (!url.startsWith("file:")) return new Set();
  const paths = [...moduleGraph(fileURLToPath(url))].filter((path) => /\.(?:[cm]?[jt]s|[jt]sx)$/.test(path) && loader.exists(new URL(path, "file:").href));
  return new Set(paths.filter((path) => !tsgi.some((part) => path.startsWith(part))));
}

function locate(stack: string, files: ReadonlySet<string>): { readonly file: string; readonly line: number } | undefined {
  for (const [, path = "", line] of stack.matchAll(/(?:file:\/\/)?(\/[^\s()]+?):(\d+):\d+/g)) {
    if (files.has(path)) return { file: relative(process.cwd(), path), line: Number(line) };
  }
  return undefined;
}

function asJson({ app, targets }: Asked, findings: readonly Finding[]): string {
  const portable = Object.fromEntries(targets.map((name) => [name, !findings.some(({ target, level }) => target === name && level === "problem")]));
  return `${JSON.stringify({ app, portable, findings }, null, 2)}\n`;
}

/** One line for each finding, whatever number of targets has it, and one for each target. */
function asText({ app, targets }: Asked, findings: readonly Finding[]): string {
  const lines = new Map<string, TargetName[]>();
  for (const { target, level, message, file = app, line } of findings) {
    const key = `${file}${line === undefined ? "" : `:${line}`}: ${level}\0${message}`;
    lines.set(key, [...lines.get(key) ?? [], target]);
  }
  const told = [...lines].map(([key, where]) => key.replace("\0", ` on ${[...new Set(where)].join(", ")}: `));
  const sums = targets.map((name) => {
    const problems = findings.filter(({ target, level }) => target === name && level === "problem").length;
    return `${name}: ${problems === 0 ? `portable, with ${TARGETS[name].adapter}` : `${problems} problem${problems === 1 ? "" : "s"}`}`;
  });
  return `${[...told, ...sums].join("\n")}\n`;
}

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}
