import assert from "node:assert/strict";
import { test } from "node:test";
import { defineConfig } from "../../../core/settings/config.ts";
import { fromConfig } from "../../../core/settings/config_file.ts";
import { hasWorkerHooks, HOOK_NAMES, hookOf, HOOKS, nearestHook } from "../../../core/settings/hooks.ts";
import { isSettingName } from "../../../core/settings/names.ts";
import { settingsPage } from "../../../core/settings/page.ts";

const messages = (written: unknown, options?: { readonly json: boolean }) => fromConfig(written, "c.ts", options).problems.map((problem) => problem.message);

/** A function that declares `count` parameters. */
function taking(count: number): (...args: never[]) => void {
  return Function(...Array.from({ length: count }, (_, i) => `p${i}`), "") as (...args: never[]) => void;
}

test("HOOKS has gunicorn's hooks in camelCase", () => {
  const gunicorn =
    "on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_int worker_abort pre_request post_request child_exit worker_exit nworkers_changed pre_exec on_exit";
  const camel = gunicorn.split(" ").map((name) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()));
  assert.deepEqual(HOOK_NAMES.toSorted(), camel.toSorted());
  assert.deepEqual(HOOK_NAMES.filter(isSettingName), []);
});

test("fromConfig() separates hooks from settings", () => {
  const onExit = () => {};
  const preSpawn = (_server: unknown, _worker: unknown) => {};
  const { entries, hooks, problems } = fromConfig({ workers: 2, onExit, preSpawn, postFork: undefined }, "c.ts");
  assert.deepEqual([entries.map((entry) => entry.name), hooks, problems], [["workers"], { onExit, preFork: preSpawn }, []]);
});

test("fromConfig() takes a hook with the hook's number of parameters or none, and no other", () => {
  for (const name of HOOK_NAMES) {
    const { parameters, least } = HOOKS[name];
    for (let count = 0; count <= 6; count++) {
      const fits = count === 0 || (count >= least && count <= parameters.length);
      assert.equal(messages({ [name]: taking(count) }).length, fits ? 0 : 1, `${name} with ${count}`);
    }
  }
  const arities = Object.fromEntries(HOOK_NAMES.map((name) => [name, [HOOKS[name].least, HOOKS[name].parameters.length]]));
  assert.deepEqual(arities, {
    nworkersChanged: [3, 3], onStarting: [1, 1], whenReady: [1, 1], onReload: [1, 1], preFork: [2, 2], postFork: [2, 2], postWorkerInit: [1, 1],
    preRequest: [2, 2], postRequest: [2, 4], workerInt: [1, 1], workerAbort: [1, 1], workerExit: [2, 2], childExit: [2, 3], preExec: [1, 1], onExit: [1, 1],
  });
});

test("fromConfig() names the hook and what is wrong with it", () => {
  assert.deepEqual(messages({ onExit: "echo", childExit: taking(1), preFork: taking(0), preSpawn: taking(0) }), [
    'Cannot use c.ts: onExit: expected a function with 1 parameter (server) or none, got "echo"',
    "Cannot use c.ts: childExit: expected a function with 2 to 3 parameters (server, worker, ending) or none, got one with 1",
    "Cannot use c.ts: preSpawn: preFork and preSpawn are one hook, write only one of them",
  ]);
  assert.deepEqual(messages({ onExit: "echo" }, { json: true }), ["Cannot use c.ts: onExit: a hook is a function, which JSON cannot hold, write tsgi.config.ts instead"]);
});

test("fromConfig() answers gunicorn's names and slips with the hook that is meant", () => {
  for (const name of [...HOOK_NAMES, "preSpawn"]) {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    assert.equal(nearestHook(snake, { slips: false }), name);
    assert.deepEqual(messages({ [snake]: taking(0) }), [`Cannot use c.ts: ${snake}: there is no such setting, did you mean ${name}?`]);
  }
  assert.deepEqual(messages({ onExt: taking(0) }), ["Cannot use c.ts: onExt: there is no such setting, did you mean onExit?"]);
  assert.equal(hookOf("toString"), undefined);
});

test("hasWorkerHooks() is false where a worker need not read the config file", () => {
  for (const name of HOOK_NAMES) assert.equal(hasWorkerHooks({ [name]: taking(0) }), HOOKS[name].side === "worker", name);
  assert.equal(hasWorkerHooks({}), false);
});

test("settingsPage() has every hook", () => {
  const page = settingsPage();
  for (const name of HOOK_NAMES) assert.ok(page.includes(`### ${name}\n`), name);
  assert.ok(page.includes("`postRequest(worker, request[, environ[, response]])`"));
});

test("defineConfig() types the parameters of hooks", () => {
  const config = defineConfig({
    workers: 2,
    async preFork(server, worker) {
      const numWorkers: number = server.numWorkers;
      const pid: null = worker.pid;
      server.log.info(`${numWorkers} ${pid}`);
    },
    postFork(server, worker) {
      const pid: number = worker.pid;
      // @ts-expect-error only the arbiter knows
      worker.log.debug(`${pid} ${server.numWorkers}`);
    },
    childExit: (_server, _worker, { code, signal }) => void [code?.toFixed(), signal?.length],
  });
  assert.equal(config.preFork.length, 2);
  // @ts-expect-error a hook is a function
  defineConfig({ onExit: "echo" });
});
