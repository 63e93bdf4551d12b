/**
 * The corpus against a live tsgi, and against the runtime's own server.
 *
 * observed.json tells what each of them does with each case, as `statuses | what the application saw`; a test fails when one of them changes
 * its mind, and REWRITE=1 notes it. What tsgi must do is in the corpus, and where it does not, in deviations.ts.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { root, runtime, withServer } from "../e2e/server.ts";
import type { Case } from "./case.ts";
import { CORPUS } from "./corpus.ts";
import { DEVIATIONS } from "./deviations.ts";
import { serveNative } from "./native_echo.ts";
import { ask, type Outcome, talk } from "./talk.ts";

const ECHO = join(root, "tests/wire/echo_app.ts");
const OBSERVED = join(root, "tests/wire/observed.json");
/** Connections at a time. */
const AT_ONCE = 16;

test("the corpus has at least 120 cases, each with a name of its own, and a deviation names only what there is", () => {
  const ids = CORPUS.map(({ id }) => id);
  assert.ok(ids.length >= 120, `${ids.length} cases`);
  assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
  const named = DEVIATIONS.flatMap(({ cases, mended = [] }) => [...Object.values(cases).flat(), ...mended]);
  assert.deepEqual(named.filter((id) => !ids.includes(id)), []);
});

test("tsgi does with each case of the corpus what a strict origin does, but for named deviations", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", ECHO] }, async (server) => {
    const port = await server.port();
    const [worker] = server.workers();
    const outcomes = await run(port);
    const named = deviating();
    const wrong = CORPUS.flatMap((one) => {
      const why = complaint(one, outcomes.get(one.id)!);
      if (why !== null && !named.has(one.id)) return [`${one.id} ${one.claim}: ${why}`];
      return why === null && named.has(one.id) ? [`${one.id} ${one.claim}: is as it should be, take it out of deviations.ts`] : [];
    });
    assert.deepEqual(wrong, []);
    assert.deepEqual(smuggled(outcomes), []);
    await ask(port, "/");
    assert.deepEqual(server.workers(), [worker], "no worker died");
    observe(`tsgi on ${runtime}`, outcomes);
  });
});

test("tsgi --strict-headers does so in the cases that it is for, and takes what is right", async () => {
  const mended = new Set(DEVIATIONS.flatMap((one) => one.mended ?? []));
  const named = deviating();
  await withServer({ args: ["-b", "127.0.0.1:0", "--strict-headers", ECHO] }, async (server) => {
    const outcomes = await run(await server.port());
    const wrong = CORPUS.flatMap((one) => {
      const why = named.has(one.id) && !mended.has(one.id) ? null : complaint(one, outcomes.get(one.id)!);
      return why === null ? [] : [`${one.id} ${one.claim}: ${why}`];
    });
    assert.deepEqual(wrong, []);
    const refused = [["P13", 417], ["E18", runtime === "deno" ? 501 : 400], ["H04", 400]] as const;
    for (const [id, status] of refused) assert.deepEqual(outcomes.get(id)?.statuses, [status], id);
  });
});

test("the runtime's own server does with the corpus what observed.json says", async () => {
  const native = await serveNative();
  if (native === null) return; // Node's takes no handler of this kind.
  try {
    observe(runtime, await run(native.port));
  } finally {
    await Promise.race([native.stop(), new Promise((resolve) => setTimeout(resolve, 1000))]);
  }
});

test("SECURITY.md has a row for each deviation, and names only tests that there are", () => {
  const page = readFileSync(join(root, "SECURITY.md"), "utf8");
  const named = new Set(Array.from(page.matchAll(/`(tests\/[^`]*_test\.ts)`/g), ([, path]) => path!));
  assert.ok(named.size > 20);
  assert.deepEqual([...named].filter((path) => !existsSync(join(root, path))), []);
  assert.deepEqual(DEVIATIONS.filter(({ name }) => !page.includes(`| ${name} |`)).map(({ name }) => name), []);
});

async function run(port: number): Promise<Map<string, Outcome>> {
  const waiting = [...CORPUS];
  const outcomes = new Map<string, Outcome>();
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) outcomes.set(one.id, await talk(port, [one.raw], one.answers));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

function deviating(): ReadonlySet<string> {
  return new Set(DEVIATIONS.flatMap(({ cases }) => cases[runtime] ?? []));
}

/** What is wrong with the outcome; null if nothing is. */
function complaint({ expect, orRefuse, smuggles }: Case, outcome: Outcome): string | null {
  const { statuses, seen, goesOn } = outcome;
  const isRefused = seen.length === 0 && statuses.every((status) => status >= 400);
  if (isRefused && (expect === "refuse" || orRefuse)) return smuggles && goesOn ? "refused, but what follows on the connection is served" : null;
  if (expect === "refuse") return `expected a refusal, got ${shown(outcome)}`;
  const isTaken = JSON.stringify(seen) === JSON.stringify(expect) && statuses.length === expect.length && statuses.every((status) => status === 200);
  return isTaken ? null : `expected ${JSON.stringify(expect).slice(0, 200)}, got ${shown(outcome)}`;
}

/** Cases in which something was read as a request that is none by anybody's reading. */
function smuggled(outcomes: ReadonlyMap<string, Outcome>): string[] {
  return CORPUS.filter(({ id, smuggles }) => smuggles && outcomes.get(id)!.seen.some(([, target]) => target === "/smuggled")).map(({ id, claim }) => `${id} ${claim}`);
}

function observe(server: string, outcomes: ReadonlyMap<string, Outcome>): void {
  const all = JSON.parse(readFileSync(OBSERVED, "utf8")) as Record<string, Record<string, string>>;
  const now = Object.fromEntries(CORPUS.map(({ id }) => [id, shown(outcomes.get(id)!)]));
  if (process.env.REWRITE) {
    const ids = CORPUS.map(({ id }) => [id, { ...all[id], [server]: now[id] }]);
    writeFileSync(OBSERVED, `{\n${ids.map(([id, by]) => `  ${JSON.stringify(id)}: ${JSON.stringify(by)}`).join(",\n")}\n}\n`);
    return;
  }
  assert.deepEqual(now, Object.fromEntries(CORPUS.map(({ id }) => [id, all[id]?.[server]])));
}

function shown({ statuses, seen }: Outcome): string {
  const requests = seen.map((one) => JSON.stringify(one).replace(/([a-zA-Z0-9])\1{50,}/g, "$1...")).join(" ");
  return `${statuses.join(" ") || "closed"} | ${requests || "nothing"}`;
}
