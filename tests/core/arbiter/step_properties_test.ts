/**
 * What holds whatever happens to the arbiter: any events in any order, also from workers that lie, that say things twice or after their end.
 * The world below adds only what an operating system guarantees: a process ends once, and one that was sent KILL ends.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { step } from "../../../core/arbiter/arbiter.ts";
import { ARBITER_SIGNALS } from "../../../core/arbiter/signals.ts";
import { arbiter, type Arbiter, type ArbiterEvent, type Effect, isAlive, type Limits } from "../../../core/arbiter/step/state.ts";
import { property } from "../property.ts";

type Happening = ArbiterEvent extends infer E ? E extends ArbiterEvent ? Omit<E, "at"> : never : never;

/** What happens next, told of the nth process that there is. */
type Move =
  | { readonly kind: "wait"; readonly time: number }
  | { readonly kind: "worker"; readonly which: number; readonly does: "advance" | "spawned" | "spawn-failed" | "readied" | "failed" | "listening" | "beat" | "filled" | "left" | "tired" | "exited"; readonly flag: boolean }
  | { readonly kind: "arbiter"; readonly event: Happening };

interface Story {
  readonly limits: Limits;
  readonly covers: boolean;
  readonly moves: readonly Move[];
}

const limits: fc.Arbitrary<Limits> = fc.record({
  workers: fc.integer({ min: 1, max: 4 }),
  timeout: fc.constantFrom(0, 5000),
  bootTimeout: fc.constantFrom(0, 8000),
  gracefulTimeout: fc.constantFrom(3000, 30_000),
  shutdownDelay: fc.constantFrom(0, 2000),
  development: fc.boolean(),
  preflight: fc.boolean(),
  canary: fc.constantFrom(0, 2000),
  canaryErrors: fc.constant(5),
  maxWorkers: fc.constantFrom(4, 6),
  maxSurge: fc.integer({ min: 1, max: 2 }),
}, { requiredKeys: ["workers", "timeout", "bootTimeout", "gracefulTimeout"] });

const signal = fc.constantFrom(...ARBITER_SIGNALS).map((name): Move => ({ kind: "arbiter", event: { type: "signalled", signal: name } }));
const harmless = fc.constantFrom("HUP" as const, "TTIN" as const, "TTOU" as const, "USR1" as const, "USR2" as const).map((name): Move => ({ kind: "arbiter", event: { type: "signalled", signal: name } }));
const worker = fc.record({
  kind: fc.constant("worker" as const),
  which: fc.nat(12),
  does: fc.constantFrom("advance" as const, "advance" as const, "advance" as const, "advance" as const, "advance" as const, "advance" as const, "advance" as const, "spawned" as const, "readied" as const, "listening" as const, "spawn-failed" as const, "failed" as const, "beat" as const, "filled" as const, "left" as const, "tired" as const, "exited" as const),
  flag: fc.boolean(),
});
const other: fc.Arbitrary<Move> = fc.oneof(
  limits.map((found): Happening => ({ type: "configured", limits: found })),
  fc.constantFrom<Happening>(
    { type: "refused", reason: "no" }, { type: "changed", file: "app.ts" }, { type: "fell-back" }, { type: "upgrade-started", pid: 9 }, { type: "upgrade-failed", reason: "no" },
    { type: "successor-exited", ending: { code: 0, signal: null }, reason: null }, { type: "parent-exited" },
  ),
  fc.tuple(fc.integer({ min: 2, max: 6 }), fc.boolean()).map(([generation, holds]): Happening => ({ type: "preflighted", generation, breakage: holds ? null : { reason: "no" } })),
).map((event) => ({ kind: "arbiter", event }));
const wait = fc.constantFrom(1, 100, 250, 1100, 2500).map((time): Move => ({ kind: "wait", time }));

const story = (signals: fc.Arbitrary<Move>): fc.Arbitrary<Story> => fc.record({
  limits,
  covers: fc.boolean(),
  moves: fc.array(fc.oneof({ weight: 12, arbitrary: worker }, { weight: 4, arbitrary: wait }, { weight: 2, arbitrary: other }, { weight: 2, arbitrary: signals }), { maxLength: 80 }),
});

interface Process {
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  phase: "ordered" | "running" | "gone";
  readonly signals: string[];
}

class World {
  state: Arbiter;
  at = 0;
  exits = 0;
  readonly processes: Process[] = [];
  readonly told: string[] = [];

  constructor({ limits, covers }: Story) {
    this.state = arbiter(limits, { covers, daemon: true }, 0);
    this.tell({ type: "started" });
  }

  tell(event: Happening): void {
    const before = this.state;
    const [after, effects] = step(before, { ...event, at: this.at } as ArbiterEvent);
    this.state = after;
    this.told.push(`${this.at} ${JSON.stringify(event)} -> ${effects.filter((effect) => effect.type !== "log").map((effect) => JSON.stringify(effect)).join(" ")}`);
    for (const effect of effects) this.#carryOut(effect, before);
    this.#check(before, event, effects);
  }

  move(move: Move): void {
    if (move.kind === "wait") this.pass(move.time);
    else if (move.kind === "arbiter") this.tell(move.event);
    else this.#happen(move);
  }

  /** Time goes by in ticks. */
  pass(time: number): void {
    const end = this.at + time;
    while (this.at < end) {
      this.at = Math.min(end, this.at + 250);
      this.tell({ type: "ticked", beats: new Map(this.running.filter(({ id }) => id % 3 === 0).map(({ id }) => [id, this.at])) });
      this.murdered();
    }
  }

  /** What was sent KILL ends. */
  murdered(): void {
    for (const one of this.processes) if (one.phase === "running" && one.signals.includes("KILL")) this.exit(one, { code: null, signal: "SIGKILL" });
  }

  /** It does what is to be done next, if it was told to. */
  advance(one: Process): void {
    const { id, slot } = one;
    if (one.phase === "ordered") {
      one.phase = "running";
      return this.tell({ type: "spawned", id, pid: 1000 + id });
    }
    const worker = this.state.workers.find((w) => w.id === id);
    if (one.phase === "gone" || worker === undefined) return;
    if (one.signals.length > 0 || worker.phase === "draining") return this.exit(one, { code: 0, signal: null });
    if (worker.phase === "booting") return this.tell({ type: "readied", id });
    if (worker.phase === "ready" && worker.listens.includes(slot)) return this.tell({ type: "listening", id, slot });
    if (worker.full) return this.tell({ type: "filled", id, full: false });
    this.tell({ type: "beat", id });
  }

  exit(one: Process, ending: { readonly code: number | null; readonly signal: string | null }): void {
    if (one.phase !== "running") return;
    one.phase = "gone";
    this.tell({ type: "exited", id: one.id, ending });
  }

  get running(): Process[] {
    return this.processes.filter((one) => one.phase === "running");
  }

  holds(claim: boolean, what: string): void {
    assert.ok(claim, `${what}\n${this.told.slice(-25).join("\n")}`);
  }

  #happen({ which, does, flag }: Extract<Move, { kind: "worker" }>): void {
    const one = this.processes[this.processes.length - 1 - (which % Math.max(1, this.processes.length))];
    if (one === undefined) return;
    const { id, slot } = one;
    if (does === "advance") return this.advance(one);
    if (does === "spawned" || does === "spawn-failed") {
      if (one.phase !== "ordered") return;
      one.phase = does === "spawned" ? "running" : "gone";
      return this.tell(does === "spawned" ? { type: does, id, pid: 1000 + id } : { type: does, id, reason: "no memory" });
    }
    if (does === "exited") return this.exit(one, flag ? { code: 1, signal: null } : { code: null, signal: "SIGSEGV" });
    // A message may be late, after its sender's end, but never comes before it began.
    if (one.phase === "ordered") return;
    if (does === "failed") return this.tell({ type: does, id, exitCode: flag ? 3 : 4, reason: "no" });
    if (does === "listening") return this.tell({ type: does, id, slot: flag ? slot : slot + 1 });
    if (does === "filled") return this.tell({ type: does, id, full: flag });
    if (does === "tired") return this.tell({ type: does, id, faulty: flag });
    return this.tell({ type: does, id });
  }

  #carryOut(effect: Effect, before: Arbiter): void {
    if (effect.type === "exit") this.exits++;
    if (effect.type === "spawn") {
      const { id, slot, generation } = effect;
      this.holds(!this.processes.some((one) => one.id === id), `worker ${id} is spawned once`);
      this.processes.push({ id, slot, generation, phase: "ordered", signals: [] });
    }
    if (effect.type !== "kill") return;
    const one = this.processes.find(({ id }) => id === effect.id)!;
    this.holds(one.phase === "running", `${effect.signal} goes to ${effect.id}, which is ${one.phase}`);
    this.holds(!one.signals.includes("KILL"), `${effect.id} is killed after it was killed`);
    // A graceful stop orders everybody to go, also who was ordered before; and a quick one once more.
    const most = this.state.phase === "serving" ? 1 : 2;
    this.holds(one.signals.filter((sent) => sent === effect.signal).length < most, `${effect.signal} goes to ${effect.id} again, from phase ${before.phase}`);
    one.signals.push(effect.signal);
  }

  #check(before: Arbiter, event: Happening, effects: readonly Effect[]): void {
    const { state } = this;
    const known = new Set(state.workers.map(({ id }) => id));
    for (const one of this.processes) this.holds(one.phase === "gone" || known.has(one.id), `${one.id} lives and is forgotten`);
    for (const { id } of state.workers) this.holds(this.processes.find((one) => one.id === id)!.phase !== "gone", `${id} is gone and remembered`);
    // One of each generation in a slot, and beside it those that wait for it to serve.
    const spawned = effects.filter((effect) => effect.type === "spawn");
    for (const { id, slot, generation } of spawned) {
      const rivals = state.workers.filter((w) => w.id !== id && w.slot === slot && w.generation === generation && isAlive(w) && !w.outgoing);
      this.holds(rivals.length === 0, `${id} is spawned in slot ${slot}, which has ${rivals.map((w) => w.id).join()}`);
    }
    const { reload } = state;
    if (spawned.length > 0 && reload?.phase === "booting" && reload.limits.maxSurge !== undefined) {
      const most = Math.max(state.target, reload.targetBefore) + reload.limits.maxSurge;
      this.holds(state.workers.length <= most, `${state.workers.length} processes in a rolling reload, more than ${most}`);
    }
    if (spawned.length > 0) this.holds(state.phase === "serving", "nobody is spawned when the end has begun");
    const generations = reload?.phase === "booting" ? 2 : 1;
    const most = Math.max(state.target, reload?.phase === "booting" ? reload.targetBefore : 0);
    const fresh = state.workers.filter((w) => isAlive(w) && !w.outgoing && w.slot < most);
    if (spawned.length > 0) this.holds(fresh.length <= generations * most, `${fresh.length} workers for ${most} slots`);
    // The arbiter never takes the last one away itself while it is to serve.
    const served = (of: Arbiter) => of.workers.filter((w) => w.phase === "serving").map((w) => w.id);
    const dismissed = effects.flatMap((effect) => (effect.type === "kill" && effect.signal !== "ABRT" && served(before).includes(effect.id) ? [effect.id] : []));
    if (dismissed.length > 0 && state.phase === "serving" && state.target > 0) this.holds(served(state).length > 0, `${dismissed.join()} told to go, and nobody serves, at ${JSON.stringify(event)}`);
    this.holds(this.exits === (state.phase === "halted" ? 1 : 0), `${this.exits} exits in phase ${state.phase}`);
  }
}

property("step() remembers every process until its end, has one worker a slot, kills nobody twice, and never dismisses the last who serves", story(harmless), (told) => {
  const world = new World(told);
  for (const move of told.moves) {
    world.move(move);
    world.murdered();
  }
}, { runs: 3000 });

property("step() halts when everybody has gone after TERM, from any state, once, and leaves nobody", story(signal), (told) => {
  const world = new World(told);
  for (const move of told.moves) {
    world.move(move);
    world.murdered();
  }
  for (const _ of [1, 2]) world.tell({ type: "signalled", signal: "TERM" });
  for (const one of world.processes.filter(({ phase }) => phase === "ordered")) {
    one.phase = "running";
    world.tell({ type: "spawned", id: one.id, pid: 1000 + one.id });
  }
  const [stubborn, ...others] = world.running;
  for (const one of others) world.exit(one, { code: 0, signal: null });
  world.holds(stubborn === undefined || world.state.phase === "halting", "it waits for the last one");
  // Who never goes is murdered.
  world.pass(70_000);
  world.holds(world.state.phase === "halted" && world.running.length === 0, `${world.state.phase} with ${world.running.length} processes`);
}, { runs: 1000 });

property("step() comes to rest with every slot served, whatever has happened, when all goes well from then on", story(harmless), (told) => {
  const world = new World(told);
  for (const move of told.moves) world.move(move);
  if (world.state.phase !== "serving") return;
  // A successor serves from the same sockets, and may be there for ever.
  world.tell({ type: "upgrade-failed", reason: "no" });
  let quiet = 0;
  for (let round = 0; round < 1200 && quiet < 8; round++) {
    well(world);
    world.pass(250);
    quiet = isAtRest(world.state) ? quiet + 1 : 0;
  }
  world.holds(isAtRest(world.state), `at rest: ${JSON.stringify(world.state, null, 1)}`);
}, { runs: 600 });

/** Every process does what it was told, and is heard. */
function well(world: World): void {
  const { reload } = world.state;
  if (reload?.phase === "reading") world.tell({ type: "configured", limits: { ...world.state.limits, canary: 0, workers: Math.max(1, world.state.limits.workers) } });
  if (reload?.phase === "checking") world.tell({ type: "preflighted", generation: reload.generation, breakage: null });
  for (const one of world.processes) world.advance(one);
}

/** One worker of the serving generation in each slot, nobody else, and nothing under way. */
function isAtRest({ workers, target, generation, reload, restoring, slots, covers }: Arbiter): boolean {
  const isServed = (slot: number) => workers.some((w) => w.phase === "serving" && w.listens.includes(slot));
  return reload === null && restoring === null && workers.length === target &&
    workers.every((w) => w.phase === "serving" && w.generation === generation && !w.outgoing) &&
    new Set(workers.map((w) => w.slot)).size === target &&
    Array.from({ length: covers && target > 0 ? slots : target }, (_, slot) => slot).every(isServed);
}
