/** Workers that really die, and what is told of them afterwards. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { BlackBox } from "../../core/black_box/black_box.ts";
import { MOST_FILES, writeBlackBox } from "../../runtimes/black_box_file.ts";
import { program, type Server, withFolder, withServer } from "./server.ts";

const APP = `
import process from "node:process";
export default async (environ, start) => {
  const path = environ.PATH_INFO;
  if (path === "/exit") process.exit(7);
  if (path === "/leave") process.exit(0);
  if (path === "/print") console.error("printed, password=s3cret");
  if (path === "/throw") throw new Error("no");
  if (path === "/hang") await new Promise(() => {});
  if (path === "/spin") for (;;);
  if (path === "/segfault") "Bun" in globalThis ? (await import("bun:ffi")).read.u8(8) : new Deno.UnsafePointerView(Deno.UnsafePointer.create(8n)).getUint8();
  start(path === "/none" ? "404 Not Found" : "200 OK", []);
  return ["x"];
};`;

function boxesIn(folder: string): BlackBox[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => /^black-box-.*\.json$/.test(name)).sort().map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as BlackBox);
}

/** A request whose worker dies. By curl: both runtimes' fetch() would send it again, and the next worker would die too. */
function lost(url: string): void {
  execFile("curl", ["-sS", url], () => {});
}

/** Requests one after the other, and one that is never answered. */
async function busy(server: Server, url: string): Promise<void> {
  for (const path of ["/a?token=s3cret", "/none", "/throw?s3cret", "/print"]) {
    await (await fetch(url + path, { headers: { authorization: "Bearer s3cret", cookie: "a=s3cret" } })).text();
  }
  lost(`${url}/hang?s3cret`);
  await inFlight(server, "/hang");
}

/** Resolves when a worker has a request of that path in flight. */
async function inFlight(server: Server, path: string): Promise<void> {
  const ctl = async () => JSON.parse(await run(server, "inspect", "-j")) as { readonly workers: readonly { readonly requests: string }[] };
  while (!(await ctl()).workers.some(({ requests }) => requests.includes(path))) await new Promise((resolve) => setTimeout(resolve, 20));
}

function run(server: Server, ...args: readonly string[]): Promise<string> {
  const [command = "", ...before] = program();
  const [, path = ""] = /Control socket listening at (.*)/.exec(server.log) ?? [];
  return new Promise((resolve, reject) => execFile(command, [...before, "ctl", "--socket", path, ...args], (error, out) => (error ? reject(error) : resolve(out))));
}

test("tsgi tells what a worker was doing that was killed by kill -9 or a segfault", async () => {
  await withFolder({ "app.js": APP }, async (folder) => {
    const args = ["-b", "127.0.0.1:0", "--black-box", "boxes", "--chdir", folder, "--control-socket", "ctl.sock", "app.js"];
    await withServer({ args }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      await server.logged(/Control socket listening/);
      let pid = server.workers()[0]!;
      for (const [index, how] of ["killed", "crashed"].entries()) {
        await busy(server, url);
        const from = server.log.length;
        if (how === "killed") process.kill(pid, "SIGKILL");
        else lost(`${url}/segfault`);
        await server.logged(new RegExp(`\\[ERROR\\] Black box of worker \\(pid:${pid}\\) in slot 0, which ended by SIG`), { from });
        const [box] = await server.until(() => boxesIn(join(folder, "boxes")).length > index && boxesIn(join(folder, "boxes")).slice(index), "a file");
        assert.equal(box!.pid, pid);
        if (how === "killed") assert.deepEqual(box!.ending, { code: null, signal: "SIGKILL" });
        assert.deepEqual(box!.inFlight.map(({ request }) => request), how === "killed" ? ["GET /hang"] : ["GET /hang", "GET /segfault"]);
        assert.ok(box!.inFlight[0]!.seconds >= 0 && box!.inFlight[0]!.seconds < 60);
        assert.deepEqual(box!.requests.slice(-4), [
          { request: "GET /a", status: 200 }, { request: "GET /none", status: 404 }, { request: "GET /throw", status: 500 }, { request: "GET /print", status: 200 },
        ]);
        assert.ok(box!.log.some((line) => line.includes("Booting worker with pid")) && box!.log.some((line) => line.includes("Error: no")), box!.log.join("\n"));
        assert.match(server.log.slice(from), /\n {2}in flight: GET \/hang \(\d+\.\ds\).*\n {2}answered last: GET \/a 200, GET \/none 404, GET \/throw 500, GET \/print 200\n/);
        assert.doesNotMatch(JSON.stringify(box), /s3cret/);
        const before = pid;
        await server.until(() => server.workers().length === 1 && server.workers()[0] !== before, "a successor");
        pid = server.workers()[0]!;
        await server.port();
      }
      assert.equal(statSync(join(folder, "boxes")).mode & 0o777, 0o700);
      for (const name of readdirSync(join(folder, "boxes"))) assert.equal(statSync(join(folder, "boxes", name)).mode & 0o777, 0o600);
      assert.match(await run(server, "blackbox"), /ended by SIGKILL\n {2}in flight: GET \/hang/);
    });
  });
});

test("tsgi tells of exits that nobody asked for, of what was printed where that is captured, and of no others", async () => {
  await withFolder({ "app.js": APP }, async (folder) => {
    const errors = join(folder, "errors.log");
    const args = ["-b", "127.0.0.1:0", "--black-box", folder, "--black-box-queries", "--capture-output", "--error-logfile", errors, "--log-level", "debug", join(folder, "app.js")];
    await withServer({ args, cwd: folder }, async (server) => {
      const log = () => (existsSync(errors) ? readFileSync(errors, "utf8") : "");
      const [, port] = await server.until(() => /Listening at: http:\/\/127\.0\.0\.1:(\d+)/.exec(log()), "an address");
      const url = `http://127.0.0.1:${port}`;
      const serves = (n: number) => server.until(() => (log().match(/serves in slot/g)?.length ?? 0) >= n, `${n} workers that served`);
      await serves(1);
      await (await fetch(`${url}/print`)).text();
      lost(`${url}/exit?why=this`);
      const [first] = await server.until(() => boxesIn(folder).length === 1 && boxesIn(folder), "a file");
      assert.deepEqual(first!.ending, { code: 7, signal: null });
      assert.deepEqual(first!.inFlight.map(({ request }) => request), ["GET /exit?why=this"]);
      assert.ok(first!.output.includes("printed, password=[hidden]"), first!.output.join("\n"));
      await serves(2);
      lost(`${url}/leave`);
      await server.until(() => boxesIn(folder).length === 2, "a file");
      assert.deepEqual(boxesIn(folder)[1]!.ending, { code: 0, signal: null });
      await serves(3);
      process.kill(server.workers()[0]!, "SIGTERM");
      await serves(4);
      server.signal("HUP");
      await serves(5);
      await server.until(() => server.workers().length === 1, "one worker");
      await server.stop();
      assert.equal(boxesIn(folder).length, 2, "TERM, reload and the end are no deaths");
      assert.equal(log().match(/Black box of worker/g)?.length, 2);
    });
  });
});

test("tsgi tells of a worker that it murdered itself, and serves on where no file can be written", async () => {
  await withFolder({ "app.js": APP, "not-a-directory": "" }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "-t", "1", "--black-box", join(folder, "not-a-directory"), join(folder, "app.js")] }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      lost(`${url}/spin`);
      await server.logged(/Black box of worker .* ended by SIGKILL\n {2}in flight: GET \/spin \(\d/);
      await server.logged(/Cannot write a black box to .*not-a-directory: /);
      await server.port();
      assert.equal((await fetch(`${url}/a`)).status, 200);
    });
  });
});

test("tsgi keeps the box of a worker that it cuts off at the very end", async () => {
  await withFolder({ "app.js": APP }, async (folder) => {
    const args = ["-b", "127.0.0.1:0", "--graceful-timeout", "1", "-t", "0", "--black-box", join(folder, "boxes"), "--control-socket", join(folder, "ctl.sock"), join(folder, "app.js")];
    await withServer({ args }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      await (await fetch(`${url}/a`)).text();
      const spinning = new Promise((resolve) => execFile("curl", ["-sS", `${url}/spin`], resolve));
      await inFlight(server, "/spin");
      server.signal("TERM");
      await server.ended;
      await spinning;
      const [box] = boxesIn(join(folder, "boxes"));
      assert.deepEqual([box?.inFlight.map(({ request }) => request), box?.requests.at(-1)], [["GET /spin"], { request: "GET /a", status: 200 }], server.log);
    });
  });
});

test("writeBlackBox() keeps the newest, touches nothing else, and follows no link", async () => {
  await withFolder({ "other.json": "" }, async (folder) => {
    const directory = join(folder, "a", "b");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "black-box-notes.json"), "mine");
    const box = (n: number) => ({ time: new Date(Date.UTC(2026, 0, 1) + n).toISOString(), pid: 1000 + n, requests: [] }) as unknown as BlackBox;
    for (let n = 0; n < MOST_FILES + 5; n++) writeBlackBox(directory, box(n));
    const names = readdirSync(directory).sort();
    assert.equal(names.length, MOST_FILES + 1);
    assert.equal(names[0], `black-box-20260101T000000005Z-1005.json`);
    assert.equal(readFileSync(join(directory, "black-box-notes.json"), "utf8"), "mine");
    symlinkSync(join(folder, "other.json"), join(directory, `${names.at(-2)}.part`));
    assert.throws(() => writeBlackBox(directory, box(MOST_FILES + 4)), /EEXIST/);
    assert.equal(readFileSync(join(folder, "other.json"), "utf8"), "");
  });
});
