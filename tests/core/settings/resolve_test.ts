import assert from "node:assert/strict";
import { test } from "node:test";
import { fromEnvironment } from "../../../core/settings/environment.ts";
import { mostWorkers, resolve, workerCount } from "../../../core/settings/resolve.ts";
import type { Settings } from "../../../core/settings/table.ts";

const COMPUTED = { chdir: "/srv", runtime: "deno" } as const;

test("resolve() of nothing gives gunicorn's defaults", () => {
  const { settings, problems, sources } = resolve([], COMPUTED);
  const expected: Settings = {
    config: null, app: null, bind: [{ kind: "tcp", host: "127.0.0.1", port: 8000 }], backlog: 2048, reusePort: false, workers: 1,
    workerClass: "async", workerConnections: 1000, maxRequests: 0,
    maxRequestsJitter: 0, maxRss: 0, maxLifetime: 0, timeout: 30, bootTimeout: 60, gracefulTimeout: 30, shutdownDelay: 0, keepAlive: 2, runtime: "deno",
    interface: "auto", python: "python3", pythonPath: [], pythonProcesses: 1, pythonThreads: 1, lint: false, reload: false, reloadEngine: "auto", reloadExtraFile: [], chdir: "/srv", env: {}, envFile: null, pidfile: null, controlSocket: null, controlSocketMode: 0o600, controlSocketDisable: false, adminBind: null, adminToken: null, daemon: false,
    enableStdioInheritance: false, user: null, group: null, initgroups: false, umask: 0o117, serverHeader: false, captureOutput: false,
    forwardedAllowIps: ["127.0.0.1", "::1"], headerMap: "drop", rootPath: null, accessLogfile: null,
    accessLogformat: '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"', errorLogfile: "-", logLevel: "info", logFormat: "text",
    name: null, requestTimeout: 0, slowRequest: 0, loopLag: 0, limitConcurrency: 0, watchdog: true, metrics: true, threads: 1, threadTimeout: 0,
    certfile: [], keyfile: [], caCerts: null, certReqs: 0, ciphers: null, tlsMinVersion: "1.2", httpProtocols: [], redirectHttp: [],
    warmup: [], preflight: true, canary: 0, canaryErrors: 5, reloadStrategy: "surge", maxSurge: 1, maxWorkers: 0, forwarderHeaders: [],
    statsdHost: null, statsdPrefix: null, dogstatsdTags: [], statsdCompat: null, blackBox: null, blackBoxQueries: false, otlpEndpoint: null, otlpSampleRatio: null,
    requestId: false, requestIdHeader: "X-Request-ID", requestIdResponse: false, disableRedirectAccessToSyslog: false, logSyslog: false, logSyslogTo: "udp://localhost:514", logSyslogPrefix: null, logSyslogFacility: "user", logSyslogFormat: "gunicorn",
    limitRequestLine: 0, limitRequestFields: 0, limitRequestFieldSize: 0, limitRequestBody: 0, proxyHeaders: false, workerAllowRead: [], workerAllowWrite: [], workerAllowNet: [], workerAllowRun: [], requestHeaderTimeout: 10, requestBodyTimeout: 0, requestBodyMinRate: 0, permitUnconventionalHttpMethod: false,
    allowedHosts: [], strictHeaders: false,
    secureSchemeHeaders: { "X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on" },
  };
  assert.deepEqual(settings, expected);
  assert.deepEqual(problems, []);
  assert.equal(sources.workers, "default");
});

test("resolve() lets the stronger source win, whole", () => {
  const { settings, sources } = resolve([
    [{ name: "bind", written: ["a:1", "b:2"], label: "TSGI_BIND" }, { name: "workers", written: "2", label: "TSGI_WORKERS" }],
    [{ name: "workers", written: 3, label: "tsgi.config.ts: workers" }],
    [{ name: "bind", written: ["c:3"], label: "--bind" }],
  ], COMPUTED);
  assert.deepEqual(settings.bind, [{ kind: "tcp", host: "c", port: 3 }]);
  assert.equal(settings.workers, 3);
  assert.equal(sources.bind, "--bind");
  assert.equal(sources.workers, "tsgi.config.ts: workers");
});

test("resolve() names the place a bad value came from, all of them at once", () => {
  const { problems } = resolve([
    [{ name: "workers", written: "many", label: "WEB_CONCURRENCY", foreign: true }],
    [{ name: "timeout", written: "x", label: "TSGI_TIMEOUT" }, { name: "logLevel", written: {}, label: "tsgi.config.ts: logLevel" }],
    [{ name: "timeout", written: "-5", label: "--timeout" }],
  ], COMPUTED);
  assert.deepEqual(problems.map((problem) => problem.message), [
    'Cannot use WEB_CONCURRENCY for workers: expected a whole number >= 1 or auto, got "many"',
    'Cannot use TSGI_TIMEOUT: expected seconds from 0 to 2000000, or a duration such as 500ms or 10m, got "x"',
    "Cannot use tsgi.config.ts: logLevel: expected debug, info, warning, error or critical, got an object",
    "Cannot use --timeout: expected seconds from 0 to 2000000, or a duration such as 500ms or 10m, got -5",
  ]);
  assert.deepEqual(problems.map((problem) => problem.label), ["WEB_CONCURRENCY", "TSGI_TIMEOUT", "tsgi.config.ts: logLevel", "--timeout"]);
});

test("resolve() leaves a platform's variable alone once something stronger is given", () => {
  const sources = [[{ name: "workers", written: "many", label: "WEB_CONCURRENCY", foreign: true }], [{ name: "workers", written: "2", label: "--workers" }]] as const;
  assert.deepEqual(resolve(sources, COMPUTED).problems, []);
});

test("Settings survive JSON", () => {
  const entries = [{ name: "bind", written: ["unix:/a", "[::1]:1", "fd://4"], label: "" }, { name: "env", written: ["A=1"], label: "" }, { name: "timeout", written: "500ms", label: "" }] as const;
  const { settings } = resolve([entries], COMPUTED);
  assert.deepEqual(JSON.parse(JSON.stringify(settings)), settings);
});

test("mostWorkers() leaves room for more than what is set, unless it is set itself", () => {
  assert.equal(mostWorkers({ workers: 3, maxWorkers: 5 }, 8), 5);
  assert.equal(mostWorkers({ workers: 3, maxWorkers: 0 }, 8), 32);
  assert.equal(mostWorkers({ workers: 9, maxWorkers: 0 }, 0.5), 18);
});

test("workerCount() is what is set, or the CPUs rounded up", () => {
  assert.equal(workerCount({ workers: 3, maxWorkers: 0 }, 8), 3);
  assert.equal(workerCount({ workers: "auto", maxWorkers: 0 }, 8), 8);
  assert.equal(workerCount({ workers: "auto", maxWorkers: 4 }, 8), 4);
  assert.equal(workerCount({ workers: "auto", maxWorkers: 0 }, 0.5), 1);
});

test("fromEnvironment() reads TSGI_* over PORT and WEB_CONCURRENCY, and empty as unset", () => {
  const written = (env: Record<string, string>) => fromEnvironment(env).entries.map((entry) => [entry.label, entry.name, entry.written]);
  assert.deepEqual(written({ PORT: "5000", WEB_CONCURRENCY: "3" }), [["PORT", "bind", "0.0.0.0:5000"], ["WEB_CONCURRENCY", "workers", "3"]]);
  assert.deepEqual(written({ PORT: "", WEB_CONCURRENCY: "", TSGI_WORKERS: "" }), []);
  assert.deepEqual(written({ WEB_CONCURRENCY: "3", TSGI_WORKERS: "4" }).at(-1), ["TSGI_WORKERS", "workers", "4"]);
  assert.deepEqual(written({ TSGI_BIND: "a:1, unix:/b" }), [["TSGI_BIND", "bind", ["a:1", "unix:/b"]]]);
  assert.deepEqual(written({ TSGI_ENV: "A=1,2\nB=3\n" }), [["TSGI_ENV", "env", ["A=1,2", "B=3"]]]);
});

test("fromEnvironment() reports a slip, and leaves other people's variables alone", () => {
  const { problems } = fromEnvironment({ TSGI_WOKERS: "4", TSGI_LOGLEVEL: "info", TSGI_CONFIG: "x.ts" });
  assert.deepEqual(problems.map((problem) => problem.message), [
    "Cannot use TSGI_WOKERS: there is no such variable, did you mean TSGI_WORKERS?",
    "Cannot use TSGI_LOGLEVEL: there is no such variable, did you mean TSGI_LOG_LEVEL?",
    "Cannot use TSGI_CONFIG: it works only as a flag, write --config on the command line or in TSGI_CMD_ARGS",
  ]);
  const kubernetes = { TSGI_PORT: "tcp://10.0.0.1:80", TSGI_SERVICE_HOST: "10.0.0.1", TSGI_PORT_80_TCP_ADDR: "10.0.0.1" };
  assert.deepEqual(fromEnvironment({ ...kubernetes, TSGI_CMD_ARGS: "-w 4", TSGI_WORKER_ID: "1" }), { entries: [], problems: [] });
});
