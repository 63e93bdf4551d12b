import assert from "node:assert/strict";
import { test } from "node:test";
import { flagOf, nearestFlag, nearestSetting, variableOf } from "../../../core/settings/names.ts";
import { nearest } from "../../../core/settings/nearest.ts";

test("flagOf() and variableOf() spell a name by rule", () => {
  assert.equal(flagOf("workerClass"), "--worker-class");
  assert.equal(variableOf("workerClass"), "TSGI_WORKER_CLASS");
  assert.equal(flagOf("accessLogformat"), "--access-logformat");
});

test("nearestSetting() knows gunicorn's names in every spelling", () => {
  const names = {
    worker_class: "workerClass", keepalive: "keepAlive", accesslog: "accessLogfile", access_log_format: "accessLogformat",
    errorlog: "errorLogfile", loglevel: "logLevel", raw_env: "env", proc_name: "name", wsgi_app: "app", "log-file": "errorLogfile",
    LOGLEVEL: "logLevel", port: "bind",
  };
  for (const [written, name] of Object.entries(names)) assert.equal(nearestSetting(written), name, written);
});

test("nearestSetting() finds slips, and nothing for a word that is another", () => {
  assert.equal(nearestSetting("wokers"), "workers");
  assert.equal(nearestSetting("wrokers"), "workers");
  assert.equal(nearestSetting("ibnd"), "bind");
  assert.equal(nearestSetting("gracefultimeuot"), "gracefulTimeout");
  assert.equal(nearestSetting("backl"), "backlog");
  for (const word of ["paste", "spew", "toString", "__proto__", ""]) assert.equal(nearestSetting(word), undefined, word);
});

test("nearestFlag() offers commands too, and the argument for app", () => {
  assert.equal(nearestFlag("check-conf"), "--check-config");
  assert.equal(nearestFlag("app"), "the argument APP");
});

test("nearest() offers a word that is the only one begun", () => {
  assert.equal(nearest("warn", ["debug", "info", "warning"]), "warning");
  assert.equal(nearest("wo", ["worker", "word"]), undefined);
});
