/**
 * What each event says: gunicorn's words for gunicorn's events (its 26.1 source, logged by the same part of the program),
 * and the same manner for ours.
 */
import type { Fields } from "./record.ts";

export const MESSAGES = {
  // the arbiter, in gunicorn's words
  starting: (f) => `Starting tsgi ${f.version}`,
  listening: (f) => `Listening at: ${f.addresses} (${f.pid})`,
  using: (f) => `Using worker: ${f.workerClass}`,
  "handling-signal": (f) => `Handling signal: ${f.signal}`,
  "hang-up": () => "Hang up: Master",
  "quick-shutdown": () => "Quick shutdown requested",
  "worker-timeout": (f) => `WORKER TIMEOUT (pid:${f.pid}) blocked ${short(f.seconds)}${requests(f.inFlight)}`,
  signalled: (f) => `Worker (pid:${f.pid}) was sent ${f.signal}!${because(f.cause)}`,
  exited: (f) => `Worker (pid:${f.pid}) exited with code ${f.code}.`,
  "shutting-down": () => "Shutting down: Master",
  reason: (f) => `Reason: ${f.reason}`,
  "connection-in-use": (f) => `Connection in use: ${f.address}`,
  "invalid-address": (f) => `Invalid address: ${f.address}`,
  "cannot-connect": (f) => `Can't connect to ${f.address}: ${f.reason}`,
  retrying: () => "Retrying in 1 second.",
  configuration: () => "Current configuration:",
  "arbiter-booted": () => "Arbiter booted",
  dismissed: () => "graceful stop of workers",
  "winch-ignored": () => "SIGWINCH ignored. Not daemonized",
  "control-listening": (f) => `Control socket listening at ${f.path}`,
  "control-failed": (f) => `Failed to start control socket: ${f.reason}`,
  "admin-listening": (f) => `Admin listening at: ${f.address}`,
  "admin-failed": (f) => `Cannot serve the admin pages: ${f.reason}`,
  "admin-stays": (f) => `Cannot move the admin listener to ${f.address}: it stays where it is`,
  "weak-token": () => "The admin token is short enough to be guessed: use 16 characters or more, as of `openssl rand -hex 16`",
  "upgrade-ignored": (f) => `USR2 signal ignored. ${f.who} exists.`,
  promoted: () => "Master has been promoted.",
  // the arbiter, in its own
  "reuse-port": () =>
    "Workers bind by themselves (reuse-port): connections queued at a worker that leaves are lost unless net.ipv4.tcp_migrate_req=1",
  limitation: (f) => `${f.text}`,
  woke: (f) => `Woke up after ${seconds(f.seconds)}: nobody is murdered for that silence`,
  "boot-timeout": (f) => `WORKER BOOT TIMEOUT (pid:${f.pid}): not ready within ${seconds(f.seconds)}`,
  serving: (f) => `Worker (pid:${f.pid}) serves in slot ${f.slot}`,
  lingering: (f) => `Serving for another ${seconds(f.seconds)}: readiness says no, and traffic may go elsewhere`,
  overdue: (f) => `Worker (pid:${f.pid}) did not finish within ${seconds(f.seconds)}`,
  "enough-workers": (f) => `SIGTTIN ignored: ${f.workers} workers are as many as max-workers allows`,
  "spawn-failed": (f) => `Cannot start a worker: ${f.reason}`,
  "crash-loop": (f) => `Workers keep failing (${f.failures} in a row): the next one starts in ${seconds(f.seconds)}`,
  reloaded: (f) => `Reloaded: generation ${f.generation} serves with ${f.workers} ${f.workers === 1 ? "worker" : "workers"}`,
  "reload-failed": (f) => `Reload failed, generation ${f.generation} keeps serving: ${f.reason}`,
  changes: (f) => `Changed: ${f.changes}`,
  preflight: (f) => `Preflight (pid:${f.pid}): loading the application once before generation ${f.generation} boots`,
  "canary-serves": (f) => `Canary (pid:${f.pid}) serves generation ${f.generation} in slot 0 for ${seconds(f.seconds)}`,
  "canary-holds": (f) => `Canary holds: ${f.answers} answers, ${f.errors} of them 5xx`,
  "rolling-back": (f) => `Rolling back: ${f.workers} ${f.workers === 1 ? "worker goes" : "workers go"} back to generation ${f.generation}`,
  "rolled-back": (f) => `Rolled back: generation ${f.generation} serves in every slot`,
  "rolling-surges": (f) => `This reload replaces all workers at once, not slot after slot: it gives up ${f.address}, which only old workers serve`,
  upgrading: (f) => `Upgrade: started a new master with pid: ${f.pid}`,
  "upgrade-failed": (f) => `Upgrade failed, this master keeps serving: ${f.reason}`,
  "upgrade-undone": (f) => `The new master (pid:${f.pid}) ended ${f.how}: this one keeps serving`,
  "file-changed": (f) => `Worker reloading: ${f.file} modified`,
  "certificates-changed": () => "Certificates have changed: reloading",
  "reloader-on": () => "Reloader is on. Use in development only!",
  "cannot-watch": (f) => `Cannot watch ${f.path} (${f.reason}): ${f.instead}`,
  "nothing-matches": (f) => `No file matches --reload-extra-file ${f.pattern} yet`,
  "needs-restart": (f) => `Changed, but takes effect at the next start only: ${f.settings}`,
  "cannot-adopt": (f) => `Cannot hand sockets to workers (${f.reason}): falling back to --reuse-port, which can lose queued connections at a reload`,
  "too-many-series": (f) => `Metric ${f.metric} gets no more series: there are too many label values already, and what is beyond is not counted`,
  "black-box": (f) => `Black box of worker (pid:${f.pid}) in slot ${f.slot}, which ended ${f.how}${f.detail === undefined ? ": nothing is known of its last requests" : ""}`,
  "black-box-failed": (f) => `Cannot write a black box to ${f.path}: ${f.reason}`,
  "otlp-failed": (f) => `Cannot send ${f.what} to ${f.url}: ${f.reason}; it is tried again, and no request waits for it`,
  "otlp-sdk": () => "The application has an OpenTelemetry SDK of its own: its spans go where that sends them, below those of the server",
  "otlp-recovered": (f) => `Sending ${f.what} to ${f.url} works again`,
  "spans-dropped": (f) => `Dropped ${f.spans} ${f.spans === 1 ? "span" : "spans"}: the receiver did not take them in time`,
  "statsd-failed": (f) => `Error sending message to statsd at ${f.address}: ${f.reason}`,
  // hooks, in either; the first in gunicorn's words
  "hook-failed": (f) => `Exception in ${f.hook} hook: ${f.reason}`,
  "hook-late": (f) => `Hook ${f.hook} did not finish within ${seconds(f.seconds)}, it is not waited for any longer`,
  hook: (f) => `${f.text}`,
  "notify-failed": (f) => `Cannot tell the service manager at NOTIFY_SOCKET ${f.path}: ${f.reason}`,
  "pidfile-failed": (f) => `Cannot move the pid file, the old one stays: ${f.reason}`,
  "log-lost": (f) => `${f.reason}`,
  "syslog-away": (f) => `Cannot reach syslog at ${f.address} (${f.reason}): lines wait for it`,
  "syslog-back": (f) => `Syslog at ${f.address} is back; lines lost: ${f.lost}`,
  "log-failed": (f) => `Cannot move the error log, the old one stays in use: ${f.reason}`,
  // a worker, in gunicorn's words
  booting: (f) => `Booting worker with pid: ${f.pid}`,
  exiting: (f) => `Worker exiting (pid: ${f.pid})`,
  "parent-changed": (f) => `Parent changed, shutting down: <Worker ${f.pid}>`,
  "request-error": (f) => `Error handling request ${f.method} ${f.path}: ${f.reason}`,
  refused: (f) => `Invalid request from ip=${f.peer}: ${f.reason}`,
  "refused-more": (f) => `Refused ${f.requests} more invalid ${f.requests === 1 ? "request" : "requests"} within a second`,
  autorestarting: () => "Autorestarting worker after current request.",
  "worker-winch-ignored": () => "worker: SIGWINCH ignored.",
  // a worker, in its own
  "thread-timeout": (f) => `WORKER TIMEOUT (pid:${f.pid} thread:${f.thread}) busy ${short(f.seconds)}${requests(f.inFlight)}`,
  "thread-ended": (f) => `Thread ${f.thread} of worker (pid:${f.pid}) ended by itself: the worker will be replaced`,
  "thread-restarted": (f) => `Thread ${f.thread} of worker (pid:${f.pid}) was terminated and started anew`,
  "thread-lost": (f) => `Thread ${f.thread} of worker (pid:${f.pid}) cannot be terminated: the worker will be replaced`,
  "too-large": (f) => `Worker (pid: ${f.pid}) uses ${f.mebibytes} MiB, more than max-rss ${f.limit}: it will be replaced`,
  "too-old": (f) => `Worker (pid: ${f.pid}) has served for ${seconds(f.seconds)}: it will be replaced`,
  "load-failed": (f) => `${f.reason}`,
  "shutdown-failed": (f) => `Cannot shut the application down cleanly: shutdown() failed: ${f.reason}`,
  unhandled: (f) => `Unhandled ${f.kind} in the application: ${f.reason}`,
  "listen-failed": (f) => `Cannot listen on slot ${f.slot}: ${f.reason}`,
  "no-descriptors": (f) => `Out of file descriptors (pid: ${f.pid}), but for a few: no connection is accepted until one is closed, raise the limit (ulimit -n) or lower worker-connections and keep-alive`,
  "server-ended": (f) => `The native server ended by itself: ${f.reason}`,
  aborting: (f) => `Worker (pid: ${f.pid}) was told to abort`,
  "slow-request": (f) => `Slow request: ${f.request} ${f.over ? "took" : "has been waiting for"} ${seconds(f.seconds)}`,
  "request-timeout": (f) => `Request timeout: ${f.request} was not over within ${seconds(f.seconds)}`,
  "loop-lag": (f) => `The event loop was held up for ${seconds(f.seconds)}${f.requests ? ` by ${f.requests}` : ""}`,
  overloaded: (f) => `Refused ${f.refused} ${f.refused === 1 ? "request" : "requests"} with 503: ${f.limit} were in flight (limit-concurrency)`,
  "aborted-requests": (f) => `Answered ${f.requests} ${f.requests === 1 ? "request" : "requests"} in flight with 503`,
  lint: (f) => `Lint: ${f.code}: ${f.text}`,
  application: (f) => `${f.text}`,
  python: (f) => `${f.text}`,
} satisfies Record<string, (fields: Fields) => string>;

/** Never a guess: what tsgi did itself, it says. */
function because(cause: unknown): string {
  if (cause === "silent") return " It was silent too long.";
  if (cause === "boot-timeout") return " It did not boot in time.";
  if (cause === "out-of-memory") return " Out of memory.";
  if (cause === "overdue") return " It did not finish in time.";
  return "";
}

/** Absent where nobody knows. */
function requests(inFlight: unknown): string {
  if (inFlight === undefined) return "";
  return inFlight === "" ? "; nothing in flight" : `; in flight: ${inFlight}`;
}

function short(value: unknown): string {
  return `${Number(value).toFixed(1)}s`;
}

function seconds(value: unknown): string {
  return `${Number(Number(value).toFixed(1))} s`;
}
