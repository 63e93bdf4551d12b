import assert from "node:assert/strict";
import { test } from "node:test";
import type { Application } from "../../../core/arbiter/application.ts";
import { upgradable, WebSockets } from "../../../core/arbiter/web_sockets.ts";

/** WebSockets whose clients are told, and a clock that is moved by hand. */
function room() {
  const told: string[] = [];
  let over = () => {};
  let counted = 0;
  const sockets = new WebSockets({ wait: () => new Promise((resolve) => (over = resolve)), counted: (change) => (counted += change) });
  const open = (name: string) => sockets.opened({ close: (code) => told.push(`${name} ${code}`), cut: () => told.push(`${name} cut`) });
  const later = async () => {
    over();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { told, sockets, open, later, counted: () => counted };
}

test("WebSockets counts those that are open", () => {
  const { sockets, open, counted } = room();
  const [one, two] = [open("one"), open("two")];
  assert.deepEqual([sockets.size, counted()], [2, 2]);
  one();
  one();
  assert.deepEqual([sockets.size, counted()], [1, 1]);
  two();
  assert.deepEqual([sockets.size, counted()], [0, 0]);
});

test("goAway() closes all with 1001, and cuts who does not answer", async () => {
  const { told, sockets, open, later, counted } = room();
  const polite = open("polite");
  open("mute");
  sockets.goAway();
  sockets.goAway();
  assert.deepEqual(told.splice(0), ["polite 1001", "mute 1001"]);
  polite();
  assert.equal(sockets.size, 1);
  await later();
  assert.deepEqual([told, sockets.size, counted()], [["mute cut"], 0, 0]);
});

test("goAway() closes also what opens afterwards", () => {
  const { told, sockets, open } = room();
  sockets.goAway();
  open("late")();
  assert.deepEqual([told, sockets.size], [["late 1001"], 0]);
});

test("upgradable() answers 101 to what has become a WebSocket, whatever the application says, and changes nothing else", async () => {
  const upgraded = new WeakSet<Request>();
  const answers: unknown[] = [undefined, new Response(null), Promise.resolve(undefined), Promise.resolve(new Response("x"))];
  for (const answer of answers) {
    const application: Application = { kind: "fetch", fetch: () => answer as Response, websocket: {} };
    const made = upgradable(application, { isUpgraded: (request) => upgraded.has(request) });
    assert.ok(made.kind === "fetch");
    const request = new Request("http://h/");
    assert.equal(await made.fetch(request), await answer);
    upgraded.add(request);
    assert.equal((await made.fetch(request)).status, 101);
  }
  const plain: Application = { kind: "fetch", fetch: () => new Response("x") };
  assert.equal(upgradable(plain, { isUpgraded: () => true }), plain);
});
