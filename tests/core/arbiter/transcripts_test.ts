/**
 * The arbiter's stories. Each tests/transcripts/*.txt holds events and, indented, the effects that step() answered with.
 *
 * NB: when a story breaks, run `REWRITE=1 npm test` and read the difference aloud. Commit it only if no line surprises you.
 *
 *     limits workers=2 timeout=30            first line: the settings, in seconds
 *     0.2 readied 1                          an event at a time, with its worker's id
 *     5 ticking beats=1,2 shows=3            ticks up to then, four a second; these workers beat before every other one, those show it
 *     !phase                                 a look at the workers as they are
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { step } from "../../../core/arbiter/arbiter.ts";
import { arbiter, type Arbiter, type ArbiterEvent, type Effect, type Limits } from "../../../core/arbiter/step/state.ts";
import { MESSAGES } from "../../../core/logging/messages.ts";

const directory = new URL("../../transcripts/", import.meta.url);

for (const name of readdirSync(directory).filter((n) => n.endsWith(".txt")).sort()) {
  test(`step() tells the story ${name}`, () => {
    const file = new URL(name, directory);
    const text = readFileSync(file, "utf8");
    const told = retell(text);
    if (process.env.REWRITE) writeFileSync(file, told);
    else assert.equal(told, text);
  });
}

test("step() has a story for every way a server lives and ends", () => {
  const names = readdirSync(directory).map((n) => n.replace(/\.txt$/, ""));
  const wanted = [
    "boot", "crash", "crash_loop", "silent_worker", "suspended_machine", "reload", "reload_that_fails", "grow", "shrink",
    "graceful_stop", "second_term", "quick_stop", "app_cannot_load", "spawn_fails", "preflight_fails", "canary_fails", "canary_holds",
    "warmup_fails", "rolling_reload", "rolling_reload_that_fails", "hang_up_while_rolling",
    "upgrade", "upgrade_promoted", "upgrade_rolled_back", "upgrade_that_fails",
  ];
  assert.deepEqual(wanted.filter((w) => !names.includes(w)), []);
});

/** The same text with the effects worked out anew. */
function retell(text: string): string {
  const lines: string[] = [];
  let state: Arbiter | undefined;
  let now = 0;
  const happen = (event: ArbiterEvent, shown: string | null) => {
    if (!state) throw new Error("Cannot tell a story whose first line is not: limits workers=N ...");
    const [after, effects] = step(state, event);
    state = after;
    if (shown === null && effects.length > 0) lines.push(`${event.at / 1000} ...`);
    for (const effect of effects) lines.push(`    ${effectText(effect)}`);
  };
  for (const line of text.split("\n")) {
    if (line.startsWith("    ") || line.endsWith(" ...")) continue;
    lines.push(line);
    if (line === "" || line.startsWith("#")) continue;
    const [first = "", second = "", ...rest] = line.split(/\s+/);
    if (first === "limits") {
      state = arbiter(limitsOf([second, ...rest]), { covers: !line.includes("covers=no"), daemon: line.includes("daemon=yes"), ...origin(line) }, 0);
      continue;
    }
    if (first === "!phase") {
      for (const w of state?.workers ?? []) lines.push(`    worker ${w.id} slot=${w.slot} generation=${w.generation} ${w.phase} listens=${w.listens.join(",")}`);
      continue;
    }
    const until = Number(first) * 1000;
    if (second === "ticking") {
      const named = (key: string) => rest.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1).split(",").map(Number) ?? [];
      const beats = new Map<number, number>();
      for (now = Math.floor(now / 250) * 250 + 250; now <= until; now += 250) {
        if (now % 500 === 0) for (const id of named("beats")) happen({ type: "beat", id, at: now }, null);
        if (now % 500 === 0) for (const id of named("shows")) beats.set(id, now);
        happen({ type: "ticked", at: now, beats }, null);
      }
      now = until;
      continue;
    }
    now = until;
    happen(eventOf(second, rest, now), line);
  }
  return lines.join("\n");
}

/** `slots=N` and `parent=PID` of an arbiter that takes another one's place. */
function origin(line: string): { readonly slots?: number; readonly parent?: number } {
  const slots = / slots=(\d+)/.exec(line)?.[1];
  const parent = / parent=(\d+)/.exec(line)?.[1];
  return { ...(slots ? { slots: Number(slots) } : {}), ...(parent ? { parent: Number(parent) } : {}) };
}

function limitsOf(words: readonly string[]): Limits {
  const given = Object.fromEntries(words.map((w) => w.split("=")));
  const millis = (key: string, fallback: number) => Number(given[key] ?? fallback) * 1000;
  return {
    workers: Number(given.workers ?? 1),
    ...(given["max-workers"] === undefined ? {} : { maxWorkers: Number(given["max-workers"]) }),
    timeout: millis("timeout", 30),
    bootTimeout: millis("boot-timeout", 60),
    gracefulTimeout: millis("graceful-timeout", 30),
    shutdownDelay: millis("shutdown-delay", 0),
    development: given.development === "yes",
    preflight: given.preflight === "yes",
    ...(given.canary === undefined ? {} : { canary: millis("canary", 0), canaryErrors: Number(given["canary-errors"] ?? 5) }),
    ...(given["max-surge"] === undefined ? {} : { maxSurge: Number(given["max-surge"]) }),
  };
}

function eventOf(type: string, words: readonly string[], at: number): ArbiterEvent {
  const id = Number(words[0]);
  const given = Object.fromEntries(words.filter((w) => w.includes("=")).map((w) => w.split("=")));
  const reason = words.filter((w) => !w.includes("=") && !/^\d+$/.test(w)).join(" ");
  switch (type) {
    case "started":
    case "ticked":
      return { type, at };
    case "signalled":
      return { type, at, signal: words[0] as "TERM" };
    case "spawned":
      return { type, at, id, pid: Number(given.pid ?? 100 + id) };
    case "spawn-failed":
      return { type, at, id, reason };
    case "beat":
      return { type, at, id, ...(given.answers === undefined ? {} : { tally: { answers: Number(given.answers), errors: Number(given.errors ?? 0) } }) };
    case "readied":
    case "left":
      return { type, at, id };
    case "failed":
      return { type, at, id, exitCode: Number(given.code) as 3 | 4, reason };
    case "listening":
      return { type, at, id, slot: Number(given.slot) };
    case "tired":
      return { type, at, id, faulty: given.faulty === "yes" };
    case "fell-back":
      return { type, at };
    case "filled":
      return { type, at, id, full: given.full === "yes" };
    case "exited":
      return { type, at, id, ending: { code: given.code === undefined ? null : Number(given.code), signal: given.signal ?? null }, ...(given.oom === "yes" ? { outOfMemory: true } : {}) };
    case "changed":
      return { type, at, file: words[0]! };
    case "configured":
      return { type, at, limits: limitsOf(words) };
    case "refused":
    case "upgrade-failed":
      return { type, at, reason: words.join(" ") };
    case "preflighted":
      return { type, at, generation: Number(given.generation), breakage: reason === "" ? null : { reason } };
    case "upgrade-started":
      return { type, at, pid: Number(given.pid) };
    case "successor-exited":
      return { type, at, ending: { code: given.code === undefined ? null : Number(given.code), signal: given.signal ?? null }, reason: reason === "" ? null : reason };
    case "parent-exited":
      return { type, at };
  }
  throw new Error(`Cannot tell what happened: no event is called ${type}`);
}

function effectText(effect: Effect): string {
  switch (effect.type) {
    case "spawn":
      return `spawn ${effect.id} slot=${effect.slot} generation=${effect.generation}${effect.canary ? " as canary" : ""}`;
    case "preflight":
      return `preflight generation=${effect.generation}`;
    case "listen":
    case "unlisten":
      return `${effect.type} ${effect.id} slot=${effect.slot}`;
    case "kill":
      return `kill ${effect.id} ${effect.signal}`;
    case "log":
      return `log ${effect.level}: ${MESSAGES[effect.event](effect.fields)}${effect.of === undefined ? "" : ` [and what ${effect.of} has in flight]`}`;
    case "exit":
      return `exit ${effect.code}`;
    case "show-error":
      return `show-error ${effect.breakage.reason}`;
    case "end-preflight":
    case "read-configuration":
    case "reopen-logs":
    case "upgrade":
    case "promote":
      return effect.type;
  }
}
