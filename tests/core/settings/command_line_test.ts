import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { parseCommandArgs, parseCommandLine } from "../../../core/settings/command_line.ts";
import { exitCode, problemsText } from "../../../core/settings/problem.ts";

const parse = (...args: string[]) => parseCommandLine(args, parseArgs);
const written = (...args: string[]) => Object.fromEntries(parse(...args).entries.map((entry) => [entry.name, entry.written]));
const messages = (...args: string[]) => parse(...args).problems.map((problem) => problem.message);

test("parseCommandLine() reads gunicorn's short flags and the application", () => {
  const line = parse("-b", ":80", "-w4", "-k", "async", "-t=10", "-c", "x.ts", "-n", "site", "-e", "A=1", "--env=B=2", "app.ts:web", "-b:81");
  assert.deepEqual(line.problems, []);
  assert.equal(line.command, "serve");
  assert.deepEqual(Object.fromEntries(line.entries.map((entry) => [entry.name, entry.written])), {
    bind: [":80", ":81"], workers: "4", workerClass: "async", timeout: "10", config: "x.ts", name: "site", env: ["A=1", "B=2"], app: "app.ts:web",
  });
  assert.deepEqual(line.entries.map((entry) => entry.label).slice(0, 2), ["--bind", "--workers"]);
});

test("parseCommandLine() lets the last of a single flag win, turns booleans off, and knows --log-file", () => {
  assert.deepEqual(written("-w", "1", "--workers", "2"), { workers: "2" });
  assert.deepEqual(written("--no-server-header", "--reuse-port"), { serverHeader: false, reusePort: true });
  assert.deepEqual(written("--log-file", "-"), { errorLogfile: "-" });
  assert.deepEqual(written("--", "-app.ts"), { app: "-app.ts" });
  assert.deepEqual(written("--workers", "-5"), { workers: "-5" });
});

test("parseCommandLine() reports every flag it does not understand, with the nearest", () => {
  const line = parse("--wokers=3", "--pasta", "100", "--no-server-headr", "--worker_class=x", "-x", "--bind", "--workers", "4", "--reuse-port=yes", "--name");
  assert.deepEqual(line.problems.map((problem) => problem.message), [
    "Unknown flag --wokers, did you mean --workers?",
    "Unknown flag --pasta, see tsgi --help for those there are",
    "Unknown flag --no-server-headr, did you mean --no-server-header?",
    "Unknown flag --worker_class, did you mean --worker-class?",
    "Unknown flag -x, see tsgi --help for those there are",
    "Cannot use --bind: expected ADDRESS after it, got --workers; if that is the value, write --bind=--workers",
    "Cannot use --reuse-port=yes: it takes no value, write --reuse-port or --no-reuse-port",
    "Cannot use --name: expected STRING after it, got nothing",
  ]);
  assert.equal(exitCode(line.problems), 2);
});

test("parseCommandLine() refuses a second application and names such as __proto__", () => {
  assert.deepEqual(messages("a.ts", "b.ts"), ['Cannot serve more than one application: expected one APP, got "a.ts" and "b.ts"']);
  assert.deepEqual(messages("--__proto__", "--toString"), [
    "Unknown flag --__proto__, see tsgi --help for those there are",
    "Unknown flag --toString, see tsgi --help for those there are",
  ]);
});

test("parseCommandLine() obeys help and version first, then print-config", () => {
  assert.equal(parse("--check-config", "-v", "-h").command, "version");
  assert.equal(parse("--nonsense", "-h").command, "help");
  assert.equal(parse("--check-config", "--print-config", "--json").command, "print-config");
  assert.equal(parse("--print-config", "--json").json, true);
  assert.equal(parse("--check-config").command, "check-config");
});

test("parseCommandArgs() splits as a shell and names the variable", () => {
  const line = parseCommandArgs(`-w 4 --name 'my site' --wrokers 3`, parseArgs);
  assert.deepEqual(line.entries.map((entry) => [entry.label, entry.written]), [
    ["--workers in TSGI_CMD_ARGS", "4"],
    ["--name in TSGI_CMD_ARGS", "my site"],
    ["APP in TSGI_CMD_ARGS", "3"],
  ]);
  assert.deepEqual(line.problems.map((problem) => problem.message), ["Unknown flag --wrokers in TSGI_CMD_ARGS, did you mean --workers?"]);
  assert.match(parseCommandArgs("-n 'x", parseArgs).problems[0]!.message, /^Cannot read TSGI_CMD_ARGS: expected words as in a shell, got "-n 'x" \(A ' is not closed\)$/);
});

test("problemsText() is argparse's form with exit code 2, else gunicorn's with 1", () => {
  const value = { label: "--workers", kind: "value", message: "Cannot use A" } as const;
  const usage = { label: "--x", kind: "usage", message: "Unknown flag --x" } as const;
  assert.equal(problemsText([value, value]), "\nError: Cannot use A\nError: Cannot use A\n");
  assert.equal(exitCode([value]), 1);
  assert.equal(problemsText([value, usage]), "usage: tsgi [OPTIONS] [APP]\ntsgi: error: Cannot use A\ntsgi: error: Unknown flag --x\n");
});
