import assert from "node:assert/strict";
import { test } from "node:test";
import { fromConfig } from "../../../core/settings/config_file.ts";
import { resolve } from "../../../core/settings/resolve.ts";
import { NAMES, SETTING_NAMES, TABLE } from "../../../core/settings/table.ts";
import { flagText, helpText, printConfig, redacted, versionText } from "../../../core/settings/usage.ts";

const COMPUTED = { chdir: "/srv", runtime: "deno" } as const;
const entries = [
  { name: "bind", written: ["unix:/a", ":80"], label: "" },
  { name: "env", written: { API_KEY: "k", MODE: "x" }, label: "" },
  { name: "app", written: "app.ts", label: "" },
  { name: "umask", written: "027", label: "" },
] as const;

test("helpText() lists every flag with its default in at most 100 columns", () => {
  const help = helpText();
  assert.match(help, /^usage: tsgi \[OPTIONS\] \[APP\]\n/);
  for (const name of NAMES) if (!("positional" in TABLE[name] || "configFileOnly" in TABLE[name])) assert.ok(help.includes(`  ${flagText(name)}`), name);
  assert.deepEqual(help.split("\n").filter((line) => line.length > 100), []);
  assert.match(help, /-w, --workers INT\|auto .*\n.*\n?.*\[default: 1\]/);
  assert.match(help, /--server-header, --no-server-header\n/);
  assert.match(help, /--error-logfile, --log-file FILE\n/);
});

test("versionText() is gunicorn's form", () => {
  assert.equal(versionText("0.1.0"), "tsgi (version 0.1.0)\n");
});

test("printConfig() is sorted and aligned as gunicorn's, with secrets hidden", () => {
  const lines = printConfig(resolve([entries], COMPUTED).settings).trimEnd().split("\n");
  assert.equal(lines.length, SETTING_NAMES.length);
  assert.deepEqual(lines, lines.toSorted());
  const plain = lines.map((line) => line.replace(/ += /, " = "));
  assert.ok(plain.includes("bind = unix:/a,0.0.0.0:80"));
  assert.ok(plain.includes("env = API_KEY=[hidden] MODE=x"));
  assert.ok(plain.includes("accessLogfile = null"));
  assert.ok(plain.includes("umask = 027"));
  assert.equal(new Set(lines.map((line) => line.indexOf(" = "))).size, 1);
});

test("printConfig() as JSON is what a config file takes", () => {
  const { settings } = resolve([entries], COMPUTED);
  const { config, ...written } = JSON.parse(printConfig(settings, { json: true }));
  assert.equal(config, null);
  const source = fromConfig(written, "tsgi.config.json");
  assert.deepEqual(source.problems, []);
  const again = resolve([source.entries], COMPUTED);
  assert.deepEqual(again.problems, []);
  assert.deepEqual(again.settings, { ...settings, env: { API_KEY: "[hidden]", MODE: "x" } });
});

test("printConfig() hides passwords in the URLs of every setting", () => {
  const text = printConfig({ ...resolve([], COMPUTED).settings, otlpEndpoint: "http://user:hunter2@collector:4318", dogstatsdTags: ["url:http://a:hunter2@h"] });
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /http:\/\/user:\[hidden\]@collector:4318/);
});

test("redacted() hides secrets by name and passwords in URLs", () => {
  const env = { apiKey: "a", SECRET_X: "a", GH_TOKEN: "a", PGPASSWORD: "a", DATABASE_URL: "postgres://u:a@h:1/d", PAGE: "http://h/x:y@z", MODE: "prod" };
  const h = "[hidden]";
  assert.deepEqual(redacted(env), { apiKey: h, SECRET_X: h, GH_TOKEN: h, PGPASSWORD: h, DATABASE_URL: `postgres://u:${h}@h:1/d`, PAGE: "http://h/x:y@z", MODE: "prod" });
});

test("TABLE says in a full sentence what every setting does", () => {
  for (const name of NAMES) assert.match(TABLE[name].doc, /^[A-Z].{20,}\.$/, name);
});

test("TABLE gives every short flag to one setting", () => {
  const shorts = NAMES.flatMap((name) => { const row = TABLE[name]; return "short" in row ? [row.short] : []; });
  assert.deepEqual(shorts.toSorted(), ["D", "R", "b", "c", "e", "g", "h", "k", "m", "n", "p", "t", "u", "v", "w"]);
});
