/** What cannot be done of what the settings ask for, a sentence each. Said once, when the first worker has loaded. */
import { type Settings, TABLE } from "../settings/table.ts";
import type { Application } from "./application.ts";
import { isRestricted } from "./permissions.ts";
import { threadCount } from "./worker_class.ts";

/** Empty where everything asked for is done. What nobody asked for is in DESIGN.md only. */
export function limitations(settings: Settings, application: Application): readonly string[] {
  const { kind } = application;
  const found: string[] = [];
  const asksForKeepAlive = settings.keepAlive > 0 && settings.keepAlive !== TABLE.keepAlive.default;
  if (asksForKeepAlive && settings.runtime === "bun" && kind === "fetch") {
    found.push(
      `--keep-alive ${settings.keepAlive} is not kept for a Fetch handler on Bun: it cannot be told a stream from a whole answer, ` +
        "so idle connections are closed after 255 s",
    );
  }
  if (asksForKeepAlive && settings.runtime === "deno" && settings.bind.some((address) => address.kind === "unix")) {
    found.push(`--keep-alive ${settings.keepAlive} is not kept on unix sockets with Deno: it closes no idle connections, and the kernel does not tell which are`);
  }
  if (settings.requestHeaderTimeout > 0 && settings.requestHeaderTimeout !== TABLE.requestHeaderTimeout.default && settings.runtime !== "node" && settings.bind.some((address) => address.kind === "unix")) {
    found.push(`--request-header-timeout ${settings.requestHeaderTimeout} is not kept on unix sockets with ${settings.runtime === "bun" ? "Bun, which gives 10 to 12 s" : "Deno, which waits for ever"}: the kernel does not tell who is slow`);
  }
  if (isRestricted(settings)) {
    found.push("--worker-allow-* leaves workers without the C library: connections that are idle, or slow with a request, are never closed; have a proxy in front see to that");
  }
  if (settings.requestTimeout > 0 && settings.runtime === "bun" && kind === "fetch") {
    found.push(
      `--request-timeout ${settings.requestTimeout} bounds the time to a Fetch handler's Response on Bun, not the body after it: it cannot be ` +
        "told a stream from a whole answer",
    );
  }
  if (settings.runtime === "node" && settings.workerClass === "sync") {
    found.push("--worker-class sync on Node: a busy worker cannot stop accepting, so what it has accepted waits for it, though others may be idle");
  }
  if (settings.runtime === "node" && application.kind === "fetch" && application.websocket !== undefined) {
    found.push("The application's WebSocket handlers do nothing on Node, whose server has no upgrade for a Fetch handler: use --runtime bun");
  }
  const forTsgi = [settings.rootPath !== null && "--root-path", settings.headerMap !== "drop" && "--header-map", settings.forwarderHeaders.length > 0 && "--forwarder-headers"].filter((flag) => flag !== false);
  if (kind === "fetch") for (const flag of forTsgi) found.push(`${flag} does nothing here: a Fetch handler gets the request as it came`);
  if (settings.threads > 1 && threadCount(settings) === null) {
    found.push(`--threads ${settings.threads} does nothing here: workers of class ${settings.workerClass} have one thread, use gthread`);
  }
  if (settings.threadTimeout > 0 && threadCount(settings) === null) found.push(`--thread-timeout does nothing here: workers of class ${settings.workerClass} have one thread`);
  // With --reload nobody asked for it.
  if (settings.lint && !settings.reload && kind === "fetch") found.push("--lint checks nothing here: a Fetch handler is no TSGI application");
  return found;
}
