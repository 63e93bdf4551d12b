/** Server hooks: every one writes a line, and the lines come in gunicorn's order. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { curl, runtime, Server, withFolder, withServer } from "./server.ts";

const APP = `
import { existsSync } from "node:fs";
console.error("app imported");
export default async (environ, startResponse) => {
  if (environ.PATH_INFO === "/throw") throw new Error("broken");
  if (environ.PATH_INFO === "/block") {
    const rest = new Int32Array(new SharedArrayBuffer(4));
    while (!existsSync("woken")) Atomics.wait(rest, 0, 0, 10);
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  if (environ.PATH_INFO !== "/stream") return ["hello"];
  return (async function* () {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield "part";
    }
  })();
};
`;

/** Each hook writes its name, after \`prefix\`, the age of the worker, and what else it was told. */
const config = (prefix = "", more = "") => `
import { appendFileSync } from "node:fs";
const say = (...words) => appendFileSync("hooks.txt", ${JSON.stringify(prefix)} + words.map(String).join(" ") + "\\n");
export default {
  app: "app.ts",
  bind: "127.0.0.1:0",
  nworkersChanged: (server, newValue, oldValue) => say("nworkersChanged", newValue, oldValue),
  onStarting: async (server) => { await null; say("onStarting"); },
  whenReady: async (server) => { await new Promise((resolve) => setTimeout(resolve, 20)); say("whenReady"); },
  onReload: async (server) => { await null; say("onReload"); },
  preFork: async (server, worker) => { await null; say("preFork", worker.age, worker.pid); },
  postFork: async (server, worker) => { await new Promise((resolve) => setTimeout(resolve, 20)); say("postFork", worker.age); },
  postWorkerInit: async (worker) => { await null; say("postWorkerInit", worker.age); },
  preRequest: (worker, request) => say("preRequest", worker.age, request.method, new URL(request.url).pathname),
  postRequest: (worker, request, environ, response) => say("postRequest", worker.age, new URL(request.url).pathname, environ?.PATH_INFO, response.status, response.bytes),
  workerInt: async (worker) => { await null; say("workerInt", worker.age); },
  workerAbort: async (worker) => { await null; say("workerAbort", worker.age); },
  workerExit: async (server, worker) => { await new Promise((resolve) => setTimeout(resolve, 20)); say("workerExit", worker.age); },
  childExit: async (server, worker, ending) => { await new Promise((resolve) => setTimeout(resolve, 20)); say("childExit", worker.age, ending.code ?? ending.signal); },
  onExit: async (server) => { await new Promise((resolve) => setTimeout(resolve, 20)); say("onExit"); },
  ${more}
};
`;

const BOOT = ["nworkersChanged 1 null", "onStarting", "whenReady", ...birth(1)];

function birth(age: number): string[] {
  return [`preFork ${age} null`, `postFork ${age}`, `postWorkerInit ${age}`];
}

class Lines {
  readonly #file: string;
  readonly #server: Server;
  #seen = 0;

  constructor(folder: string, server: Server) {
    this.#file = join(folder, "hooks.txt");
    this.#server = server;
  }

  /** The lines since the last call, when there are \`count\`. */
  async next(count: number): Promise<string[]> {
    await this.#server.until(() => this.#all().length >= this.#seen + count, `${count} more lines after ${JSON.stringify(this.#all())}`);
    return this.rest();
  }

  rest(): string[] {
    const lines = this.#all().slice(this.#seen);
    this.#seen += lines.length;
    return lines;
  }

  #all(): string[] {
    try {
      return readFileSync(this.#file, "utf8").split("\n").slice(0, -1);
    } catch {
      return []; // Nothing is written yet.
    }
  }
}

async function hooked(files: Readonly<Record<string, string>>, args: readonly string[], use: (server: Server, lines: Lines, folder: string) => Promise<void>): Promise<void> {
  await withFolder({ "app.ts": APP, "tsgi.config.ts": config(), ...files }, async (folder) => {
    await withServer({ args, cwd: folder }, (server) => use(server, new Lines(folder, server), folder));
  });
}

async function follows(lines: Lines, expected: readonly string[]): Promise<void> {
  assert.deepEqual(await lines.next(expected.length), expected);
}

test("tsgi calls the hooks in gunicorn's order: boot, requests, HUP, TTIN, TTOU, TERM", async () => {
  await hooked({}, [], async (server, lines, folder) => {
    const port = await server.port();
    await follows(lines, BOOT);
    assert.equal(curl(`http://127.0.0.1:${port}/a`), "hello");
    await follows(lines, ["preRequest 1 GET /a", "postRequest 1 /a /a 200 5"]);
    assert.equal(curl(`http://127.0.0.1:${port}/stream`), "partpartpart");
    await follows(lines, ["preRequest 1 GET /stream", "postRequest 1 /stream /stream 200 12"]);
    curl(`http://127.0.0.1:${port}/throw`);
    await follows(lines, ["preRequest 1 GET /throw", "postRequest 1 /throw /throw 500 21"]);

    writeFileSync(join(folder, "tsgi.config.ts"), config("new "));
    server.signal("HUP");
    // gunicorn ends the old worker before the new one is ready.
    const fresh = ["nworkersChanged 1 1", "onReload", ...birth(2)].map((line) => `new ${line}`);
    await follows(lines, [...fresh, "workerExit 1", "childExit 1 0"]);
    assert.equal(curl(`http://127.0.0.1:${port}/b`), "hello");
    await follows(lines, ["new preRequest 2 GET /b", "new postRequest 2 /b /b 200 5"]);

    server.signal("TTIN");
    await follows(lines, ["nworkersChanged 2 1", ...birth(3)].map((line) => `new ${line}`));
    await server.until(() => server.workers().length === 2, "two workers");
    server.signal("TTOU");
    await follows(lines, ["nworkersChanged 1 2", "workerExit 3", "childExit 3 0"].map((line) => `new ${line}`));
    server.signal("TTOU");
    await server.logged(/Handling signal: ttou[^]*Handling signal: ttou/);

    server.signal("TERM");
    assert.equal((await server.ended).code, 0);
    assert.deepEqual(lines.rest(), ["workerExit 2", "childExit 2 0", "onExit"].map((line) => `new ${line}`));
    assert.doesNotMatch(server.log, /\[WARNING\]|\[CRITICAL\]|Exception in/);
  });
});

test("tsgi calls the hooks in gunicorn's order: ABRT, INT", async () => {
  await hooked({}, [], async (server, lines) => {
    await server.port();
    await follows(lines, BOOT);
    process.kill(server.workers()[0]!, "SIGABRT");
    await follows(lines, ["workerAbort 1", "workerExit 1", "childExit 1 1", ...birth(2)]);
    server.signal("INT");
    assert.equal((await server.ended).code, 0);
    assert.deepEqual(lines.rest(), ["workerInt 2", "workerExit 2", "childExit 2 0", "onExit"]);
  });
});

test("tsgi calls workerAbort for a silent worker whose loop turns again, and has its successor started meanwhile", async () => {
  await hooked({}, ["-t", "1"], async (server, lines, folder) => {
    const port = await server.port();
    await follows(lines, BOOT);
    const asked = fetch(`http://127.0.0.1:${port}/block`).then((response) => response.text(), () => "cut off");
    await server.logged(/WORKER TIMEOUT/);
    writeFileSync(join(folder, "woken"), "");
    await asked;
    const seen: string[] = [];
    const of = (age: number) => seen.filter((line) => line.split(" ")[1] === String(age) && !line.includes("Request"));
    await server.until(() => (seen.push(...lines.rest()), of(1).length >= 3 && of(2).length >= 3), "both workers' hooks");
    assert.deepEqual(of(1), ["workerAbort 1", "workerExit 1", "childExit 1 1"]);
    assert.deepEqual(of(2), birth(2));
  });
});

test("tsgi reloads with a hook's veto, and with its hooks taken away", async () => {
  await hooked({}, [], async (server, lines, folder) => {
    const port = await server.port();
    await follows(lines, BOOT);
    writeFileSync(join(folder, "tsgi.config.ts"), config("new ", "workers: 2, onReload: async () => { throw new Error('not at noon'); },"));
    server.signal("HUP");
    await server.logged(/Reload failed, generation 1 keeps serving: onReload\(\) failed: Error: not at noon/);
    await follows(lines, ["new nworkersChanged 2 1", "nworkersChanged 1 2"]);
    curl(`http://127.0.0.1:${port}/`);
    await follows(lines, ["preRequest 1 GET /", "postRequest 1 / / 200 5"]);

    writeFileSync(join(folder, "tsgi.config.ts"), `export default { app: "app.ts", bind: "127.0.0.1:0" };`);
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2/);
    await follows(lines, ["workerExit 1", "childExit 1 0"]);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "hello");
    assert.equal(await server.stop(), 0);
    assert.deepEqual(lines.rest(), []);
  });
});

test("tsgi calls postFork before the application is imported, and tells hooks what there is to know", async () => {
  const known = `
    const shown = (server) => [server.pid, server.settings.timeout, server.addresses.length, server.numWorkers].join();
    export default {
      app: "app.ts", bind: "127.0.0.1:0",
      whenReady: (server) => server.log.info("ready " + shown(server)),
      preSpawn: (server, worker) => worker.log.warning("unborn " + [worker.id, worker.pid, worker.age, worker.generation, shown(server)]),
      postFork: (server, worker) => worker.log.info("born " + [worker.id, worker.pid === ${runtime === "deno" ? "Deno" : "process"}.pid, worker.requests, shown(server)]),
      postRequest: (worker, request) => worker.log.error(["requests", worker.requests, request.method, request.headers.get("x-a")].join(" ")),
      childExit: (server, worker) => server.log.info("dead " + [worker.pid, server.numWorkers]),
      onExit: () => {},
    };`;
  await hooked({ "tsgi.config.ts": known }, [], async (server) => {
    const port = await server.port();
    await server.logged(/born/);
    assert.match(server.log, new RegExp(`\\[INFO\\] ready ${server.pid},30,1,1\n`));
    assert.match(server.log, new RegExp(`\\[WARNING\\] unborn 0,,1,1,${server.pid},30,1,1\n`));
    const [pid] = server.workers();
    await server.logged(/app imported/);
    assert.match(server.log, new RegExp(`\\[${pid}\\] \\[INFO\\] born 0,true,0,${server.pid},30,1,\n[^]*app imported`));
    curl("-H", "X-A: b", `http://127.0.0.1:${port}/stream`);
    await server.logged(new RegExp(`\\[${pid}\\] \\[ERROR\\] requests 1 GET b\n`));
    assert.equal(await server.stop(), 0);
    assert.match(server.log, new RegExp(`\\[INFO\\] dead ${pid},1\n`));
  });
});

test("tsgi hooks the requests of a Fetch application", async () => {
  const app = `export default { fetch(request) {
    if (request.url.endsWith("/throw")) throw new Error("broken");
    return new Response("hello", { status: 201, headers: { "x-a": "b" } });
  } };`;
  const hooks = `
    export default {
      app: "app.ts", bind: "127.0.0.1:0",
      async preRequest(worker, request) {
        await null;
        if (request.headers.get("x-refuse")) throw new RangeError("refused");
        worker.log.info("before " + request.method);
      },
      async postRequest(worker, request, environ, response) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const { status, headers, bytes, error } = response;
        worker.log.info("after " + JSON.stringify([new URL(request.url).pathname, environ, status, Object.fromEntries(headers)["x-a"] ?? null, bytes, String(error)]));
      },
    };`;
  await hooked({ "app.ts": app, "tsgi.config.ts": hooks }, [], async (server) => {
    const port = await server.port();
    const status = (...args: readonly string[]) => curl("-o", "/dev/null", "-w", "%{http_code}", ...args);
    assert.equal(status(`http://127.0.0.1:${port}/`), "201");
    await server.logged(/before GET\n.*after \["\/",null,201,"b",null,"null"\]/);
    assert.equal(status(`http://127.0.0.1:${port}/throw`), "500");
    await server.logged(/after \["\/throw",null,500,null,null,"Error: broken"\]/);
    assert.equal(status("-H", "x-refuse: 1", `http://127.0.0.1:${port}/no`), "500");
    await server.logged(/Error handling request GET .*\/no: RangeError: refused/);
    await server.logged(/after \["\/no",null,500,null,null,"RangeError: refused"\]/);
    // The last is waited for.
    curl(`http://127.0.0.1:${port}/last`);
    server.signal("TERM");
    assert.equal((await server.ended).code, 0);
    assert.match(server.log, /after \["\/last"/);
  });
});

test("tsgi answers 500 when preRequest throws, and serves on when postRequest does", async () => {
  const hooks = `
    export default {
      app: "app.ts", bind: "127.0.0.1:0",
      preRequest(worker, request) {
        if (request.url.endsWith("/no")) throw new RangeError("refused");
      },
      postRequest(worker, request) {
        throw new Error("too late");
      },
    };`;
  await hooked({ "tsgi.config.ts": hooks }, [], async (server) => {
    const port = await server.port();
    assert.equal(curl(`http://127.0.0.1:${port}/`), "hello");
    await server.logged(/\[ERROR\] Exception in postRequest hook: Error: too late\n/);
    assert.equal(curl("-o", "/dev/null", "-w", "%{http_code}", `http://127.0.0.1:${port}/no`), "500");
    await server.logged(/Error handling request GET \/no\n[^]*RangeError: refused/);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "hello");
    assert.equal(server.log.match(/Booting worker/g)?.length, 1);
  });
});

const FAILING: readonly (readonly [string, number, RegExp])[] = [
  ["onStarting: async () => { throw new Error('no licence'); }", 1, /Exception in onStarting hook: Error: no licence\n[^]*Reason: onStarting\(\) failed: Error: no licence\n$/],
  ["whenReady() { throw new Error('no'); }", 1, /Listening at[^]*Reason: whenReady\(\) failed: Error: no\n$/],
  ["nworkersChanged() { throw new Error('no'); }", 1, /Reason: nworkersChanged\(\) failed: Error: no\n$/],
  ["preFork() { throw new Error('no'); }", 3, /Cannot start a worker: preFork\(\) failed: Error: no\n[^]*Reason: Worker failed to boot\.\n$/],
  ["postFork() { throw new Error('no'); }", 3, /Cannot boot: postFork\(\) failed: Error: no\n[^]*Reason: Worker failed to boot\.\n$/],
  ["async postWorkerInit() { throw new Error('no'); }", 3, /Cannot boot: postWorkerInit\(\) failed: Error: no\n[^]*Reason: Worker failed to boot\.\n$/],
];

for (const [hook, code, said] of FAILING) {
  test(`tsgi ends with ${code} when a hook does not let it start: ${hook}`, async () => {
    await withFolder({ "app.ts": APP, "tsgi.config.ts": `export default { app: "app.ts", bind: "127.0.0.1:0", ${hook} };` }, async (folder) => {
      const server = new Server({ args: [], cwd: folder });
      assert.deepEqual(await server.ended, { code, signal: null }, server.log);
      assert.match(server.log, said);
    });
  });
}

test("tsgi stops while a hook is under way that would never end", async () => {
  const never = "() => new Promise(() => {})";
  for (const [hook, begun] of [["onStarting", /Starting/], ["whenReady", /Using worker/], ["preFork", /Using worker/]] as const) {
    await withFolder({ "app.ts": APP, "tsgi.config.ts": `export default { app: "app.ts", bind: "127.0.0.1:0", ${hook}: ${never} };` }, async (folder) => {
      const server = new Server({ args: [], cwd: folder });
      await server.logged(begun);
      const since = performance.now();
      server.signal("TERM");
      assert.deepEqual(await server.ended, { code: 0, signal: null }, server.log);
      assert.ok(performance.now() - since < 5000, hook);
      assert.match(server.log, /Handling signal: term[^]*Shutting down: Master\n$/);
      assert.doesNotMatch(server.log, /did not finish|Booting worker/);
    });
  }
});

test("tsgi says which hook it did not wait for when workers end, and ends all the same", async () => {
  const never = "() => new Promise(() => {})";
  await hooked({ "tsgi.config.ts": `export default { app: "app.ts", bind: "127.0.0.1:0", workerInt: ${never}, workerExit: ${never} };` }, [], async (server) => {
    await server.port();
    await server.logged(/app imported/);
    assert.equal(await server.stop(), 0);
    assert.match(server.log, /Hook workerInt did not finish within 0\.8 s[^]*Hook workerExit did not finish within 0\.8 s/);
    assert.doesNotMatch(server.log, /SIGKILL/);
  });
});

test("tsgi reaps and replaces workers while a hook is under way that would never end", async () => {
  await hooked({ "tsgi.config.ts": `export default { app: "app.ts", bind: "127.0.0.1:0", childExit: (server, worker) => new Promise(() => {}) };` }, [], async (server) => {
    const port = await server.port();
    await server.logged(/app imported/);
    for (let deaths = 1; deaths <= 2; deaths++) {
      const [pid] = server.workers();
      const from = server.log.length;
      process.kill(pid!, "SIGKILL");
      await server.logged(new RegExp(`Worker \\(pid:${pid}\\) was sent SIGKILL!`), { from, within: 5_000 });
      await server.logged(/app imported/, { from, within: 5_000 });
    }
    assert.equal(curl("--retry", "5", "--retry-all-errors", `http://127.0.0.1:${port}/`), "hello");
    server.signal("KILL");
    await server.ended;
  });
});

test("tsgi refuses hooks that could not be called, all at once", async () => {
  const wrong = `export default { on_exit() {}, preFork: (worker) => {}, onReload: 5, postRequest: (a, b, c, d, e) => {}, sslContext() {} };`;
  await withFolder({ "app.ts": APP, "tsgi.config.ts": wrong, "x.json": '{ "onExit": "f" }' }, async (folder) => {
    const server = new Server({ args: ["app.ts"], cwd: folder });
    assert.deepEqual(await server.ended, { code: 1, signal: null });
    assert.equal(server.log, [
      "",
      "Error: Cannot use tsgi.config.ts: on_exit: there is no such setting, did you mean onExit?",
      "Error: Cannot use tsgi.config.ts: preFork: expected a function with 2 parameters (server, worker) or none, got one with 1",
      "Error: Cannot use tsgi.config.ts: onReload: expected a function with 1 parameter (server) or none, got 5",
      "Error: Cannot use tsgi.config.ts: postRequest: expected a function with 2 to 4 parameters (worker, request, environ, response) or none, got one with 5",
      "Error: Cannot use tsgi.config.ts: sslContext: the runtime's native server makes its TLS context itself; use certfile, keyfile, ca_certs, cert_reqs, ciphers and tls_min_version, or a proxy in front",
      "",
    ].join("\n"));
    const json = new Server({ args: ["app.ts", "-c", "x.json"], cwd: folder });
    assert.deepEqual(await json.ended, { code: 1, signal: null });
    assert.match(json.log, /Cannot use x\.json: onExit: a hook is a function, which JSON cannot hold, write tsgi\.config\.ts instead/);
  });
});
