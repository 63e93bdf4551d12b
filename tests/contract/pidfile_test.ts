import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { createPidfile } from "../../runtimes/pidfile.ts";

function inFolder(use: (folder: string, path: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsgi-pidfile-"));
    try {
      await use(folder, join(folder, "app.pid"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}

/** A process that `ps` calls `title`, for the time of `use`. */
async function withProcess(title: string, use: (pid: number) => void): Promise<void> {
  const child = spawn("/bin/sleep", ["60"], { argv0: title, stdio: "ignore" });
  await once(child, "spawn");
  // A moment after the spawn, before its arguments are in place, a process has none.
  while (readFileSync(`/proc/${child.pid}/cmdline`, "utf8") === "") await new Promise((resolve) => setTimeout(resolve, 1));
  try {
    use(child.pid!);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

test("createPidfile() writes our pid, readable for everybody whatever the umask, and remove() takes it away", inFolder((folder, path) => {
  const before = process.umask(0o077);
  try {
    const pidfile = createPidfile(path);
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
    assert.equal(statSync(path).mode & 0o777, 0o644);
    assert.deepEqual(readdirSync(folder), ["app.pid"]);
    pidfile.remove();
    pidfile.remove();
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    process.umask(before);
  }
}));

test("createPidfile() refuses while a server runs under the file, in gunicorn's words", inFolder(async (_folder, path) => {
  await withProcess("tsgi: master [app.ts]", (pid) => {
    writeFileSync(path, `${pid}\n`);
    assert.throws(() => createPidfile(path), { message: `Already running on PID ${pid} (or pid file '${path}' is stale)` });
    assert.equal(readFileSync(path, "utf8"), `${pid}\n`);
  });
  // It has ended: the same file is stale now.
  createPidfile(path);
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
}));

test("createPidfile() takes a file over whose pid is another program's by now", inFolder(async (_folder, path) => {
  await withProcess("sleep", (pid) => {
    writeFileSync(path, `${pid}\n`);
    createPidfile(path);
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
  });
}));

test("createPidfile() tells a server without a title from a younger process by its start time", inFolder(async (_folder, path) => {
  await withProcess("bun", (pid) => {
    writeFileSync(path, `${pid}\n`);
    assert.throws(() => createPidfile(path), /Already running on PID/);
    utimesSync(path, 1, 1);
    createPidfile(path);
  });
}));

test("createPidfile() takes garbage and its own pid over", inFolder((_folder, path) => {
  for (const text of ["", "garbage", "-1\n", "0\n", "99999999999999999999\n", `${process.pid}\n`]) {
    writeFileSync(path, text);
    createPidfile(path);
    assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`, JSON.stringify(text));
  }
}));

test("createPidfile() refuses a symbolic link where everybody may write, and replaces it elsewhere; the target is never touched", inFolder((folder, path) => {
  const target = join(folder, "precious");
  writeFileSync(target, "precious");
  symlinkSync(target, path);
  chmodSync(folder, 0o1777);
  assert.throws(() => createPidfile(path), /Cannot write pid file .*symbolic link/);
  assert.equal(readFileSync(target, "utf8"), "precious");
  chmodSync(folder, 0o755);
  createPidfile(path);
  assert.equal(readFileSync(target, "utf8"), "precious");
  assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
}));

test("remove() leaves a file that is somebody else's by now", inFolder((_folder, path) => {
  const pidfile = createPidfile(path);
  unlinkSync(path);
  writeFileSync(path, "1\n");
  pidfile.remove();
  assert.ok(existsSync(path));
}));

test("createPidfile() says what to do about a directory that is missing, or in its place", inFolder((folder, path) => {
  assert.throws(() => createPidfile(join(folder, "none", "app.pid")), /Cannot write pid file .*: there is no directory .*none, create it/);
  assert.throws(() => createPidfile(folder), /Cannot write pid file .*: there is a directory/);
  assert.ok(!existsSync(path));
}));
