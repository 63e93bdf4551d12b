// Runs the test suite on Deno and Bun and a part of it on Node, or on the one named, and ends with the sum: `N passed, N failed`.
// Usage: node tests/run.mjs [deno|bun|node] [files or folders...]
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { EXCEPTIONS, QUICK, WHOLE } from "./node_exceptions.mjs";

const given = process.argv.slice(2);
const all = ["deno", "bun", "node"];
const isOne = all.includes(given[0]);
const runtimes = isOne ? [given.shift()] : all;
const where = given.length > 0 ? given : ["tests"];
const bin = (name) => new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname;
if (!existsSync(bin("deno"))) {
  console.error("Cannot run the tests: node_modules is missing, run: npm ci");
  process.exit(1);
}

const sum = { passed: 0, failed: 0 };
let broken = false;

await run("types", bin("tsc"), ["--noEmit"]);
await run("types of core, which knows no runtime", bin("tsc"), ["-p", "core", "--noEmit"]);
for (const runtime of runtimes) {
  // Node finds the package tsgi, which examples import, where package.json says, and not in the sources.
  if (runtime === "node" && !existsSync(new URL("../dist/library.js", import.meta.url))) await run("dist", process.execPath, ["build.mjs"]);
  const output = runtime === "node"
    ? await run("node", bin("node"), nodeArguments())
    : runtime === "deno"
    ? await run("deno", bin("deno"), ["test", "-A", "--no-check", "--quiet", ...where])
    : await run("bun", bin("bun"), ["test", "--timeout=120000", ...where.map((w) => (w.startsWith(".") || w.startsWith("/") ? w : `./${w}`))]);
  count(runtime, output);
  if (where[0] === "tests" && runtime !== "node") conformance(runtime, output);
}
console.log(`${sum.passed} passed, ${sum.failed} failed`);
process.exit(broken || sum.failed > 0 || sum.passed === 0 ? 1 : 0);

function run(name, command, args) {
  console.log(`--- ${name}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: new URL("..", import.meta.url).pathname,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        output += text;
        process.stdout.write(text);
      });
    }
    child.on("close", (code) => {
      if (code !== 0) broken = true;
      resolve(output);
    });
  });
}

/** Which cases of the conformance suite have passed: those whose id stands in the name of a test that did. */
function conformance(runtime, output) {
  const known = readFileSync(new URL("core/conformance_cases.txt", import.meta.url), "utf8").match(/^T\d{3}(?= )/gm);
  // What a test prints may stand between its name and its "ok".
  const lines = output.replace(/\n ok \(/g, " ok (").split("\n").filter((line) => (runtime === "deno" ? / \.\.\.(?:.*)? ok \(/ : /^\(pass\) /).test(line));
  const passed = new Set(lines.flatMap((line) => line.match(/\bT\d{3}\b/g) ?? []));
  const rest = known.filter((id) => !passed.has(id));
  console.log(`conformance on ${runtime}: ${known.length - rest.length} of ${known.length} cases pass${rest.length > 0 ? `; not: ${rest.join(" ")}` : ""}`);
}

/** Whole folders for Node alone; beside the others, a quick part. What is listed as an exception is left out. */
function nodeArguments() {
  const chosen = given.length > 0 ? given : isOne ? WHOLE : QUICK;
  const root = new URL("../", import.meta.url).pathname;
  const files = chosen.flatMap((path) => (statSync(root + path).isDirectory() ? testsIn(path) : [path]));
  const exact = EXCEPTIONS.flatMap(({ tests }) => tests).map((name) => `--test-skip-pattern=/^${name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$/`);
  const left = files.filter((file) => !EXCEPTIONS.some((exception) => exception.files?.includes(file)));
  return ["--test", "--test-timeout=120000", "--test-concurrency=1", "--test-reporter=spec", ...exact, ...left];
}

function testsIn(folder) {
  const found = readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true });
  return found.filter((name) => name.endsWith("_test.ts")).map((name) => `${folder}/${name}`).sort();
}

/** deno: "ok | 12 passed | 0 failed (1s)"; bun: " 12 pass" and " 0 fail", each on its own line. */
function count(runtime, output) {
  const deno = [...output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.* \| (\d+) failed/gm)].at(-1);
  const node = (what) => [...output.matchAll(new RegExp(`^ℹ ${what} (\\d+)$`, "gm"))].at(-1)?.[1];
  const passed = runtime === "node" ? node("pass") : runtime === "deno" ? deno?.[1] : [...output.matchAll(/^ (\d+) pass$/gm)].at(-1)?.[1];
  const failed = runtime === "node" ? node("fail") : runtime === "deno" ? deno?.[2] : [...output.matchAll(/^ (\d+) fail$/gm)].at(-1)?.[1];
  if (passed === undefined) {
    console.error(`Cannot count the tests of ${runtime}: it ended without a summary`);
    broken = true;
    return;
  }
  sum.passed += Number(passed);
  sum.failed += Number(failed ?? 0);
}
