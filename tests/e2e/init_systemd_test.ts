/** `tsgi init systemd`: systemd accepts the units, and what they start serves. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { curl, program, root, withFolder, withServer } from "./server.ts";

const MANAGER = join(root, "tests/e2e/programs/service_manager.py");
const APP = 'export default (e, s) => { s("200 OK", []); return [`from ${e.PATH_INFO}`]; };';

function init(cwd: string, ...args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const [command = "", ...before] = program();
  return spawnSync(command, [...before, "init", ...args], { cwd, encoding: "utf8" });
}

test("tsgi init systemd writes units that systemd accepts, and their command serves the sockets that it is given", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const name = `tsgi-test-${process.pid}`;
    const socket = join(folder, "s.sock");
    const made = init(folder, "systemd", "-n", name, "-u", "root", "-b", `unix:${socket}`, "-b", "127.0.0.1:18080", "-o", "units", "app.ts", "--", "-w", "1");
    assert.deepEqual([made.status, made.stderr], [0, ""]);
    assert.deepEqual(readdirSync(join(folder, "units")).sort(), [`${name}.service`, `${name}.socket`]);
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", `./${name}.service`, `./${name}.socket`], { cwd: join(folder, "units"), encoding: "utf8" });
    assert.equal(verified.error, undefined);
    assert.equal(verified.stderr.split("\n").filter((line) => line.includes(name)).join("\n"), "");

    const unit = readFileSync(join(folder, "units", `${name}.service`), "utf8");
    const command = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(" ");
    assert.equal(command[0], process.execPath);
    assert.doesNotMatch(command.join(" "), /bunx|npx/);
    const runtimeDirectory = `/run/${name}`;
    const canMake = process.getuid?.() === 0;
    if (canMake) mkdirSync(runtimeDirectory);
    try {
      await withServer({ command: ["python3", MANAGER, "activate", socket, "127.0.0.1:0", "--", ...command], args: [], cwd: folder }, async (server) => {
        const port = (await server.logged(/Listening at: unix:\S+,http:\/\/127\.0\.0\.1:(\d+)/))[1];
        assert.equal(curl("--unix-socket", socket, "http://x/a"), "from /a");
        assert.equal(curl(`http://127.0.0.1:${port}/b`), "from /b");
        if (canMake) await server.until(() => existsSync(join(runtimeDirectory, "control.sock")), "the control socket");
      });
    } finally {
      if (canMake) rmSync(runtimeDirectory, { recursive: true });
    }
  });
});

test("tsgi init prints without -o, writes nothing over what is there without --force, and says what it cannot write", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const printed = init(folder, "systemd", "--no-socket", "-b", "127.0.0.1:8000", "app.ts");
    assert.equal(printed.status, 0);
    assert.match(printed.stdout, /^##### app\.service: \/etc\/systemd\/system\/app\.service\n/);
    assert.match(printed.stdout, /--bind 127\.0\.0\.1:8000 .*--workers auto \S+\/app\.ts/);
    assert.deepEqual(readdirSync(folder), ["app.ts"]);

    assert.equal(init(folder, "systemd", "-o", ".", "app.ts").status, 0);
    const again = init(folder, "systemd", "-o", ".", "-g", "other", "app.ts");
    assert.equal(again.status, 1);
    assert.match(again.stderr, /Error: Cannot write app\.service, app\.socket: already there; --force writes over it/);
    assert.doesNotMatch(readFileSync(join(folder, "app.service"), "utf8"), /Group=other/);
    assert.equal(init(folder, "systemd", "-o", ".", "-f", "-g", "other", "app.ts").status, 0);
    assert.match(readFileSync(join(folder, "app.service"), "utf8"), /^Group=other$/m);

    const wrong = [
      [["sistemd"], 2, /expected systemd.*did you mean systemd\?/],
      [["systemd", "--zip"], 2, /zip/],
      [["systemd", "app.ts", "--", "--workrs", "2"], 1, /--workrs/],
      [["systemd"], 1, /No application module specified/],
      [["systemd", "app.ts", "--", "-D"], 1, /Cannot use --daemon/],
    ] as const;
    for (const [args, status, pattern] of wrong) {
      const { status: code, stderr, stdout } = init(folder, ...args);
      assert.deepEqual([code, stdout], [status, ""], args.join(" "));
      assert.match(stderr, pattern);
    }
    assert.match(execFileSync(program()[0]!, [...program().slice(1), "init", "--help"], { encoding: "utf8" }), /systemd/);
  });
});
