/** Who is compared with whom, doing what, and what is to be reached. */
import process from "node:process";
import { FILE_VARIABLE } from "./apps/jobs.ts";
import type { Contestant } from "./contestant.ts";
import { program, root } from "./contestant.ts";
import type { LoadOptions } from "./load_generator.ts";

export type RuntimeName = "deno" | "bun" | "node";

export interface Comparison {
  readonly group: Group;
  readonly name: string;
  readonly subject: Contestant;
  readonly base: Contestant;
  /**
   * What is compared: requests per second of CPU time with each server on one core, or requests per second with both on all cores, beside
   * the load generator.
   */
  readonly by: "cpu" | "throughput";
  /** The ratio to reach; null for one that is only shown. */
  readonly atLeast: number | null;
  /** Of the base's p99, pair by pair, what the subject's may be; only shown where it is not said. */
  readonly p99AtMost?: number;
  readonly load: Pick<LoadOptions, "path" | "connections" | "headers" | "upload" | "rate">;
  /** Programs without which it is skipped. */
  readonly needs: readonly string[];
}

export const GROUPS = ["hello", "apps", "features", "bodies", "servers", "python"] as const;
export type Group = (typeof GROUPS)[number];

/** What a browser sends. */
const BROWSER: readonly string[] = [
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
  "Cache-Control: no-cache",
  "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1",
  "Pragma: no-cache",
  "Priority: u=0, i",
  "Referer: http://127.0.0.1/start",
  "Sec-Ch-Ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"24\"",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Sec-Fetch-Site: same-origin",
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
];

/** All comparisons for a runtime. On Node, whose own server makes no Request and no Response and serves no Hono, they are only shown. */
export function comparisons(runtime: RuntimeName): Comparison[] {
  if (runtime !== "node") return [...all(runtime), ...servers(runtime), ...python(runtime)];
  return all(runtime).filter(({ name }) => name !== "a Hono application").map((one) => ({ ...one, atLeast: null }));
}

function all(runtime: RuntimeName): Comparison[] {
  const own = (job: string, ...flags: string[]) => tsgi(runtime, `tests/bench/apps/tsgi.ts:${job}`, flags);
  const native = (job: string) => bare(runtime, job);
  const hello = own("hello");
  return [
    compare("hello", "hello", hello, native("hello"), 0.95),
    compare("hello", "hello, 15 headers", hello, native("hello"), 0.95, { headers: BROWSER }),
    compare("apps", "reads path, query and a header", own("reads"), native("reads"), 0.93, { path: "/caf%C3%A9?a=1&b=2", headers: ["User-Agent: wrk"] }),
    compare("apps", "spreads environ, 15 headers", own("enumerates"), native("enumerates"), 0.75, { headers: BROWSER }),
    compare("apps", "a Fetch handler", tsgi(runtime, "tests/bench/apps/fetch.ts"), native("hello"), 0.98),
    compare("apps", "a Hono application", tsgi(runtime, "tests/bench/apps/hono.ts"), hono(runtime), 0.98),
    compare("features", "access log to a file, against none", own("hello", "--access-logfile", logFile()), hello, 0.88),
    compare("features", "the same of a bare server", native("logs"), native("hello"), null),
    compare("features", "the same of gunicorn", gunicorn("sync with access log", "wsgi:application", "-w", "1", "--access-logfile", logFile()), gunicorn("sync", "wsgi:application", "-w", "1"), null, { needs: ["gunicorn"] }),
    compare("features", "metrics, against none", hello, own("hello", "--no-metrics"), 0.98),
    compare("features", "sync, against async", own("hello", "-k", "sync"), hello, null),
    compare("features", "reuse-port, against held sockets", own("hello", "--reuse-port"), hello, null),
    compare("features", "lint, against none", own("hello", "--lint"), hello, null),
    compare("bodies", "ten chunks of 1 KiB", own("ten"), native("ten"), 0.95),
    compare("bodies", "1 MiB", own("mebibyte"), native("mebibyte"), 0.95, { connections: 16 }),
    compare("bodies", "1,000 chunks of 1 KiB, streamed", own("streams"), native("streams"), 0.95, { connections: 16 }),
    compare("bodies", "1,000 chunks of 1 KiB, each awaited", own("awaits"), native("awaits"), null, { connections: 16 }),
    compare("bodies", "25 MB upload, read whole", own("uploads"), native("uploads"), 0.9, { connections: 2, upload: 25e6 }),
    compare("bodies", "file of 100 MB", own("file"), native("file"), 0.95, { connections: 2, path: "/file" }),
  ];
}

/** Two workers each, as an operator would start them; and the floor: two native servers that share the port, with nobody who watches them. */
function servers(runtime: RuntimeName): Comparison[] {
  const ours = tsgi(runtime, "tests/bench/apps/tsgi.ts:hello", ["-w", "2"]);
  const isBun = runtime === "bun";
  const against = (base: Contestant, atLeast: number | null, ...needs: string[]) => ({ ...compare("servers", `against ${base.name}`, ours, base, atLeast), by: "throughput" as const, needs: ["wrk", ...needs] });
  const floor = two(bare(runtime, "hello"));
  const ofFloor = (one: Comparison): Comparison => ({ ...one, name: `${floor.name}, ${one.name}`, subject: floor, atLeast: null });
  const pairs = [
    against(gunicorn("sync, 2 workers", "wsgi:application", "-w", "2", "-k", "sync"), isBun ? 15 : 10, "gunicorn"),
    against(gunicorn("gthread, 2 workers of 4", "wsgi:application", "-w", "2", "-k", "gthread", "--threads", "4"), null, "gunicorn"),
    against({ name: "deno serve --parallel", command: [run("deno"), "serve", "-A", "--parallel", "--port", "{port}", "--host", "127.0.0.1", "tests/bench/apps/fetch.ts"], env: { DENO_JOBS: "2" } }, 1, "deno"),
    against({ name: "node:cluster, 2 workers", command: ["node", "tests/bench/apps/node_cluster.mjs", "{port}", "2"] }, isBun ? 1.5 : null, "node"),
    against({ name: "Node's http, alone", command: ["node", "tests/bench/apps/node_cluster.mjs", "{port}", "0"] }, null, "node"),
    against({ name: "pm2 cluster, 2 workers", command: ["pm2", "start", "tests/bench/apps/node_cluster.mjs", "--no-daemon", "-i", "2", "--", "{port}", "0"] }, isBun ? 1.5 : null, "pm2"),
    against({ name: "uwsgi, 2 workers", command: ["uwsgi", "--http", "127.0.0.1:{port}", "--http-keepalive", "--master", "-p", "2", "--disable-logging", "--wsgi-file", "tests/bench/apps/wsgi.py"] }, null, "uwsgi"),
    against({ name: "nginx, return 200", command: ["sh", "-c", NGINX] }, null, "nginx"),
  ];
  return pairs.flatMap((one) => (one.atLeast === null ? [one] : [one, ofFloor(one)]));
}

function two({ name, command }: Contestant): Contestant {
  return { name: `two of ${name}`, command: ["sh", "-c", `"$@" reuse-port & one=$!; "$@" reuse-port & other=$!; trap 'kill $one $other; wait' TERM; wait`, "sh", ...command] };
}

/**
 * The same Flask application in as many Python processes. wrk's clock begins when it is connected: gunicorn closes each connection, so for who
 * connects himself the next connect is in no figure. Behind nginx, which connects for both, all of the wait is the client's; and at a rate,
 * where hey measures from before the connect, the two have the same to do.
 */
function python(runtime: RuntimeName): Comparison[] {
  const folder = `${root}tests/bench/apps`;
  const ours = (bind: string) => [...script(runtime), "mod.ts", "wsgi", "flask_app:app", "--python-processes", "2", "-b", bind, "--python", "/usr/bin/python3", "--python-path", folder];
  const theirs = (bind: string) => ["gunicorn", "-w", "2", "-b", bind, "--chdir", folder, "flask_app:app"];
  const direct = { where: "", of: (command: (bind: string) => readonly string[]) => command("127.0.0.1:{port}"), needs: ["gunicorn"] };
  const fronted = { where: ", both behind nginx", of: behindNginx, needs: ["gunicorn", "nginx"] };
  const pair = ({ where, of, needs }: typeof direct, rate?: number): Comparison => {
    const name = `against gunicorn sync, 2 workers, Flask${where}${rate === undefined ? "" : `, ${rate} requests a second`}`;
    return {
      group: "python", name, subject: { name: `tsgi wsgi${where}`, command: of(ours) }, base: { name: `gunicorn sync${where}`, command: of(theirs) },
      by: "throughput", atLeast: rate === undefined ? 1 : null, p99AtMost: 1, load: { connections: 16, ...(rate === undefined ? {} : { rate }) }, needs: [rate === undefined ? "wrk" : "hey", ...needs],
    };
  };
  return [pair(direct), pair(direct, 1600), pair(direct, 4000), pair(fronted), pair(fronted, 1600), pair(fronted, 4000)];
}

/** As it is deployed: nginx keeps the clients' connections, and has one to a unix socket for each request. */
function behindNginx(command: (bind: string) => readonly string[]): readonly string[] {
  const socket = `${process.env[FILE_VARIABLE]}.{port}.sock`;
  return ["sh", "-c", FRONT, socket, ...command(`unix:${socket}`)];
}

const FRONT = `cat > "$0.nginx" <<END
daemon off; worker_processes 1; user root; pid $0.pid;
events {}
http { access_log off; server { listen 127.0.0.1:{port}; location / { proxy_pass http://unix:$0; proxy_set_header Host \\$http_host; proxy_set_header X-Forwarded-For \\$proxy_add_x_forwarded_for; } } }
END
trap 'kill $front $server; wait' TERM
"$@" & server=$!
until [ -S "$0" ]; do kill -0 $server || exit 1; sleep 0.05; done
nginx -e stderr -c "$0.nginx" & front=$!
wait`;

const NGINX = `cat > "$TSGI_BENCH_FILE.nginx" <<END
daemon off; worker_processes 2; pid $TSGI_BENCH_FILE.pid;
events {}
http { access_log off; server { listen 127.0.0.1:{port}; location / { default_type text/plain; return 200 "Hello, World!\\n"; } } }
END
exec nginx -e stderr -c "$TSGI_BENCH_FILE.nginx"`;

function compare(group: Group, name: string, subject: Contestant, base: Contestant, atLeast: number | null, { needs = [], ...load }: Comparison["load"] & { readonly needs?: readonly string[] } = {}): Comparison {
  return { group, name, subject, base, by: "cpu", atLeast, load, needs: ["wrk", ...needs] };
}

/** In the folder of the run, where the file that is sent lies too. */
function logFile(): string {
  return `${process.env[FILE_VARIABLE]}.log`;
}

export function gunicorn(kind: string, app: string, ...flags: string[]): Contestant {
  return { name: `gunicorn ${kind}`, command: ["gunicorn", ...flags, "-b", "127.0.0.1:{port}", "--chdir", `${root}tests/bench/apps`, app] };
}

export function tsgi(runtime: RuntimeName, app: string, flags: readonly string[] = []): Contestant {
  return { name: ["tsgi", ...flags].join(" "), command: [...script(runtime), "mod.ts", "-b", "127.0.0.1:{port}", ...flags, app] };
}

export function bare(runtime: RuntimeName, job: string): Contestant {
  // Deno's reusePort is unstable.
  const flags = runtime === "deno" ? ["--unstable-net"] : [];
  return { name: NATIVE[runtime], command: [...script(runtime), ...flags, `tests/bench/apps/${runtime === "node" ? "bare_node" : "bare"}.ts`, "{port}", job] };
}

function hono(runtime: RuntimeName): Contestant {
  return { name: `Hono on ${NATIVE[runtime]}`, command: [...script(runtime), "tests/bench/apps/hono.ts", "{port}"] };
}

const NATIVE = { deno: "Deno.serve", bun: "Bun.serve", node: "node:http" } as const;

function script(runtime: RuntimeName): readonly string[] {
  return runtime === "deno" ? [run("deno"), "run", "-A"] : [run(runtime)];
}

function run(name: string): string {
  return program(name) ?? name;
}
