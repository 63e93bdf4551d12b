/**
 * The parts of the hot path by themselves, beside what a bare handler does: a request costs a few microseconds, of which these are hundreds of
 * nanoseconds. Usage: `bun tests/bench/micro.ts`, `deno run -A tests/bench/micro.ts`.
 */
import { bench, do_not_optimize, run, summary } from "mitata";
import { Register, REGISTER_SIZE } from "../../core/arbiter/register.ts";
import { decodePath } from "../../core/gateway/path.ts";
import { createGateway } from "../../core/gateway/gateway.ts";
import { splitTarget } from "../../core/gateway/target.ts";
import { compileAccessFormat, DEFAULT_ACCESS_FORMAT } from "../../core/logging/access.ts";
import { Meter, METER_SIZE } from "../../core/metrics/meter.ts";
import type { App } from "../../mod.ts";
import { clock } from "../../runtimes/clock.ts";
import { enumerates, hello, reads } from "./apps/tsgi.ts";
import { HELLO, TEXT } from "./apps/jobs.ts";

/** As Deno.serve passes it, and Bun.serve. */
class Info {
  readonly remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port: 40_000 };
}
class Server {
  requestIP(): null {
    return null;
  }
}

const isDeno = "Deno" in globalThis;
const platform = isDeno ? new Info() : new Server();
const request = new Request("http://127.0.0.1:8000/caf%C3%A9?a=1&b=2", {
  headers: { "user-agent": "wrk", accept: "text/html,application/xhtml+xml", "accept-language": "en", cookie: "session=0123456789abcdef0123456789abcdef" },
});
const serve = (app: App) => {
  const handler = createGateway(app, { rawUrl: false, isLast: true });
  return () => do_not_optimize(handler(request, platform));
};

summary(() => {
  bench("bare: hello", () => do_not_optimize(new Response(HELLO, { headers: { ...TEXT } })));
  bench("gateway: hello", serve(hello));
  bench("gateway: reads path, query and a header", serve(reads));
  bench("gateway: spreads environ", serve(enumerates));
});

const meter = new Meter(new Uint8Array(METER_SIZE), clock);
bench("meter", () => meter.end(meter.begin(), 200));
const register = new Register(new Uint8Array(REGISTER_SIZE));
bench("register", () => register.leave(register.enter("GET", request.url), 200));
bench("splitTarget", () => do_not_optimize(splitTarget(request.url, request, { raw: isDeno, scheme: "http" })));
bench("decodePath, ASCII", () => do_not_optimize(decodePath("/articles/2026/november")));
bench("decodePath, escapes", () => do_not_optimize(decodePath("/caf%C3%A9")));
const line = compileAccessFormat(DEFAULT_ACCESS_FORMAT, { pid: 1 });
const exchange = { request, status: 200, requestHeader: (name: string) => request.headers.get(name), responseHeader: () => null, remoteAddr: "127.0.0.1" };
bench("line of the access log", () => do_not_optimize(line.whole(exchange, { bytes: 14, seconds: 0.001, time: 1_795_000_000_000 })));

await run();
