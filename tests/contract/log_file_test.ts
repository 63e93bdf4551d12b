import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { openLogFile } from "../../runtimes/log_file.ts";

const MODULE = new URL("../../runtimes/log_file.ts", import.meta.url).href;
const RUN = "Deno" in globalThis ? ["run", "-A", "--no-lock"] : "Bun" in globalThis ? ["run"] : [];

async function inDirectory(claim: (directory: string) => unknown): Promise<void> {
  const directory = fs.mkdtempSync(join(tmpdir(), "log_file_"));
  try {
    await claim(directory);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** A script of this runtime that has openLogFile at hand. */
function script(directory: string, body: string): string[] {
  const path = join(directory, `script_${Math.random().toString(36).slice(2)}.ts`);
  fs.writeFileSync(path, `import process from "node:process";\nimport { openLogFile } from ${JSON.stringify(MODULE)};\n${body}\n`);
  return [...RUN, path];
}

async function eventually(claim: () => boolean): Promise<void> {
  while (!claim()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("openLogFile() appends whole lines to what is there", () =>
  inDirectory((directory) => {
    const path = join(directory, "error.log");
    fs.writeFileSync(path, "before\n");
    const log = openLogFile(path, { standard: 2 });
    log.write("one é 😀");
    assert.equal(fs.readFileSync(path, "utf8"), "before\none é 😀\n", "written at once");
    log.write("two\n  with a stack");
    log.close();
    assert.equal(fs.readFileSync(path, "utf8"), "before\none é 😀\ntwo\n  with a stack\n");
    assert.deepEqual([log.dropped, log.problem], [0, null]);
  }));

test("openLogFile() batched collects lines, and writes them by itself", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "access.log");
    const log = openLogFile(path, { standard: 1, batched: true });
    log.write("one");
    log.write("two");
    assert.equal(fs.readFileSync(path, "utf8"), "");
    // The timer that writes holds no process alive: this test does, by waiting.
    await eventually(() => fs.readFileSync(path, "utf8") !== "");
    assert.equal(fs.readFileSync(path, "utf8"), "one\ntwo\n");
    for (let index = 0; index < 700; index++) log.write("x".repeat(99));
    assert.equal(fs.statSync(path).size, 8 + 656 * 100, "64 KiB do not wait for the time");
    log.close();
    assert.equal(fs.statSync(path).size, 8 + 700 * 100);
  }));

test("openLogFile() batched writes each batch as it is, also one that is longer in bytes than in characters", () =>
  inDirectory((directory) => {
    const path = join(directory, "access.log");
    const log = openLogFile(path, { standard: 1, batched: true });
    const lines = ["a", "\u20ac", "\u00e9", "\ud83d\ude00", "b"].flatMap((text) => Array.from({ length: 1500 }, (_, index) => `${index} ${text.repeat(60)}`)).concat("x".repeat(200_000), "end");
    for (const line of lines) log.write(line);
    log.close();
    assert.equal(fs.readFileSync(path, "utf8"), `${lines.join("\n")}\n`);
    assert.equal(log.dropped, 0);
  }));

test("LogFile.reopen() loses no line over a rotation", () =>
  inDirectory((directory) => {
    const [path, old] = [join(directory, "access.log"), join(directory, "access.log.1")];
    const log = openLogFile(path, { standard: 1, batched: true });
    log.write("old");
    fs.renameSync(path, old);
    log.reopen();
    log.write("new");
    log.close();
    assert.deepEqual([fs.readFileSync(old, "utf8"), fs.readFileSync(path, "utf8")], ["old\n", "new\n"]);
  }));

test("LogFile.reopen() keeps the old file and warns where the new one cannot be opened", () =>
  inDirectory((directory) => {
    const [path, moved] = [join(directory, "logs"), join(directory, "moved")];
    fs.mkdirSync(path);
    const warnings: string[] = [];
    const log = openLogFile(join(path, "error.log"), { standard: 2, warn: (message) => warnings.push(message) });
    fs.renameSync(path, moved);
    log.reopen();
    log.write("still here");
    log.close();
    assert.equal(fs.readFileSync(join(moved, "error.log"), "utf8"), "still here\n");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^Cannot open log file .*error\.log: ENOENT.*, the old file stays in use$/);
    assert.equal(log.dropped, 0);
  }));

test("openLogFile() says why a path cannot be opened, drops lines, and opens it when it can be", () =>
  inDirectory((directory) => {
    const path = join(directory, "later", "error.log");
    let now = 0;
    const warnings: string[] = [];
    const log = openLogFile(path, { standard: 2, warn: (message) => warnings.push(message), now: () => now });
    assert.match(log.problem!, /^Cannot open log file .*error\.log: ENOENT/);
    log.write("lost");
    assert.equal(log.dropped, 1);
    fs.mkdirSync(join(directory, "later"));
    now = 60_000;
    log.write("kept");
    assert.equal(fs.readFileSync(path, "utf8"), "kept\n");
    assert.equal(log.problem, null);
    log.close();
    log.write("after the end");
    assert.equal(log.dropped, 2);
  }));

test("LogFile on a full disk drops and counts, and warns once a minute without the lines", () => {
  let now = 0;
  const warnings: string[] = [];
  const log = openLogFile("/dev/full", { standard: 1, warn: (message) => warnings.push(message), now: () => now });
  for (let index = 0; index < 100; index++) log.write("secret");
  assert.equal(log.dropped, 100);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /^Cannot write log \/dev\/full: ENOSPC.*; lines lost: 1$/);
  now = 60_000;
  log.write("secret");
  assert.equal(warnings.length, 2);
  assert.match(warnings[1]!, /lines lost: 100$/);
  log.write("secret");
  log.close();
  assert.equal(warnings.length, 3, "the last ones are not kept back");
  assert.doesNotMatch(warnings.join(), /secret/);
});

test("LogFile counts each line of a batch that is lost", () => {
  const log = openLogFile("/dev/full", { standard: 1, batched: true, warn: () => { throw new Error("not even this"); } });
  for (let index = 0; index < 10; index++) log.write("line");
  log.flush();
  assert.equal(log.dropped, 10);
  log.close();
});

test("LogFile ends a line that a full disk cut, before it goes on", () =>
  inDirectory((directory) => {
    const path = join(directory, "small.log");
    // The size limit of files stands in for the disk: at the limit a write is cut, beyond it fails with EFBIG.
    const body = `
      import * as fs from "node:fs";
      const log = openLogFile(${JSON.stringify(path)}, { standard: 1, warn: () => {} });
      log.write("x".repeat(1000));
      log.write("y".repeat(1000));
      fs.truncateSync(${JSON.stringify(path)}, 1010);
      log.write("after");
      console.log(log.dropped);
    `;
    const limited = ["-c", 'trap "" XFSZ; ulimit -f 3; exec "$@"', "sh", process.execPath, ...script(directory, body)];
    const warm = spawnSync(process.execPath, script(directory, ""), { encoding: "utf8" });
    assert.equal(warm.status, 0, warm.stderr);
    const run = spawnSync("sh", limited, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
    assert.equal(run.stdout, "1\n", run.stderr);
    const lines = fs.readFileSync(path, "utf8").split("\n");
    assert.deepEqual(lines.map((line) => line.slice(0, 6)), ["xxxxxx", "yyyyyy", "after", ""]);
  }));

test("LogFile is written to the end when the process exits, whichever way", () =>
  inDirectory((directory) => {
    const exits = ["", "process.exit(0);", "globalThis.Deno?.exit(0);"];
    for (const [index, exit] of exits.entries()) {
      const path = join(directory, `${index}.log`);
      const body = `openLogFile(${JSON.stringify(path)}, { standard: 1, batched: true }).write("last words");\n${exit}`;
      const run = spawnSync(process.execPath, script(directory, body), { encoding: "utf8" });
      assert.equal(run.status, 0, run.stderr);
      assert.equal(fs.readFileSync(path, "utf8"), "last words\n", exit);
    }
  }));

test("openLogFile() of - writes to the standard stream asked for", () =>
  inDirectory((directory) => {
    const body = `openLogFile("-", { standard: 1 }).write("access"); openLogFile("-", { standard: 2 }).write("error");`;
    const run = spawnSync(process.execPath, script(directory, body), { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
    assert.equal(run.stdout, "access\n");
    assert.match(run.stderr, /^error$/m);
  }));

test("LogFile is not stopped by a pipe that nobody reads, and stays bounded", () =>
  inDirectory(async (directory) => {
    const body = `
      const log = openLogFile("-", { standard: 1, batched: true, warn: (message) => console.error(message) });
      for (let index = 0; index < 40000; index++) log.write("line " + String(index).padStart(94, "0"));
      console.error("served on, lost some: " + (log.dropped > 1000 && log.dropped < 40000));
      setTimeout(() => {}, 300);
    `;
    // A shell makes the pipe: what Bun calls a pipe to a child is a socket.
    const go = join(directory, "go");
    assert.equal(spawnSync("mkfifo", [go]).status, 0);
    const command = ["-c", `"$@" | { cat '${go}'; cat; }`, "sh", process.execPath, ...script(directory, body)];
    const child = spawn("sh", command, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data) => output += data);
    const closed = new Promise((resolve) => child.on("close", resolve));
    let errors = "";
    await new Promise<void>((resolve) =>
      child.stderr.on("data", (data) => {
        errors += data;
        if (errors.includes("served on")) resolve();
      })
    );
    assert.match(errors, /Cannot write log on standard output: its reader is too slow; lines lost: 1\n/);
    assert.match(errors, /served on, lost some: true/);
    // Now it is read: what was kept arrives, whole lines in order.
    fs.writeFileSync(go, "");
    await closed;
    const lines = output.split("\n");
    assert.equal(lines.pop(), "");
    assert.ok(lines.length > 1000, `${lines.length} lines`);
    for (const [index, line] of lines.entries()) assert.equal(line, `line ${String(index).padStart(94, "0")}`);
  }));

test("LogFile survives a pipe that was closed", () =>
  inDirectory((directory) => {
    const body = `
      const log = openLogFile("-", { standard: 1, warn: (message) => console.error(message) });
      while (log.dropped === 0) log.write("anybody?");
      console.error("served on");
    `;
    const args = ["-c", '"$@" | true', "sh", process.execPath, ...script(directory, body)];
    const run = spawnSync("sh", args, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
    assert.match(run.stderr, /Cannot write log on standard output: EPIPE.*; lines lost: 1\nserved on\n/);
  }));

test("LogFile of several processes never mixes their lines in one pipe", () =>
  inDirectory(async (directory) => {
    const body = `
      const log = openLogFile("-", { standard: 1, batched: true });
      const line = process.argv[2].repeat(500);
      for (let index = 0; index < 400; index++) {
        log.write(line);
        if (index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      log.close();
      console.error(log.dropped);
    `;
    const command = script(directory, body).map((argument) => `'${argument}'`).join(" ");
    const both = `{ '${process.execPath}' ${command} a & '${process.execPath}' ${command} b; wait; } | cat`;
    const child = spawn("sh", ["-c", both], { stdio: ["ignore", "pipe", "ignore"] });
    let output = "";
    child.stdout.on("data", (data) => output += data);
    await new Promise((resolve) => child.stdout.on("close", resolve));
    const lines = output.split("\n").filter((line) => line !== "");
    assert.equal(lines.length, 800);
    for (const line of lines) assert.match(line, /^(a{500}|b{500})$/);
  }));

test("openLogFile() of a named pipe without a reader does not wait for one", () =>
  inDirectory((directory) => {
    const path = join(directory, "pipe");
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    const log = openLogFile(path, { standard: 1, warn: () => {} });
    assert.match(log.problem!, /ENXIO/);
    log.close();
  }));
