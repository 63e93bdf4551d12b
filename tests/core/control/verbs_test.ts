import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError, findVerb, VERBS } from "../../../core/control/verbs.ts";
import { ago, render } from "../../../core/control/render.ts";

test("findVerb finds names of one and two words, with what follows in the command or in args", () => {
  assert.deepEqual(pick("reload", []), ["reload", []]);
  assert.deepEqual(pick("reload --wait", []), ["reload", ["--wait"]]);
  assert.deepEqual(pick("  show   workers ", []), ["show workers", []]);
  assert.deepEqual(pick("worker", ["add", 2]), ["worker add", ["2"]]);
  assert.deepEqual(pick("worker add", ["2"]), ["worker add", ["2"]]);
});

test("findVerb says which command was meant", () => {
  assert.throws(() => findVerb("show wrokers", []), (error) => error instanceof CommandError && /did you mean "show workers"/.test(error.message));
  assert.throws(() => findVerb("relaod", []), /did you mean "reload"/);
  assert.throws(() => findVerb("dance", []), /Unknown command "dance"; "help" lists all/);
  assert.throws(() => findVerb("", []), /Unknown command ""/);
});

test("render shows nothing that a terminal would obey", () => {
  assert.equal(render("show config", { name: "a\x1b[2Jb\nc", bind: ["x", "y"], none: null }), "name = a\\x1b[2Jb\\x0ac\nbind = x, y\nnone = -\n");
});

test("render gives help for each verb", () => {
  const help = render("help", VERBS.help!.run(undefined as never, []));
  for (const name of Object.keys(VERBS)) assert.ok(help.includes(name), name);
});

test("ago tells a time in the two largest units", () => {
  assert.deepEqual([null, 7.9, 725, 7260, 273_600].map(ago), ["-", "7s", "12m 5s", "2h 1m", "3d 4h"]);
});

function pick(command: string, args: readonly (string | number)[]): [string, readonly string[]] {
  const found = findVerb(command, args);
  return [found.name, found.args];
}
