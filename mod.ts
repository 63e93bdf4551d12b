/**
 * tsgi: the production application server for Deno and Bun, and TSGI, the gateway interface it serves.
 *
 * Run, it is the command: `deno run -A mod.ts app.ts`, `bun mod.ts app.ts -w 4`. Imported, it is the library.
 *
 * @example
 * ```ts
 * import { toFetch } from "tsgi";
 * import application from "./app.ts";
 *
 * export default { fetch: toFetch(application) };
 * ```
 *
 * @module
 */
export type * from "./core/gateway/types.ts";
export { closing } from "./core/gateway/closing.ts";
export { isResourceModified } from "./core/gateway/conditional.ts";
export { createRequest } from "./core/gateway/create_request.ts";
export { createEnviron } from "./core/gateway/environ.ts";
export { TsgiError } from "./core/gateway/error.ts";
export { parseEtags, quoteEtag, unquoteEtag } from "./core/gateway/etag.ts";
export { fromFetch, type FromFetchOptions } from "./core/gateway/from_fetch.ts";
export { deleteHeader, getHeader, getHeaders, hasHeader, headerValue, setHeader } from "./core/gateway/header_list.ts";
export { isHopByHop } from "./core/gateway/hop_by_hop.ts";
export { getHost, guessScheme } from "./core/gateway/host.ts";
export { httpDate, parseHttpDate } from "./core/gateway/http_date.ts";
export { limitInput } from "./core/gateway/limit_input.ts";
export { lint, LintError, type LintOptions } from "./core/gateway/lint.ts";
export { bytesToPath, decodePath, encodePath, pathToBytes } from "./core/gateway/path.ts";
export { type ByteRange, parseRange, satisfyRange } from "./core/gateway/range.ts";
export { shiftPathInfo } from "./core/gateway/shift.ts";
export { status } from "./core/gateway/status.ts";
export { runApp, type RunResult, testEnviron } from "./core/gateway/testing.ts";
export { toFetch, type ToFetchOptions } from "./core/gateway/to_fetch.ts";
export { applicationUri, requestUri, rootUrl } from "./core/gateway/uri.ts";
export { type ClassWorker, defineWorkerClass, type WorkerClass, type WorkerHandler } from "./core/arbiter/worker_class.ts";
export { accessLog, type AccessLogOptions } from "./core/middleware/access_log.ts";
export { cascade } from "./core/middleware/cascade.ts";
export { compose } from "./core/middleware/compose.ts";
export { conditionalGet } from "./core/middleware/conditional_get.ts";
export { contentLength } from "./core/middleware/content_length.ts";
export { deflate, type DeflateOptions } from "./core/middleware/deflate.ts";
export { dispatcher } from "./core/middleware/dispatcher.ts";
export { earlyHints } from "./core/middleware/early_hints.ts";
export { etag, type EtagOptions } from "./core/middleware/etag.ts";
export type { FileStat, FileSystem } from "./core/middleware/file_system.ts";
export { head } from "./core/middleware/head.ts";
export { lock } from "./core/middleware/lock.ts";
export { methodOverride, type MethodOverrideOptions } from "./core/middleware/method_override.ts";
export { proxyFix, type ProxyFixOptions } from "./core/middleware/proxy_fix.ts";
export { type Rewindable, rewindable } from "./core/middleware/rewindable.ts";
export { showErrors } from "./core/middleware/show_errors.ts";
export { staticFiles, type StaticFilesOptions } from "./core/middleware/static_files.ts";
export { timeout, type TimeoutOptions } from "./core/middleware/timeout.ts";
export { xRuntime } from "./core/middleware/x_runtime.ts";
export { metrics } from "./core/metrics/metrics.ts";
export type { Labels } from "./core/metrics/names.ts";
export type { Counter, Gauge, GaugeMerge, GaugeOptions, Histogram, HistogramOptions, MetricOptions, Metrics } from "./core/metrics/registry.ts";
export { type Config, defineConfig } from "./core/settings/config.ts";
export type { HookArbiter, HookLog, HookResponse, Hooks, HookServer, HookUnborn, HookWorker } from "./core/settings/hooks.ts";
export type { Problem } from "./core/settings/problem.ts";
export type { Given, Settings } from "./core/settings/table.ts";
export { type RequestIdentity, requestIdentity, type RequestTrace } from "./core/tracing/request_identity.ts";
export { VERSION } from "./core/version.ts";

if (import.meta.main) {
  // Not awaited here: a configuration file that imports this module would wait for it, and it for the file.
  import("./runtimes/main.ts").then(({ main }) => main());
}
