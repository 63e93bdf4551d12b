import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { type ParseArgs, parseCommandLine } from "../../../core/settings/command_line.ts";
import { fromConfig } from "../../../core/settings/config_file.ts";
import { hookOf, nearestHook } from "../../../core/settings/hooks.ts";
import { isSettingName, nearestSetting } from "../../../core/settings/names.ts";
import { settingsPage } from "../../../core/settings/page.ts";
import { TABLE } from "../../../core/settings/table.ts";
import { UNSUPPORTED, whyUnsupported } from "../../../core/settings/unsupported.ts";

/** What users of gunicorn need to find again. */
const MUST =
  "config wsgi_app bind backlog workers worker_class threads worker_connections max_requests max_requests_jitter timeout graceful_timeout keepalive " +
  "asgi_lifespan reload reload_extra_files check_config print_config reuse_port chdir daemon raw_env pidfile user group umask " +
  "secure_scheme_headers forwarded_allow_ips forwarder_headers header_map root_path accesslog access_log_format errorlog loglevel capture_output proc_name " +
  "default_proc_name on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_int worker_abort pre_exec pre_request " +
  "post_request child_exit worker_exit nworkers_changed on_exit control_socket control_socket_mode control_socket_disable " +
  "keyfile certfile cert_reqs ca_certs ciphers ssl_context http_protocols http2_cleartext limit_request_line limit_request_fields limit_request_field_size logger_class";

/** What some of them look for. */
const SHOULD =
  "asgi_disconnect_grace_period http_parser reload_engine spew preload_app sendfile worker_tmp_dir initgroups tmp_upload_dir proxy_protocol " +
  "proxy_allow_ips protocol uwsgi_allow_ips permit_obsolete_folding permit_unconventional_http_method permit_unconventional_http_version " +
  "enable_stdio_inheritance enable_backlog_metric http2_max_concurrent_streams http2_initial_window_size http2_max_frame_size " +
  "http2_max_header_list_size dirty_apps dirty_workers dirty_timeout dirty_threads dirty_graceful_timeout on_dirty_starting dirty_post_fork " +
  "dirty_worker_init dirty_worker_exit";

/** Where nearestSetting() does not lead from gunicorn's name to ours. */
const RENAMED: Readonly<Record<string, string>> = { check_config: "checkConfig", print_config: "printConfig" };

test("every setting of gunicorn that people need is there, or there is a reason why not", () => {
  const missing = `${MUST} ${SHOULD}`.split(" ").filter((name) => {
    const known = RENAMED[name] ?? nearestSetting(name) ?? nearestHook(name, { slips: false });
    return !(known !== undefined && (Object.hasOwn(TABLE, known) || hookOf(known) !== undefined)) && whyUnsupported(name) === null;
  });
  assert.deepEqual(missing, []);
});

test("whyUnsupported() knows flags and names in every spelling, and nothing that tsgi has", () => {
  for (const { names, flags } of UNSUPPORTED) {
    for (const name of [...names, ...flags]) assert.ok(whyUnsupported(name) !== null, name);
    for (const name of names) assert.ok(!isSettingName(name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())) && hookOf(name) === undefined, name);
  }
  assert.equal(whyUnsupported("preloadApp"), whyUnsupported("--preload"));
  assert.equal(whyUnsupported("--workers"), null);
});

test("parseCommandLine() and fromConfig() say why a setting of gunicorn is not there", () => {
  const why = "workers are not forked, so that nothing loaded before them would be shared; " +
    "leave it out: a reload boots the new workers first, and changes nothing when the application cannot be loaded";
  assert.deepEqual(parseCommandLine(["--preload", "app.ts"], parseArgs as ParseArgs).problems, [
    { label: "--preload", kind: "usage", message: `Cannot use --preload: ${why}` },
  ]);
  for (const key of ["preload_app", "preloadApp"]) {
    assert.deepEqual(fromConfig({ [key]: true }, "c.ts").problems.map((p) => p.message), [`Cannot use c.ts: ${key}: ${why}`]);
  }
});

test("settingsPage() lists what is not supported", () => {
  for (const { names, because } of UNSUPPORTED) {
    for (const name of names) assert.ok(settingsPage().includes(`\`${name}\``), name);
    assert.ok(settingsPage().includes(because));
  }
});
