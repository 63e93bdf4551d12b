/** `tsgi ctl`: talks to a running server over its control socket, once, or line by line. */
import * as fs from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { parseArgs } from "node:util";
import type { ControlReply } from "../../core/control/frame.ts";
import { render } from "../../core/control/render.ts";
import { CommandError, findVerb, VERBS } from "../../core/control/verbs.ts";
import { VERSION } from "../../core/version.ts";
import { ControlClient } from "../control_client.ts";
import { controlDirectory, controlPaths } from "../control_path.ts";

const USAGE = `Usage: tsgi ctl [-s SOCKET|PID] [-j] [COMMAND...]

Talks to a running server. Without a command, reads commands line by line; with \`top\`, shows the workers live.

  -s, --socket SOCKET|PID   the control socket, or the pid of the server; not needed if only one runs
  -c, --command COMMAND     the command, as one word
  -j, --json                prints data as JSON
  -v, --version             prints the version
  -h, --help                prints this

Commands:
${Object.entries(VERBS).map(([name, { args, help }]) => `  ${`${name} ${args}`.trim().padEnd(26)}${help}\n`).join("")}  ${"top".padEnd(26)}The workers, live; q quits
Exit codes: 0 done, 1 not done, 2 wrong usage, 130 interrupted.
`;

interface Asking {
  readonly path: string;
  readonly json: boolean;
}

/** Runs `tsgi ctl ...`; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  let given: ReturnType<typeof parse>;
  try {
    given = parse(argv);
  } catch (error) {
    return complain(`${(error as Error).message.split("\n")[0]}; tsgi ctl --help shows the usage`, 2);
  }
  const { values, positionals } = given;
  if (values.help) return print(USAGE);
  if (values.version) return print(`tsgi ctl (version ${VERSION})\n`);
  const command = [values.command ?? "", ...positionals].join(" ").trim();
  try {
    const asking: Asking = { path: await socketPath(values.socket), json: values.json };
    if (command === "top") return await (await import("./top.ts")).top(asking.path);
    return command === "" ? await converse(asking) : await once(asking, command);
  } catch (error) {
    if (error instanceof CommandError) return complain(error.message, 2);
    return complain((error as Error).message, 1);
  }
}

function parse(argv: readonly string[]) {
  // Flags of a command, as `reload --wait`, come after its first word.
  const first = argv.findIndex((word, i) => !word.startsWith("-") && !["-s", "--socket", "-c", "--command"].includes(argv[i - 1] ?? ""));
  const own = argv.slice(0, first < 0 ? argv.length : first);
  const rest = first < 0 ? [] : argv.slice(first).filter((word) => word !== "-j" && word !== "--json");
  const { values } = parseArgs({
    args: [...own],
    options: {
      socket: { type: "string", short: "s" },
      command: { type: "string", short: "c" },
      json: { type: "boolean", short: "j", default: false },
      version: { type: "boolean", short: "v", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const json = values.json || argv.slice(own.length).some((word) => word === "-j" || word === "--json");
  return { values: { ...values, json }, positionals: rest };
}

/** Throws an Error that says which servers there are. */
async function socketPath(given: string | undefined): Promise<string> {
  if (given !== undefined && !/^\d+$/.test(given)) return given;
  const paths = controlPaths();
  const found = given === undefined ? paths : paths.filter((path) => path.endsWith(`/${given}.ctl`));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    const whose = given === undefined ? "No server" : `No server of pid ${given}`;
    throw new Error(`${whose} has a control socket in ${controlDirectory()}: start one, or give -s the path of its --control-socket`);
  }
  const names = await Promise.all(found.map(async (path) => `  ${/(\d+)\.ctl$/.exec(path)?.[1]}  ${await nameOf(path)}\n`));
  throw new Error(`Several servers run: say which with -s PID\n${names.join("").trimEnd()}`);
}

async function nameOf(path: string): Promise<string> {
  try {
    const client = await ControlClient.open(path);
    const reply = await client.ask("show config");
    client.close();
    const { name, app } = reply.status === "ok" ? reply.data as Record<string, unknown> : {};
    return String(name ?? app ?? "?");
  } catch {
    return "does not answer";
  }
}

async function once({ path, json }: Asking, command: string): Promise<number> {
  const { name } = findVerb(command, []);
  const client = await ControlClient.open(path);
  process.once("SIGINT", () => process.exit(130));
  const reply = await client.ask(command, (data) => tell(name, data, json));
  client.close();
  return answer(name, reply, json);
}

/** Reads commands until the end of the input. */
async function converse({ path, json }: Asking): Promise<number> {
  const client = await ControlClient.open(path);
  const isTerminal = process.stdin.isTTY === true;
  const history = isTerminal ? readHistory() : [];
  const lines = createInterface({ input: process.stdin, output: process.stdout, terminal: isTerminal, prompt: isTerminal ? "tsgi> " : "", history: [...history], completer: complete });
  void client.closed.then(() => lines.close());
  let isOpen = true;
  lines.on("close", () => (isOpen = false));
  let code = 0;
  lines.prompt();
  for await (const line of lines) {
    const command = line.trim();
    if (command === "quit" || command === "exit") break;
    if (command !== "") code = await converseOnce(client, command, json);
    if (command !== "" && isTerminal) writeHistory(command);
    if (isOpen) lines.prompt();
  }
  close(lines, client);
  return isTerminal ? 0 : code;
}

async function converseOnce(client: ControlClient, command: string, json: boolean): Promise<number> {
  try {
    const { name } = findVerb(command, []);
    return answer(name, await client.ask(command, (data) => tell(name, data, json)), json);
  } catch (error) {
    return complain((error as Error).message, 2);
  }
}

function close(lines: Interface, client: ControlClient): void {
  lines.close();
  client.close();
}

function complete(line: string): [string[], string] {
  const names = [...Object.keys(VERBS), "quit"];
  const fitting = names.filter((name) => name.startsWith(line));
  return [fitting.length > 0 ? fitting : names, line];
}

const HISTORY = join(homedir(), ".tsgi_history");
const KEPT = 500;

/** The newest first. */
function readHistory(): readonly string[] {
  try {
    return fs.readFileSync(HISTORY, "utf8").split("\n").filter((line) => line !== "").slice(-KEPT).reverse();
  } catch {
    return []; // There is none yet.
  }
}

function writeHistory(command: string): void {
  try {
    fs.appendFileSync(HISTORY, `${command}\n`, { mode: 0o600 });
  } catch {
    // A home that cannot be written to: then there is no history.
  }
}

function answer(name: string, reply: ControlReply, json: boolean): number {
  if (reply.status === "error") return complain(reply.error, 1);
  tell(name, reply.data, json);
  return 0;
}

function tell(name: string, data: unknown, json: boolean): void {
  const isLine = name === "tail" && !json;
  print(isLine ? `${(data as { readonly line: string }).line}\n` : json ? `${JSON.stringify(data, null, name === "tail" ? undefined : 2)}\n` : render(name, data));
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain(text: string, code: number): number {
  process.stderr.write(`Error: ${text}\n`);
  return code;
}
