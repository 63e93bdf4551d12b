import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { type AppInterface, type Application, AppLoadError, loadApplication, type Loader } from "../../../core/arbiter/application.ts";

type Module = Record<string, unknown>;

/** The port over modules that are at hand. A function in place of a module is what the import does. */
function loader(modules: Readonly<Record<string, Module | (() => never)>>): Loader {
  return {
    importModule: async (specifier) => {
      const module = modules[specifier.replace("file:///srv/", "")];
      if (module === undefined) throw Object.assign(new Error(`Cannot find module '${specifier}'`), { code: "MODULE_NOT_FOUND" });
      return typeof module === "function" ? module() : module;
    },
    resolve: (path) => new URL(path, "file:///srv/").href,
    exists: (url) => Object.hasOwn(modules, url.replace("file:///srv/", "")),
  };
}

function load(uri: string, module: Module, wanted: AppInterface = "auto"): Promise<Application> {
  return loadApplication(uri, { ...loader({ "app.ts": module }), interface: wanted });
}

async function refusal(loading: Promise<unknown>): Promise<[message: string, exitCode: number, detail: string | undefined]> {
  const error = await loading.then(() => assert.fail("it was loaded"), (error: unknown) => error);
  assert.ok(error instanceof AppLoadError, String(error));
  assert.doesNotMatch(error.message, /\n/);
  return [error.message, error.exitCode, error.detail];
}

const app = (_environ: unknown, _startResponse: unknown): string[] => [];
const other = (): string[] => [];

test("loadApplication() without a name takes the default export, then application, then app", async () => {
  assert.deepEqual(await load("app.ts", { default: app, application: other }), { kind: "tsgi", app });
  assert.deepEqual(await load("app.ts", { app: other, application: app }), { kind: "tsgi", app });
  assert.deepEqual(await load("app.ts", { app, helper: other }), { kind: "tsgi", app });
  assert.deepEqual(await load("app.ts:helper", { default: app, helper: other }), { kind: "tsgi", app: other });
});

test("loadApplication() takes any function for a TSGI application, whatever its parameters", async () => {
  const functions = [app, () => [], async () => [], function* () {}, async function* () {}, (request: Request) => new Response(request.url), class {}];
  for (const one of functions) assert.deepEqual(await load("app.ts", { default: one }), { kind: "tsgi", app: one });
});

test("loadApplication() takes an object with fetch() for a Fetch handler, and keeps its this", async () => {
  class Site {
    readonly #name = "site";
    fetch(request: Request, ...platform: unknown[]): Response {
      return new Response(`${this.#name} ${new URL(request.url).pathname} ${platform.join()}`);
    }
  }
  const loaded = await load("app.ts", { default: new Site() });
  assert.equal(loaded.kind, "fetch");
  if (loaded.kind === "fetch") assert.equal(await (await loaded.fetch(new Request("http://h/x"), 1, 2)).text(), "site /x 1,2");
});

test("loadApplication() takes a Hono instance for a Fetch handler", async () => {
  const hono = new Hono();
  hono.get("/x", (context) => context.text("hono"));
  const loaded = await load("app.ts", { default: hono });
  assert.ok(loaded.kind === "fetch");
  assert.equal(await (await loaded.fetch(new Request("http://h/x"))).text(), "hono");
});

test("loadApplication() goes by --interface", async () => {
  const handler = (request: Request): Response => new Response(request.url);
  const loaded = await load("app.ts", { default: handler }, "fetch");
  assert.ok(loaded.kind === "fetch" && loaded.fetch === handler);
  assert.equal((await load("app.ts", { default: { fetch: handler } }, "fetch")).kind, "fetch");
  assert.equal((await load("app.ts", { default: app }, "tsgi")).kind, "tsgi");
  assert.deepEqual(await refusal(load("app.ts", { default: { fetch: handler } }, "tsgi")), [
    "Cannot load app.ts: the default export is an object with fetch(), which --interface tsgi cannot call, expected an application (environ, startResponse)",
    4,
    undefined,
  ]);
});

test("loadApplication() follows dotted names, and keeps the this of a method", async () => {
  const api = { inner: { names: ["x"], handler(): string[] { return this.names; } } };
  const loaded = await load("app.ts:api.inner.handler", { api });
  assert.ok(loaded.kind === "tsgi");
  assert.deepEqual(loaded.app({} as never, (() => {}) as never), ["x"]);
});

test("loadApplication() calls a factory with its literals, and awaits it", async () => {
  const calls: unknown[] = [];
  const make = async (...args: unknown[]): Promise<typeof app> => {
    calls.push(args);
    return await Promise.resolve(app);
  };
  assert.deepEqual(await load('app.ts:create("production", { debug: false })', { create: make }), { kind: "tsgi", app });
  assert.deepEqual(calls, [["production", { debug: false }]]);
  const maker = { app, create() { return this.app; } };
  assert.deepEqual(await load("app.ts:maker.create()", { maker }), { kind: "tsgi", app });
  assert.equal((await load("app.ts:create()", { create: () => ({ fetch: () => new Response() }) })).kind, "fetch");
});

test("loadApplication() gives startup and shutdown where they are functions", async () => {
  const [startup, shutdown] = [async () => {}, () => {}];
  assert.deepEqual(await load("app.ts", { default: app, startup, shutdown }), { kind: "tsgi", app, startup, shutdown });
  assert.deepEqual(await load("app.ts", { default: app, startup: 5, shutdown }), { kind: "tsgi", app, shutdown });
});

test("loadApplication() finds a file without its ending, and leaves packages to the port", async () => {
  const modules = { "app.ts": { default: app }, "dir/site.js": { app: other }, "npm:site@1": { app }, site: { app }, "@x/y/z": { app } };
  for (const uri of ["app", "app.ts", "./app.ts", "./app", "/srv/app.ts", "file:///srv/app.ts", "npm:site@1", "site", "@x/y/z:app"]) {
    assert.deepEqual(await loadApplication(uri, loader(modules)), { kind: "tsgi", app }, uri);
  }
  assert.deepEqual(await loadApplication("dir/site:app", loader(modules)), { kind: "tsgi", app: other });
});

test("loadApplication() says which application a module lacks, exit code 4", async () => {
  const cases: [string, Module, string][] = [
    ["app.ts", { handler: app, version: 1 }, 'Cannot load app.ts: no default export and no "application" or "app", write "export default application"; it exports handler, version'],
    ["app.ts", {}, 'Cannot load app.ts: no default export and no "application" or "app", write "export default application"; it exports nothing'],
    ["app.ts:aplication", { application: app }, 'Cannot load app.ts:aplication: no export "aplication", did you mean "application"?'],
    ["app.ts:zzz", { application: app, b: 1 }, 'Cannot load app.ts:zzz: no export "zzz"; it exports application, b'],
    ["app.ts:api.handlr", { api: { handler: app } }, 'Cannot load app.ts:api.handlr: api has no "handlr", did you mean "handler"?'],
    ["app.ts:api.x.y", { api: { x: 5 } }, 'Cannot load app.ts:api.x.y: api.x is a number, it has no "y"'],
    ["app.ts", { default: 5 }, "Cannot load app.ts: the default export is a number, expected an application (environ, startResponse) or an object with fetch()"],
    ["app.ts", { default: undefined, app }, "Cannot load app.ts: the default export is undefined, expected an application (environ, startResponse) or an object with fetch()"],
    ["app.ts:config", { config: { fetch: "no" } }, "Cannot load app.ts:config: config is an object without fetch(), expected an application (environ, startResponse) or an object with fetch()"],
    ["app.ts", { app: [app] }, "Cannot load app.ts: app is an array, expected an application (environ, startResponse) or an object with fetch()"],
    ["app.ts", { default: Promise.resolve(app) }, 'Cannot load app.ts: the default export is a Promise, expected an application (environ, startResponse) or an object with fetch(), write "export default await ..."'],
    ["app.ts:create()", { create: app, default: app }, "Cannot load app.ts:create(): what create() returned is an array, expected an application (environ, startResponse) or an object with fetch()"],
    ["app.ts:create()", { create: { app } }, "Cannot load app.ts:create(): create is an object without fetch(), not a function that makes an application"],
    ["app.ts:create(x=1)", { create: app }, 'Cannot load "app.ts:create(x=1)": the arguments of create() are not literals: keyword argument x=, arguments have only places here: pass an object, { x: ... }'],
  ];
  for (const [uri, module, message] of cases) assert.deepEqual(await refusal(load(uri, module)), [message, 4, undefined]);
});

test("loadApplication() says which module is missing or failed, exit code 3", async () => {
  const modules = {
    "app.ts": () => { throw new Error("no database\nat all"); },
    "text.ts": () => { throw "only text"; },
    "nothing.ts": () => { throw undefined; },
    "trap.ts": () => { throw Object.create(Error.prototype, { message: { get() { throw new Error("no"); } } }); },
    "make.ts": { create() { throw new TypeError("bad argument"); }, async later() { await Promise.reject(new Error("later")); } },
    "project/wsgi.ts": { app },
  };
  const failing = (uri: string) => refusal(loadApplication(uri, loader(modules)));
  assert.deepEqual(await failing("absent.ts"), ["Cannot load absent.ts: no such file", 3, undefined]);
  assert.deepEqual(await failing("./absent"), ["Cannot load ./absent: no such file, with or without .ts .tsx .mts .js .mjs .jsx .cjs", 3, undefined]);
  assert.deepEqual(await failing("absent:app"), ["Cannot load absent: no such file, and no such package", 3, undefined]);
  assert.deepEqual(await failing("project.wsgi:app"), ["Cannot load project.wsgi: no such file, and no such package, did you mean project/wsgi.ts?", 3, undefined]);
  const [message, exitCode, detail] = await failing("app.ts");
  assert.deepEqual([message, exitCode], ["Cannot load app.ts: it threw Error: no database", 3]);
  assert.match(detail!, /no database\nat all/);
  assert.deepEqual(await failing("text.ts"), ['Cannot load text.ts: it threw "only text"', 3, undefined]);
  assert.deepEqual(await failing("nothing.ts"), ["Cannot load nothing.ts: it threw undefined", 3, undefined]);
  assert.equal((await failing("trap.ts"))[0], "Cannot load trap.ts: it threw something that cannot be shown");
  assert.deepEqual((await failing("make.ts:create()")).slice(0, 2), ["Cannot load make.ts:create(): create() threw TypeError: bad argument", 3]);
  assert.deepEqual((await failing("make.ts:later()")).slice(0, 2), ["Cannot load make.ts:later(): later() threw Error: later", 3]);
});
