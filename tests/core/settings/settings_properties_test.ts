/** Settings from any sources: everything wrong is reported, nothing throws, and what is printed can be read again. */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import fc from "fast-check";
import type { ConfigReader } from "../../../core/settings/config_file.ts";
import { fromEnvironment } from "../../../core/settings/environment.ts";
import { loadSettings } from "../../../core/settings/load.ts";
import { variableOf } from "../../../core/settings/names.ts";
import { type Entry, resolve } from "../../../core/settings/resolve.ts";
import { rowOf, SETTING_NAMES, type SettingName, TABLE } from "../../../core/settings/table.ts";
import { configObject, printConfig } from "../../../core/settings/usage.ts";
import { property } from "../property.ts";

const COMPUTED = { chdir: "/srv", runtime: "bun" } as const;

const DEFAULTS = resolve([], COMPUTED).settings;

const text = fc.oneof(
  fc.constantFrom("", " ", "0", "1", "-1", "4", "007", "0x1f", "1e3", "500ms", "10m", "2000001", "true", "Yes", "off", "auto", "sync", "gthread", "INFO", "text", "drop"),
  fc.constantFrom("127.0.0.1:8000", ":80", "[::1]:1", "unix:/tmp/a", "fd://3", "fd://1", "host", "a:b:c", "0.0.0.0:99999", "A=1", "A=1,B=2", "=", "a=b=c", "./k.ts", "*", "10.0.0.0/8", "::1"),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const name = fc.constantFrom(...SETTING_NAMES);
const written = fc.oneof({ weight: 4, arbitrary: text }, { weight: 2, arbitrary: fc.integer() }, { weight: 1, arbitrary: fc.boolean() }, { weight: 1, arbitrary: fc.array(text, { maxLength: 3 }) }, { weight: 1, arbitrary: fc.anything() });
const entries = fc.array(fc.tuple(name, written), { maxLength: 8 });

const labelled = (source: readonly (readonly [SettingName, unknown])[], place: string): Entry[] => source.map(([one, what], index) => ({ name: one, written: what, label: `${place} ${index}: ${one}` }));

property("resolve() reports every value that is wrong, each by itself, and settles by the strongest that is right", fc.array(entries, { maxLength: 3 }), (sources) => {
  const all = sources.map((source, index) => labelled(source, `source ${index}`));
  const { settings, problems, sources: labels } = resolve(all, COMPUTED);
  const alone = (entry: Entry) => resolve([[entry]], COMPUTED);
  const wrong = all.flat().filter((entry) => alone(entry).problems.length > 0);
  assert.deepEqual(problems.map((problem) => problem.label), wrong.map((entry) => entry.label));
  for (const { message } of problems) assert.match(message, /^Cannot use source \d \d+: \w+: expected [^]+, got [^]+$/);
  for (const one of new Set(all.flat().map((entry) => entry.name))) {
    const winner = all.flat().findLast((entry) => entry.name === one && !wrong.includes(entry));
    assert.equal(labels[one], winner?.label ?? "default");
    assert.deepEqual(settings[one], winner === undefined ? DEFAULTS[one] : alone(winner).settings[one]);
  }
  printConfig(settings);
});

property("--print-config --json is a config file that settles to the same", entries, (given) => {
  const { settings } = resolve([labelled(given, "given")], COMPUTED);
  const printed = JSON.parse(printConfig(settings, { json: true })) as Record<SettingName, unknown>;
  assert.deepEqual(printed, configObject(settings));
  const shown = SETTING_NAMES.filter((one) => !("configFileOnly" in TABLE[one]) && !(rowOf(one).secret === true) && one !== "env");
  const again = resolve([labelled(shown.map((one) => [one, printed[one]] as const), "printed")], COMPUTED);
  assert.deepEqual(again.problems, []);
  assert.deepEqual(shown.map((one) => again.settings[one]), shown.map((one) => settings[one]));
});

property("what --print-config prints of a setting is what its variable takes", entries, (given) => {
  const { settings } = resolve([labelled(given, "given")], COMPUTED);
  const lines = new Map(printConfig(settings).split("\n").map((line) => [line.split(" ")[0]!, line.slice(line.indexOf(" = ") + 3)]));
  for (const one of new Set(given.map(([named]) => named))) {
    const row = rowOf(one);
    // A text may have a line break in it, or be the word null, and the path of a socket a comma.
    if (settings[one] === null || !["integer", "seconds", "boolean", "choice", "mask", "addresses"].includes(row.kind)) continue;
    if (row.kind === "addresses" && JSON.stringify(settings[one]).includes("unix")) continue;
    const { entries: read, problems } = fromEnvironment({ [variableOf(one)]: lines.get(one)! });
    if (problems.length > 0) continue; // It works only as a flag.
    assert.deepEqual(resolve([read], COMPUTED).settings[one], settings[one], one);
  }
});

const word = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(name, text).map(([one, what]) => `--${one.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}=${what}`) },
  { weight: 1, arbitrary: name.map((one) => `--${one.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`) },
  { weight: 1, arbitrary: fc.constantFrom("-w", "-w4", "-b", "-", "--", "---", "-wwww", "--no-reload", "--no-workers", "--print-config", "--check-config", "--json", "-h", "--version", "app.ts", "app.ts:create()", "--__proto__=1", "--constructor") },
  { weight: 1, arbitrary: text },
);
const env = fc.dictionary(fc.oneof(name.map(variableOf), fc.constantFrom("PORT", "WEB_CONCURRENCY", "TSGI_CMD_ARGS", "TSGI_", "TSGI_WROKERS", "TSGI___PROTO__"), fc.string({ maxLength: 6 })), text, { maxKeys: 5 });

/** A machine with one directory, and in it a config file of these `exports`. */
function reader(exports: Readonly<Record<string, unknown>>): ConfigReader {
  return {
    exists: (path) => ["/srv", "/srv/tsgi.config.ts"].includes(path),
    readText: () => Promise.reject(new Error("no such file")),
    importModule: (path) => path === "/srv/tsgi.config.ts" ? Promise.resolve(exports) : Promise.reject(new Error("no such module")),
    explain: (error) => ({ message: String((error as Error).message) }),
  };
}

const config = fc.oneof(fc.constant({ default: {} }), fc.record({ default: fc.oneof(fc.anything(), fc.dictionary(fc.oneof(name, fc.string({ maxLength: 5 })), written, { maxKeys: 4 })) }));

property("loadSettings() never throws, names the place of every problem, and gives settings that print", fc.record({ argv: fc.array(word, { maxLength: 6 }), env, config }), async ({ argv, env, config }) => {
  const loaded = await loadSettings({ argv, env, cwd: "/srv", runtime: "bun", reader: reader(config), parseArgs });
  for (const { label, message } of loaded.problems) {
    assert.ok(label.length > 0, message);
    assert.doesNotMatch(message, /\n\s+at |expected undefined|\[object Object\]/, message);
  }
  printConfig(loaded.settings);
  JSON.parse(printConfig(loaded.settings, { json: true }));
}, { runs: 500 });

property("loadSettings() reports every wrong flag, however many there are", fc.uniqueArray(fc.constantFrom<readonly [SettingName, string]>(
  ["timeout", "x"], ["backlog", "many"], ["keepAlive", "-1"], ["logLevel", "loud"], ["umask", "rw"], ["bind", "8000"], ["maxRequests", "1.5"], ["canaryErrors", "101"],
), { minLength: 1 }), async (wrong) => {
  const argv = wrong.map(([one, what]) => `--${one.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}=${what}`);
  const { problems } = await loadSettings({ argv, env: {}, cwd: "/srv", runtime: "bun", reader: reader({ default: {} }), parseArgs });
  assert.equal(problems.length, wrong.length, JSON.stringify(problems));
}, { runs: 50 });
