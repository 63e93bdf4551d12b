/** What a reload promises whatever happens meanwhile: random worlds around step(), each told by its seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../../core/arbiter/arbiter.ts";
import { arbiter, type Arbiter, type ArbiterEvent, type Effect, isAlive, type Limits, type Worker } from "../../../core/arbiter/step/state.ts";

const LIMITS: Limits = { workers: 3, timeout: 30_000, bootTimeout: 60_000, gracefulTimeout: 30_000 };

interface Story {
  readonly seed: number;
  /** How many of a thousand boots and preflights of a new generation fail. */
  readonly boots: number;
  /** How many of a thousand quarters of a second end a worker that serves. */
  readonly crashes: number;
  readonly limits: Partial<Limits>;
  readonly workers: readonly number[];
}

/** Workers that do what they are told, a little later, or break. Time goes from event to event. */
class World {
  state: Arbiter;
  at = 0;
  readonly reloaded: number[] = [];
  readonly failed: string[] = [];
  readonly #story: Story;
  readonly #look: (world: World) => void;
  #random: number;
  #due: { readonly at: number; readonly event: () => ArbiterEvent | null }[] = [];
  readonly #gone = new Set<number>();

  constructor(story: Story, look: (world: World) => void) {
    this.#story = story;
    this.#look = look;
    this.#random = story.seed * 2654435761 % 2 ** 32;
    this.state = arbiter({ ...LIMITS, ...story.limits, workers: story.workers[0]! }, { covers: true }, 0);
    this.#tell({ type: "started", at: 0 });
    this.#after(0, () => this.#tick());
  }

  /** Lets time pass until `until`. */
  run(until: number): void {
    while (true) {
      this.#due.sort((a, b) => a.at - b.at);
      const next = this.#due[0];
      if (!next || next.at > until) break;
      this.#due.shift();
      this.at = next.at;
      const event = next.event();
      if (event) this.#tell(event);
    }
    this.at = until;
  }

  hangUp(): void {
    this.#tell({ type: "signalled", signal: "HUP", at: this.at });
  }

  chance(thousandth: number): boolean {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return (this.#random >>> 8) % 1000 < thousandth;
  }

  #later(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return 1 + (this.#random >>> 8) % 400;
  }

  #after(time: number, event: () => ArbiterEvent | null): void {
    const at = this.at + time;
    this.#due.push({ at, event });
  }

  #tick(): ArbiterEvent {
    this.#after(250, () => this.#tick());
    for (const worker of this.state.workers) {
      if (worker.phase !== "serving" && worker.phase !== "draining") continue;
      if (worker.phase === "serving" && this.chance(this.#story.crashes)) this.#after(1, () => this.#exit(worker.id));
      this.#after(2, () => (this.#gone.has(worker.id) ? null : { type: "beat", id: worker.id, at: this.at }));
    }
    return { type: "ticked", at: this.at };
  }

  #exit(id: number): ArbiterEvent | null {
    if (this.#gone.has(id)) return null;
    this.#gone.add(id);
    return { type: "exited", id, ending: { code: 1, signal: null }, at: this.at };
  }

  #tell(event: ArbiterEvent): void {
    const [after, effects] = step(this.state, event);
    this.state = after;
    for (const effect of effects) this.#carryOut(effect);
    this.#look(this);
  }

  #carryOut(effect: Effect): void {
    if (effect.type === "log") {
      if (effect.event === "reloaded") this.reloaded.push(Number(effect.fields.generation));
      if (effect.event === "reload-failed") this.failed.push(String(effect.fields.reason));
    } else if (effect.type === "spawn") {
      const { id, generation } = effect;
      const said = (event: ArbiterEvent): ArbiterEvent | null => (this.#gone.has(id) ? null : event);
      this.#after(1, () => said({ type: "spawned", id, pid: 100 + id, at: this.at }));
      const breaks = generation > 1 && this.chance(this.#story.boots);
      this.#after(1 + this.#later(), () => (breaks ? this.#break(id) : said({ type: "readied", id, at: this.at })));
    } else if (effect.type === "listen") {
      const { id, slot } = effect;
      this.#after(this.#later() / 10, () => (this.#gone.has(id) ? null : { type: "listening", id, slot, at: this.at }));
    } else if (effect.type === "kill") {
      const { id } = effect;
      if (effect.signal === "TERM") this.#after(20, () => (this.#gone.has(id) ? null : { type: "left", id, at: this.at }));
      this.#after(effect.signal === "TERM" ? 1000 + this.#later() : 5, () => this.#exit(id));
    } else if (effect.type === "read-configuration") {
      const turn = this.reloaded.length + this.failed.length + 1;
      const workers = this.#story.workers[turn % this.#story.workers.length]!;
      this.#after(this.#later(), () => ({ type: "configured", limits: { ...LIMITS, ...this.#story.limits, workers }, at: this.at }));
    } else if (effect.type === "preflight") {
      const { generation } = effect;
      const breakage = this.chance(this.#story.boots) ? { reason: "broken" } : null;
      this.#after(this.#later(), () => ({ type: "preflighted", generation, breakage, at: this.at }));
    }
  }

  #break(id: number): ArbiterEvent | null {
    if (this.#gone.has(id)) return null;
    this.#after(5, () => this.#exit(id));
    return { type: "failed", id, exitCode: 3, reason: "broken", at: this.at };
  }
}

function accepts(worker: Worker, slot: number): boolean {
  return worker.phase === "serving" && worker.listens.includes(slot);
}

function stories(limits: Partial<Limits>, workers: readonly number[]): Story[] {
  return Array.from({ length: 60 }, (_, i) => ({ seed: i + 1, boots: [0, 80, 300][i % 3]!, crashes: 0, limits, workers }));
}

const STRATEGIES: readonly (readonly [string, Partial<Limits>])[] = [
  ["surge", {}],
  ["surge with preflight and canary", { preflight: true, canary: 2000 }],
  ["rolling, one at a time", { maxSurge: 1 }],
  ["rolling, two at a time, with preflight and canary", { maxSurge: 2, preflight: true, canary: 1000 }],
];

for (const [name, limits] of STRATEGIES) {
  for (const workers of [[1], [3], [2, 4, 1]]) {
    test(`step() keeps every slot served and its surplus bounded, ${name}, ${workers.join(" then ")} workers`, () => {
      for (const story of stories(limits, workers)) {
        let hasServed = false;
        const world = new World(story, ({ state, at }) => {
          const where = `seed ${story.seed} at ${at}`;
          if (limits.maxSurge !== undefined) {
            const most = Math.max(...workers) + limits.maxSurge;
            assert.ok(state.workers.length <= most, `${state.workers.length} processes, ${where}`);
          }
          hasServed ||= state.workers.filter((w) => w.phase === "serving").length >= workers[0]!;
          if (!hasServed) return;
          // Nobody crashed: whatever fails, the slots of those who serve are never without one.
          const least = Math.min(...workers);
          for (let slot = 0; slot < least; slot++) assert.ok(state.workers.some((w) => accepts(w, slot)), `nobody accepts at slot ${slot}, ${where}`);
        });
        world.run(3000);
        for (let i = 0; i < 6; i++) {
          world.hangUp();
          world.run(world.at + 300 + i * 700);
        }
        world.run(world.at + 180_000);
        const { state } = world;
        const where = `seed ${story.seed}`;
        assert.equal(state.reload, null, `a reload that never ends, ${where}`);
        assert.equal(state.restoring, null, `a way back that never ends, ${where}`);
        assert.equal(state.workers.length, state.target, where);
        assert.ok(state.workers.every((w) => w.phase === "serving" && w.generation === state.generation), where);
        assert.ok(world.reloaded.length + world.failed.length >= 2, where);
        if (story.boots === 0) assert.deepEqual(world.failed, [], where);
      }
    });
  }
}

test("step() settles after crashes in the middle of rolling reloads, and always has somebody who serves", () => {
  for (let seed = 1; seed <= 80; seed++) {
    const story: Story = { seed, boots: 100, crashes: 4, limits: { maxSurge: 1, preflight: true, canary: seed % 2 === 0 ? 1000 : 0 }, workers: [3] };
    let crashing = true;
    const world = new World({ ...story, get crashes() { return crashing ? 4 : 0; } }, ({ state, at }) => {
      assert.ok(state.workers.length <= 4, `${state.workers.length} processes, seed ${seed} at ${at}`);
    });
    world.run(3000);
    for (let i = 0; i < 8; i++) {
      world.hangUp();
      world.run(world.at + 1500);
      assert.ok(world.state.workers.some(isAlive), `nobody lives, seed ${seed}`);
    }
    crashing = false;
    world.run(world.at + 300_000);
    assert.ok(world.state.workers.every((w) => w.phase === "serving" && w.generation === world.state.generation), `seed ${seed}`);
    assert.equal(world.state.workers.length, 3, `seed ${seed}`);
    assert.equal(world.state.restoring, null, `seed ${seed}`);
  }
});
