/** `tsgi wsgi` and wrapWsgi(): Python's applications, unchanged, with Debian's Flask and Django. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { DJANGO, FLASK, PLAIN } from "./python_apps.ts";
import { childrenOf, curl, isAlive, program, root, runtime, Server, withFolder, withServer } from "./server.ts";

/** Debian's, which has its Flask and Django. */
const PYTHON = "/usr/bin/python3";

interface Site {
  readonly server: Server;
  readonly folder: string;
  readonly url: string;
  readonly port: number;
}

/** Serves `app` of `files` as `tsgi wsgi` does. */
async function served(app: string, files: Readonly<Record<string, string>>, args: readonly string[], use: (site: Site) => Promise<void>): Promise<void> {
  await withFolder(files, async (folder) => {
    await withServer({ args: ["wsgi", app, "-b", "127.0.0.1:0", "--python", PYTHON, ...args], cwd: folder, env: { TMPDIR: folder } }, async (server) => {
      const port = await server.port();
      await use({ server, folder, port, url: `http://127.0.0.1:${port}` });
    });
  });
}

/** The Python processes of all workers. */
function pythons(server: Server): number[] {
  return server.workers().flatMap((worker) => readdirSync(`/proc/${worker}/task`).flatMap((task) => readFileSync(`/proc/${worker}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number)));
}

async function requestsInFlight(admin: string): Promise<number> {
  return Number(/^tsgi_requests_in_flight\b.* (\d+)$/m.exec(await (await fetch(`${admin}/metrics`)).text())?.[1] ?? 0);
}

function leftovers(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.startsWith("tsgi-python-"));
}

test("tsgi wsgi serves Flask: upload, streaming, cookies, redirect, errors, HEAD", async () => {
  await served("shop:app", { "shop.py": FLASK, "big.bin": "x".repeat(3_000_000) }, ["--access-logfile", "-"], async ({ server, folder, url }) => {
    assert.equal(curl(`${url}/`), "Hello, World!");
    assert.match(curl("-I", `${url}/`), /^HTTP\/1.1 200 OK\r\n[^]*content-length: 13\r\n/i);
    assert.deepEqual(JSON.parse(curl("-F", `file=@${join(folder, "big.bin")}`, "-F", "note=a b", `${url}/upload`)), { name: "big.bin", size: 3_000_000, note: "a b" });
    assert.match(curl("-i", `${url}/parts`), /^HTTP\/1.1 200 [^]*\r\n\r\npart 0\npart 1\npart 2\n$/i);
    const answer = curl("-i", "-b", "seen=before", `${url}/cookies`);
    assert.deepEqual([...answer.matchAll(/^set-cookie: (\w=\d)/gim)].map(([, cookie]) => cookie), ["a=1", "b=2"]);
    assert.match(answer, /\r\n\r\nbefore$/);
    assert.match(curl("-i", `${url}/away`), /^HTTP\/1.1 302 [^]*\r\nlocation: \/cookies\r\n/i);
    assert.match(curl("-i", `${url}/boom`), /^HTTP\/1.1 500 /);
    await server.logged(/\[ERROR\] .*Exception on \/boom \[GET\]\n\s*Traceback[^]*ValueError: no such luck/);
    assert.match(curl("-i", `${url}/nowhere`), /^HTTP\/1.1 404 /);
    await server.until(() => server.out.includes('"GET /nowhere HTTP/1.1" 404'), "the access log");
  });
});

test("tsgi wsgi serves Django: the admin's login page, and a form with CSRF", async () => {
  await withFolder(DJANGO, async (folder) => {
    const env = { ...process.env, DJANGO_SETTINGS_MODULE: "site_settings", PYTHONPATH: folder, DJANGO_SUPERUSER_PASSWORD: "tea4two!" };
    const django = (...args: string[]) => execFileSync(PYTHON, ["-m", "django", ...args], { cwd: folder, env, stdio: "pipe" });
    django("migrate", "-v", "0");
    django("createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.org");
    await withServer({ args: ["wsgi", "site_wsgi", "-b", "127.0.0.1:0", "--python", PYTHON, "--python-path", folder], cwd: root }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}/admin/login/?next=/admin/`;
      const jar = join(folder, "jar");
      const page = curl("-c", jar, url);
      assert.match(page, /<title>Log in \| Django site admin<\/title>/);
      const [, token = ""] = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(page)!;
      const form = ["--data-urlencode", "username=ada", "--data-urlencode", "password=tea4two!"];
      assert.match(curl("-i", "-b", jar, ...form, url), /^HTTP\/1.1 403 /, "without the token");
      assert.match(curl("-i", "-b", jar, "-c", jar, ...form, "-d", `csrfmiddlewaretoken=${token}`, url), /^HTTP\/1.1 302 [^]*location: \/admin\/\r\n/i);
      assert.match(curl("-b", jar, url.replace(/login.*/, "")), /Site administration[^]*|Welcome/);
    });
  });
});

test("wrapWsgi() gives a mounted application PEP 3333's environ", async () => {
  const files = {
    "plain.py": PLAIN,
    "app.ts": `
import { dispatcher } from ${JSON.stringify(join(root, "mod.ts"))};
import { wrapWsgi } from ${JSON.stringify(join(root, "adapters/python.ts"))};
const python = wrapWsgi("plain", { python: ${JSON.stringify(PYTHON)} });
export const { startup, shutdown } = python;
export default dispatcher((environ, startResponse) => (startResponse("200 OK", [["Content-Type", "text/plain"]]), ["ours"]), { "/old": python });
`,
  };
  await withFolder(files, async (folder) => {
    await withServer({ args: ["app.ts", "-b", "127.0.0.1:0", "-w", "2", "--lint"], cwd: folder }, async (server) => {
      const url = `http://127.0.0.1:${await server.port(2)}`;
      assert.equal(curl(`${url}/`), "ours");
      assert.equal(curl(`${url}/old/pid`).length > 0, true);
      const environ = JSON.parse(curl("-X", "POST", "-d", "a=b", "-H", "X-Latin: \xe9", "-u", "me:secret", `${url}/old/environ?q=%20`)) as Record<string, unknown>;
      const expected = {
        REQUEST_METHOD: "POST", SCRIPT_NAME: "/old", PATH_INFO: "/environ", QUERY_STRING: "q=%20", CONTENT_TYPE: "application/x-www-form-urlencoded", CONTENT_LENGTH: "3",
        REMOTE_ADDR: "127.0.0.1", SERVER_PROTOCOL: "HTTP/1.1", HTTP_AUTHORIZATION: "Basic bWU6c2VjcmV0", "wsgi.url_scheme": "http", "wsgi.multithread": false, "wsgi.multiprocess": true,
        "wsgi.run_once": false, "wsgi.input_terminated": true, version: [1, 0],
      };
      assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, environ[key]])), expected);
      assert.equal(environ.HTTP_X_LATIN, Buffer.from("\xe9", "utf8").toString("latin1"), "a header's characters are its bytes");
      assert.deepEqual(Object.keys(environ).filter((key) => key.startsWith("TSGI_") || key.startsWith("tsgi.") || key === "SCGI"), []);
      assert.match(curl("-i", `${url}/old/%C3%A9%FF`), /^HTTP\/1.1 404 /);
      assert.match(curl("-i", `${url}/old/%00`), /^HTTP\/1.1 400 /);
      assert.equal(await server.stop(), 0);
      assert.deepEqual(leftovers(folder), []);
    });
  });
});

test("tsgi wsgi: wsgi.input ends, close() is called, write(), file_wrapper, exc_info", async () => {
  await served("plain:application", { "plain.py": PLAIN, "big.bin": "y".repeat(1_000_000) }, [], async ({ server, folder, url }) => {
    const lines = String.raw`[b'one\n', b'two', b'\n', b'three', b'', b'']`;
    assert.equal(curl("--data-binary", "one\ntwo\nthree", `${url}/rest`), lines);
    assert.equal(curl("-H", "Transfer-Encoding: chunked", "--data-binary", "one\ntwo\nthree", `${url}/rest`), lines);
    assert.equal(curl(`${url}/rest`), "[b'', b'', b'', b'']");
    assert.equal(curl(`${url}/closing`), "closed");
    assert.equal(curl(`${url}/closed`), "1");
    curl("-I", `${url}/closing`);
    assert.equal(curl(`${url}/closed`), "2");
    assert.equal(curl(`${url}/write`), "written, returned");
    assert.equal(curl(`${url}/file?${join(folder, "big.bin")}`).length, 1_000_000);
    assert.match(curl("-i", `${url}/replaced`), /^HTTP\/1.1 418 [^]*\r\n\r\nreplaced$/);
    // What the body of a request that nobody reads leaves behind is not the next one's.
    assert.equal(curl("--data-binary", `@${join(folder, "big.bin")}`, `${url}/pid`), curl(`${url}/pid`));
    for (const [path, reason] of [["/silent", "AssertionError: The application did not call start_response() before its body"], ["/exit", "SystemExit: enough"], ["/split", "ERR_TSGI_HEADER_VALUE"]] as const) {
      const from = server.log.length;
      assert.match(curl("-i", `${url}${path}`), /^HTTP\/1.1 500 [^]*$/);
      await server.logged(new RegExp(reason.replace(/[()]/g, "\\$&")), { from });
    }
    const late = spawnSync("curl", ["-s", `${url}/late`], { encoding: "latin1" });
    assert.notEqual(late.status, 0, "an answer that broke off is not whole");
    assert.ok("begun".startsWith(late.stdout), late.stdout);
    await server.logged(/KeyError: 'half way'[^]*plain\.py/);
  });
});

test("tsgi wsgi: wsgiref.validate has nothing to say", async () => {
  await served("plain:validated", { "plain.py": PLAIN }, [], async ({ server, url }) => {
    assert.equal(curl(`${url}/`), "ok");
    assert.equal(curl("-d", "body", `${url}/a/b?c=d`), "okbody");
    assert.match(curl("-I", `${url}/`), /^HTTP\/1.1 200 /);
    assert.doesNotMatch(server.log, /\[(?:WARNING|ERROR)\]|Warning|Assertion/);
  });
});

test("tsgi wsgi streams both ways at once, and lets the client set the pace", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--python-threads", "2"], async ({ port, url, server }) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (data) => void (received += data.toString("latin1")));
    socket.write("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nabcd\r\n");
    await server.until(() => received.includes("abcd"), "the first of the answer before the rest of the request");
    socket.write("4\r\nefgh\r\n0\r\n\r\n");
    // Deno.serve itself hands no more of a request on that was waited for when the answer began.
    if (runtime !== "deno") await server.until(() => received.includes("efgh"), "the rest of the answer");
    socket.destroy();
    const slow = connect(port, "127.0.0.1");
    slow.write("GET /much HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.once("data", () => slow.pause());
    let before = -1;
    await server.until(() => {
      const made = Number(curl(`${url}/made`));
      const isStill = made > 0 && made === before;
      before = made;
      return isStill;
    }, "the application to wait for its client");
    assert.ok(before < 4096, "a quarter of a gigabyte would have been made");
    slow.destroy();
    assert.equal(curl(`${url}/pid`).length > 0, true);
  });
});

test("--python-threads answers several requests in one process, --python-processes in several", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--python-threads", "2"], async ({ url, server }) => {
    const answers = await Promise.all([1, 2].map(async () => await (await fetch(`${url}/both`)).text()));
    assert.deepEqual(answers, ["both", "both"]);
    assert.equal(JSON.parse(curl(`${url}/environ`))["wsgi.multithread"], true);
    assert.equal(pythons(server).length, 1);
  });
  await served("plain", { "plain.py": PLAIN }, ["--python-processes", "2"], async ({ url, server }) => {
    const found = new Set([1, 2, 3, 4].map(() => Number(curl(`${url}/pid`))));
    assert.deepEqual([...found].sort(), pythons(server).sort());
  });
});

test("what cannot be loaded is told in a line, with exit code 3 or 4", async () => {
  const files = { "good.py": "class App: pass\nnumber = 5\napplicatoin = print\n", "typo.py": "def application(:\n", "deep.py": "import flsk\n", "angry.py": "raise ValueError('no database')\n" };
  await withFolder(files, async (folder) => {
    const cases: [app: string, code: number, message: RegExp, args?: string[]][] = [
      ["god", 3, /Cannot load god: there is no module god, run tsgi where it is, or say where with --python-path\n/],
      ["good.py", 3, /Cannot load good\.py: there is no module good\.py, name the module as Python does: good\n/],
      ["typo", 3, /Cannot load typo: SyntaxError: .*, at typo\.py:1\n/],
      ["deep", 3, /Cannot load deep: it imports flsk, which is not installed for \/usr\/bin\/python3, at deep\.py:1\n/],
      ["good", 4, /Cannot load good: there is no "application" in good, did you mean "applicatoin"\?\n/],
      ["good:number", 4, /Cannot load good:number: number is a int, expected a WSGI application, which is callable\n/],
      ["good:app(", 4, /expected a name or a call like create_app\(\) after the colon, got 'app\('\n/],
      ["good", 3, /cannot run \/no\/python .*, name another with --python\n/, ["--python", "/no/python"]],
    ];
    const ended = await Promise.all(cases.map(async ([app, , , args = []]) => {
      const server = new Server({ args: ["wsgi", app, "-b", "127.0.0.1:0", "--python", PYTHON, ...args], cwd: folder, env: { TMPDIR: folder } });
      return { ...await server.ended, log: server.log };
    }));
    for (const [i, [app, code, message]] of cases.entries()) {
      assert.match(ended[i]!.log, message, app);
      assert.doesNotMatch(ended[i]!.log, /Traceback|\n +at /, app);
      assert.equal(ended[i]!.code, code, app);
    }
    const angry = new Server({ args: ["wsgi", "angry", "-b", "127.0.0.1:0", "--python", PYTHON], cwd: folder, env: { TMPDIR: folder } });
    assert.equal((await angry.ended).code, 3);
    assert.match(angry.log, /Cannot load angry: it threw ValueError: no database\n[^]*File ".*angry\.py", line 1/);
    assert.deepEqual(leftovers(folder), []);
    const threads = new Server({ args: ["wsgi", "good", "--threads", "2"], cwd: folder });
    assert.equal((await threads.ended).code, 1);
    assert.match(threads.log, /Cannot use --threads: .* use --python-threads/);
  });
});

test("a factory makes the application, with Python's literals", async () => {
  await served("plain:create('ab', times=2)", { "plain.py": PLAIN }, [], async ({ url }) => {
    assert.equal(curl(`${url}/`), "abab");
  });
});

test("a Python process that hangs is killed after --timeout: 504, a line that names the request, and where it hung", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--timeout", "1"], async ({ server, url }) => {
    const [before] = pythons(server);
    assert.match(curl("-i", `${url}/hang?secret=1`), /^HTTP\/1.1 504 /);
    await server.logged(new RegExp(`\\[CRITICAL\\] WORKER TIMEOUT \\(python pid:${before}\\) blocked \\d+\\.\\ds; in flight: GET /hang \\(\\d+\\.\\ds\\)\\n`));
    await server.logged(/plain\.py", line \d+ in application/);
    assert.notEqual(Number(curl(`${url}/pid`)), before);
    assert.equal(isAlive(before!), false);
    assert.doesNotMatch(server.log, /secret/);
  });
});

test("a Python process that dies is replaced: 502 for its request, and the next is served", async () => {
  await served("plain", { "plain.py": PLAIN }, [], async ({ server, url }) => {
    const before = curl(`${url}/pid`);
    assert.match(curl("-i", `${url}/die`), /^HTTP\/1.1 502 /);
    await server.logged(new RegExp(`\\[ERROR\\] Python process \\(pid: ${before}\\) ended by SIGKILL`));
    assert.notEqual(curl(`${url}/pid`), before);
  });
});

test("who waits behind a request whose process dies, or whose client goes, gets his own answer, and is asked once", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--admin-bind", "127.0.0.1:0"], async ({ server, folder, port, url }) => {
    const admin = (await server.logged(/Admin listening at: (http:\S+)/))[1]!;
    const inFlight = () => requestsInFlight(admin);
    for (const ends of ["process", "client"]) {
      const [notes, python] = [join(folder, `notes_${ends}`), Number(curl(`${url}/pid`))];
      for (const name of ["begun", "go"]) rmSync(join(folder, name), { force: true });
      const first = connect(port, "127.0.0.1").on("error", () => {});
      first.write(`GET /wait?${folder} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      await server.until(() => readdirSync(folder).includes("begun"), "the first request to be in flight");
      const all = Array.from({ length: 24 }, (_, i) => `note${i}`);
      const rest = all.map((note) => fetch(`${url}/note?${notes}&${note}`).then((response) => response.text()));
      const posted = fetch(`${url}/rest`, { method: "POST", body: "posted" }).then((response) => response.text());
      while (await inFlight() < all.length + 2) await new Promise((resolve) => setTimeout(resolve, 20));
      if (ends === "process") {
        process.kill(python, "SIGKILL");
        let answer = "";
        for await (const data of first) answer += String(data);
        assert.match(answer, /^HTTP\/1\.1 502 /);
      } else {
        first.destroy();
        // Longer than the pool takes to see it.
        await new Promise((resolve) => setTimeout(resolve, 600));
        writeFileSync(join(folder, "go"), "");
      }
      assert.deepEqual(await Promise.all(rest), all);
      assert.match(await posted, /posted/);
      assert.deepEqual(readFileSync(notes, "utf8").trim().split("\n").sort(), [...all].sort());
      assert.equal(Number(curl(`${url}/pid`)) === python, ends === "client");
    }
  });
});

test("with several processes, who waits does so behind quick answers only: where one was slow, the next that is free serves him", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--python-processes", "2", "--admin-bind", "127.0.0.1:0"], async ({ server, folder, url }) => {
    const admin = (await server.logged(/Admin listening at: (http:\S+)/))[1]!;
    const inFlight = () => requestsInFlight(admin);
    const text = async (path: string) => await (await fetch(url + path)).text();
    /** How many of 8 requests that came last are answered while one of the two processes answers nothing. */
    const beside = async (name: string) => {
      const [notes, ...folders] = ["notes", "one", "two"].map((which) => join(folder, `${name}_${which}`)) as [string, string, string];
      for (const one of folders) mkdirSync(one);
      const slow = folders.map((one) => text(`/wait?${one}`));
      for (const one of folders) await server.until(() => readdirSync(one).includes("begun"), "a request that is slow");
      const all = Array.from({ length: 8 }, (_, i) => text(`/note?${notes}&${i}`));
      while (await inFlight() < 10) await new Promise((resolve) => setTimeout(resolve, 20));
      writeFileSync(join(folders[0]!, "go"), "");
      // Served after all who wait in the queue.
      assert.match(await text("/pid"), /^\d+$/);
      const answered = readFileSync(notes, "utf8").trim().split("\n").length;
      writeFileSync(join(folders[1]!, "go"), "");
      assert.deepEqual(await Promise.all([...slow, ...all]), ["waited", "waited", "0", "1", "2", "3", "4", "5", "6", "7"]);
      assert.equal(readFileSync(notes, "utf8").trim().split("\n").length, 8);
      return answered;
    };
    assert.equal(await beside("unknown"), 8);
    // An answer of this machine may be late once, and then nobody is sent ahead.
    for (let tries = 0;; tries++) {
      for (let i = 0; i < 80; i++) await text("/pid");
      if (await beside(`quick_${tries}`) === 5) break;
      assert.ok(tries < 20, "nobody waits behind quick answers");
    }
    assert.equal(await beside("slow"), 8);
  });
});

test("an answer that is not the request's own is shown to nobody", async () => {
  const crooked = `#!/bin/sh\nsed -i 's/self.count += 1/self.count += 2/' "$1" && exec ${PYTHON} "$@"\n`;
  await withFolder({ "plain.py": PLAIN, crooked }, async (folder) => {
    chmodSync(join(folder, "crooked"), 0o755);
    await withServer({ args: ["wsgi", "plain", "-b", "127.0.0.1:0", "--python", join(folder, "crooked")], cwd: folder, env: { TMPDIR: folder } }, async (server) => {
      assert.match(curl("-i", `http://127.0.0.1:${await server.port()}/pid`), /^HTTP\/1.1 500 /);
      await server.logged(/Python process \(pid: \d+\) answered request 2 of its connection, expected 1/);
    });
  });
});

test("--max-requests replaces Python processes, not the worker, and loses nothing", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--max-requests", "20"], async ({ server, port, url }) => {
    const [worker] = server.workers();
    const first = curl(`${url}/pid`);
    let enough = false;
    const under = load({ to: { port }, clients: 4, requests: 100_000, target: "/pid", more: () => !enough });
    await server.logged(new RegExp(`Autorestarting Python process \\(pid: ${first}\\) after 20 requests`));
    await server.until(() => !isAlive(Number(first)), "the process to be replaced");
    enough = true;
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.ok(Object.keys(report.bodies).length >= 2, JSON.stringify(report.bodies));
    assert.deepEqual(server.workers(), [worker]);
  });
});

test("HUP serves new Python code without losing a request, and keeps the old where the new cannot be loaded", async () => {
  await served("version", { "version.py": versioned(1) }, ["--python-processes", "2"], async ({ server, folder, port, url }) => {
    let enough = false;
    const under = load({ to: { port }, clients: 4, requests: 100_000, more: () => !enough });
    writeFileSync(join(folder, "version.py"), versioned(2));
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2 serves/);
    await server.until(() => curl(`${url}/`) === "2", "the new code");
    writeFileSync(join(folder, "version.py"), "import nothing_of_the_kind\n");
    server.signal("HUP");
    await server.logged(/Reload failed, generation 2 keeps serving: .*it imports nothing_of_the_kind, which is not installed/);
    enough = true;
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.deepEqual(Object.keys(report.bodies).sort(), ["1", "2"]);
    assert.equal(curl(`${url}/`), "2");
    await server.until(() => server.workers().length === 1 && pythons(server).length === 2, "the old processes to end");
  });
});

function versioned(version: number): string {
  return `def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"${version}"]
`;
}

test("Python processes end with their worker, whatever ends it", async () => {
  await served("plain", { "plain.py": PLAIN }, ["--python-processes", "2", "--python-threads", "2"], async ({ server, folder, port, url }) => {
    const orphans = pythons(server);
    assert.equal(orphans.length, 2);
    // Not by fetch(), which may ask again when the connection breaks.
    const hanging = connect(port, "127.0.0.1").on("error", () => {});
    hanging.write("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    await server.until(() => curl(`${url}/pid`).length > 0, "an answer beside it");
    process.kill(server.workers()[0]!, "SIGKILL");
    await server.until(() => !orphans.some(isAlive), "Python to end with its worker");
    hanging.destroy();
    await server.serving(2);
    assert.equal(curl(`${url}/pid`).length > 0, true);
    assert.equal(leftovers(folder).length, 1, "the folder of the dead worker has gone");
    const last = pythons(server);
    assert.equal(await server.stop(), 0);
    // INT is quick: nobody waits for them.
    while (last.some(isAlive) || leftovers(folder).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

test("TERM, even to the whole group, waits for what Python is doing", async () => {
  await served("plain", { "plain.py": PLAIN }, [], async ({ server, folder, url }) => {
    const [python] = pythons(server);
    const answer = fetch(`${url}/wait?${folder}`).then((response) => response.text());
    await server.until(() => readdirSync(folder).includes("begun"), "the request to be in flight");
    for (const pid of [python!, ...server.workers(), server.pid]) process.kill(pid, "SIGTERM");
    await server.logged(/Handling signal: term/);
    writeFileSync(join(folder, "go"), "");
    assert.equal(await answer, "waited");
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    assert.equal(isAlive(python!), false);
  });
});

test("a single file that was built mounts Python, and serves it alone", async () => {
  const app = `
import { wrapWsgi } from ${JSON.stringify(join(root, "adapters/python.ts"))};
const python = wrapWsgi("plain", { python: ${JSON.stringify(PYTHON)} });
export const { startup, shutdown } = python;
export default python;
`;
  await withFolder({ "app.ts": app, "plain.py": PLAIN }, async (folder) => {
    const [command = "", ...before] = program();
    const PATH = [join(root, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);
    const built = spawnSync(command, [...before, "build", "app.ts", "--format", "mjs"], { cwd: folder, encoding: "utf8", env: { ...process.env, PATH } });
    assert.equal(built.status, 0, built.stderr);
    const file = runtime === "deno" ? [process.execPath, "run", "-A", "--no-prompt", "app.mjs"] : [process.execPath, "app.mjs"];
    for (const args of [[], ["wsgi", "plain", "--python", PYTHON]]) {
      await withServer({ command: file, args: [...args, "-b", "127.0.0.1:0"], cwd: folder }, async (server) => {
        assert.match(curl(`http://127.0.0.1:${await server.port()}/pid`), /^\d+$/);
      });
    }
  });
});

test("docs/from_wsgi.md: its application is served", async () => {
  const text = readFileSync(join(root, "docs/from_wsgi.md"), "utf8");
  const [, app = ""] = /^```ts\n([^]*?)^```/m.exec(text)!;
  const sources = app.replace('"tsgi"', JSON.stringify(join(root, "mod.ts"))).replace('"tsgi/python"', JSON.stringify(join(root, "adapters/python.ts"))).replace('"python3"', JSON.stringify(PYTHON));
  await withFolder({ "shop.py": FLASK, "app.ts": sources }, async (folder) => {
    await withServer({ args: ["app.ts", "-b", "127.0.0.1:0"], cwd: folder }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      assert.deepEqual([curl(`${url}/`), curl(`${url}/prices`)], ["Hello, World!", "from TypeScript\n"]);
    });
  });
});
