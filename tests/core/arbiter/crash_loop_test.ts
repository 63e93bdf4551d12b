import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../../core/arbiter/arbiter.ts";
import { arbiter, type ArbiterEvent } from "../../../core/arbiter/step/state.ts";

test("step() starts a worker that ends at once at most 10 times in 30 s, and never touches the healthy one", () => {
  let state = arbiter({ workers: 2, timeout: 30_000, bootTimeout: 60_000, gracefulTimeout: 30_000 }, { covers: true }, 0);
  let spawns = 0;
  const touched: number[] = [];
  const happen = (event: ArbiterEvent): void => {
    const [after, effects] = step(state, event);
    state = after;
    for (const effect of effects) {
      if (effect.type === "kill") touched.push(effect.id);
      if (effect.type !== "spawn") continue;
      const { id, slot } = effect;
      const { at } = event;
      happen({ type: "spawned", id, pid: 100 + id, at });
      if (slot === 0) {
        happen({ type: "readied", id, at });
        happen({ type: "listening", id, slot, at });
      } else {
        spawns++;
        happen({ type: "exited", id, ending: { code: 1, signal: null }, at });
      }
    }
  };
  happen({ type: "started", at: 0 });
  for (let at = 250; at <= 30_000; at += 250) {
    happen({ type: "beat", id: 1, at });
    happen({ type: "ticked", at });
  }
  assert.ok(spawns > 2 && spawns <= 10, `${spawns} times`);
  assert.deepEqual(touched, []);
});
