/** What `tsgi init` can write: the options of each kind, and what this machine says about the rest. */
import { existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import type { ParseArgsConfig } from "node:util";
import { parseAppUri } from "../core/arbiter/app_uri.ts";
import type { Address } from "../core/arbiter/listener.ts";
import { checkedName, type DeployFile, DeployError, nameFrom } from "../core/deploy/file.ts";
import { docker } from "../core/deploy/docker.ts";
import { kubernetes } from "../core/deploy/kubernetes.ts";
import { type Files, nginx } from "../core/deploy/nginx.ts";
import { systemd } from "../core/deploy/systemd.ts";
import { parseAddress } from "../core/settings/address.ts";
import { CONFIG_FILES } from "../core/settings/config_file.ts";
import { loadSettings } from "../core/settings/load.ts";
import type { Settings } from "../core/settings/table.ts";
import { parseArgs } from "node:util";
import { runtime } from "./current.ts";
import { configReader } from "./files.ts";
import { programHere } from "./program.ts";
import { MINIMUM } from "./readings.ts";

export interface InitValues {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly app: string | undefined;
  /** What stood after `--`: tsgi's own options. */
  readonly extra: readonly string[];
}

export interface Initial {
  readonly summary: string;
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  make(given: InitValues): Promise<readonly DeployFile[]>;
}

const SYSTEMD_HELP = `Usage: tsgi init systemd [OPTIONS] [APP] [-- TSGI-OPTIONS]

A service unit, and a socket unit that holds its sockets. What follows -- is for tsgi: -- -w 4 --timeout 60

  -b, --bind ADDRESS       Where to listen, as for tsgi; may be repeated. [default: unix:/run/NAME.sock]
  -u, --user USER          Whom it runs as. [default: you; www-data for root]
  -g, --group GROUP        The group it runs as. [default: the user's]
  --socket-group GROUP     Only this group may connect to unix sockets, such as that of nginx
  --no-socket              No socket unit: tsgi opens its sockets itself. On TCP, workers then share the load more evenly, but clients are
                           refused while the service starts anew
  -n, -o, -f               As for all: tsgi init --help
`;

const NGINX_HELP = `Usage: tsgi init nginx [OPTIONS] [APP]

A site for nginx: TLS, files, slow clients, WebSockets, and all else to tsgi.

  -b, --bind ADDRESS       Where tsgi is; several for several machines. [default: unix:/run/NAME.sock]
  -s, --server-name HOST   The site's host; may be repeated. [default: any]
  --static URL=DIR         Files that nginx serves by itself, such as /static/=/srv/app/public; may be repeated
  --accel URL=DIR          Files that nginx serves when the application says so in X-Accel-Redirect; may be repeated
  --tls                    https, with http redirected to it
  --certificate FILE       [default: /etc/letsencrypt/live/HOST/fullchain.pem]
  --key FILE               [default: /etc/letsencrypt/live/HOST/privkey.pem]
  --port PORT              For http. [default: 80]
  --tls-port PORT          For https. [default: 443]
  -n, -o, -f               As for all: tsgi init --help
`;

const DOCKER_HELP = `Usage: tsgi init docker [OPTIONS] [APP] [-- TSGI-OPTIONS]

A Dockerfile (two stages, no root, tsgi as PID 1), what it leaves out, and a composition with nginx. It needs a package.json with tsgi.
What follows -- is for tsgi: -- -w 4 --timeout 60

  --runtime deno|bun       What is in the image. [default: the one that runs this]
  -n, -o, -f               As for all: tsgi init --help
`;

const KUBERNETES_HELP = `Usage: tsgi init kubernetes [OPTIONS] [APP]

Deployment, Service, autoscaler, disruption budget and, with a host, an Ingress, for an image as tsgi init docker makes it.

  --image IMAGE            [default: NAME:latest]
  --host HOST              The host that the Ingress sends here
  --tls                    With the certificate in the secret NAME-tls, as cert-manager makes it
  --replicas MIN-MAX       [default: 2-10]
  --scale-on METRIC=MEAN   A metric of each pod to scale by besides CPU, such as tsgi_requests_in_flight=50
  --shutdown-delay SECONDS How long traffic needs to hear that a pod leaves. [default: 10]
  --graceful-timeout SECONDS  How long its requests may take then. [default: 30]
  --runtime deno|bun       What is in the image. [default: the one that runs this]
  -n, -o, -f               As for all: tsgi init --help
`;

export const INITIALS: Readonly<Record<string, Initial>> = {
  systemd: {
    summary: "A service and a socket unit",
    help: SYSTEMD_HELP,
    options: {
      bind: { type: "string", short: "b", multiple: true },
      user: { type: "string", short: "u" },
      group: { type: "string", short: "g" },
      "socket-group": { type: "string" },
      "no-socket": { type: "boolean" },
    },
    make: initSystemd,
  },
  nginx: {
    summary: "A site for nginx",
    help: NGINX_HELP,
    options: {
      bind: { type: "string", short: "b", multiple: true },
      "server-name": { type: "string", short: "s", multiple: true },
      static: { type: "string", multiple: true },
      accel: { type: "string", multiple: true },
      tls: { type: "boolean" },
      certificate: { type: "string" },
      key: { type: "string" },
      port: { type: "string" },
      "tls-port": { type: "string" },
    },
    make: (given) => Promise.resolve(initNginx(given)),
  },
  docker: {
    summary: "A Dockerfile, and compose.yaml with nginx",
    help: DOCKER_HELP,
    options: { runtime: { type: "string" } },
    make: initDocker,
  },
  kubernetes: {
    summary: "Manifests for Kubernetes",
    help: KUBERNETES_HELP,
    options: {
      image: { type: "string" },
      host: { type: "string" },
      tls: { type: "boolean" },
      replicas: { type: "string" },
      "scale-on": { type: "string" },
      "shutdown-delay": { type: "string" },
      "graceful-timeout": { type: "string" },
      runtime: { type: "string" },
    },
    make: (given) => Promise.resolve(initKubernetes(given)),
  },
};

async function initSystemd(given: InitValues): Promise<readonly DeployFile[]> {
  const directory = process.cwd();
  const name = nameOf(given, directory);
  const { args, settings } = await argsOf(given, directory);
  const [group, socketGroup] = [text(given, "group"), text(given, "socket-group")];
  return systemd({
    name,
    program: programHere(directory),
    args: ["--name", name, ...args],
    directory,
    user: text(given, "user") ?? (process.getuid?.() === 0 ? "www-data" : userInfo().username),
    ...(group === undefined ? {} : { group }),
    bind: addresses(given, [`unix:/run/${name}.sock`]),
    socket: given.values["no-socket"] !== true,
    ...(socketGroup === undefined ? {} : { socketGroup }),
    backlog: settings.backlog,
    patience: settings.gracefulTimeout + settings.shutdownDelay,
    cachesModules: runtime.name === "deno",
  });
}

function initNginx(given: InitValues): readonly DeployFile[] {
  const name = nameOf(given, process.cwd());
  const serverNames = texts(given, "server-name");
  const [certificate, key] = [text(given, "certificate"), text(given, "key")];
  const isTls = given.values.tls === true;
  if (!isTls && (certificate ?? key ?? text(given, "tls-port")) !== undefined) throw new DeployError("Cannot use --certificate, --key or --tls-port alone: add --tls");
  if (isTls && serverNames.length === 0 && (certificate === undefined || key === undefined)) {
    throw new DeployError("Cannot use --tls: the certificate's path needs a host, add --server-name HOST, or --certificate and --key");
  }
  const directory = `/etc/letsencrypt/live/${serverNames[0]}`;
  return nginx({
    name,
    serverNames,
    servers: addresses(given, [`unix:/run/${name}.sock`]),
    files: folders(given, "static"),
    accelerated: folders(given, "accel"),
    port: port(given, "port", 80),
    tls: isTls ? { port: port(given, "tls-port", 443), certificate: certificate ?? `${directory}/fullchain.pem`, key: key ?? `${directory}/privkey.pem` } : null,
  });
}

async function initDocker(given: InitValues): Promise<readonly DeployFile[]> {
  const directory = process.cwd();
  const { args, settings } = await argsOf(given, directory, (app) => app);
  const name = runtimeOf(given);
  const module = "node_modules/tsgi/dist/mod.js";
  if (!dependsOnTsgi(directory)) throw new DeployError("Cannot write a Dockerfile: there is no package.json here that depends on tsgi, which the image gets from there; run npm install tsgi");
  return docker({
    name: nameOf(given, directory),
    runtime: { name, version: name === runtime.name ? runtime.version : MINIMUM[name] },
    module,
    args,
    manifests: ["package.json", "package-lock.json", "bun.lock", "deno.json", "deno.lock"].filter((file) => existsSync(join(directory, file))),
    patience: settings.gracefulTimeout + settings.shutdownDelay,
  });
}

function dependsOnTsgi(directory: string): boolean {
  try {
    const { dependencies = {} } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { readonly dependencies?: Readonly<Record<string, string>> };
    return Object.hasOwn(dependencies, "tsgi");
  } catch {
    return false; // None, or none that npm could read either.
  }
}

function initKubernetes(given: InitValues): readonly DeployFile[] {
  const name = nameOf(given, process.cwd());
  const [replicas, scaleOn] = [text(given, "replicas") ?? "2-10", text(given, "scale-on")];
  const range = /^(\d+)-(\d+)$/.exec(replicas);
  if (range === null || Number(range[1]) < 1) throw new DeployError(`Cannot use --replicas: expected MIN-MAX such as 2-10, got ${JSON.stringify(replicas)}`);
  const isTls = given.values.tls === true;
  const host = text(given, "host") ?? null;
  if (isTls && host === null) throw new DeployError("Cannot use --tls: the Ingress needs a host, add --host HOST");
  const [metric = "", value = ""] = scaleOn?.split("=") ?? [];
  return kubernetes({
    name,
    image: text(given, "image") ?? `${name}:latest`,
    runtime: runtimeOf(given),
    host,
    tls: isTls,
    replicas: { min: Number(range[1]), max: Number(range[2]) },
    scaleOn: scaleOn === undefined ? null : { metric, value },
    shutdownDelay: seconds(given, "shutdown-delay", 10),
    gracefulTimeout: seconds(given, "graceful-timeout", 30),
  });
}

function runtimeOf(given: InitValues): "deno" | "bun" {
  const name = text(given, "runtime") ?? runtime.name;
  if (name === "deno" || name === "bun") return name;
  throw new DeployError(`Cannot use --runtime: expected deno or bun, got ${JSON.stringify(name)}`);
}

function seconds(given: InitValues, option: string, fallback: number): number {
  const written = text(given, option);
  if (written === undefined) return fallback;
  if (/^\d{1,5}$/.test(written)) return Number(written);
  throw new DeployError(`Cannot use --${option}: expected whole seconds, got ${JSON.stringify(written)}`);
}

function folders(given: InitValues, option: string): readonly Files[] {
  return texts(given, option).map((written) => {
    const [url = "", directory = ""] = [written.slice(0, Math.max(0, written.indexOf("="))), written.slice(written.indexOf("=") + 1)];
    if (!url.startsWith("/") || directory === "") throw new DeployError(`Cannot use --${option}: expected URL=DIR such as /static/=/srv/app/public, got ${JSON.stringify(written)}`);
    return { url, directory: resolve(directory) };
  });
}

function port(given: InitValues, option: string, fallback: number): number {
  const written = text(given, option);
  const number = written === undefined ? fallback : Number(written);
  if (Number.isInteger(number) && number > 0 && number < 65536) return number;
  throw new DeployError(`Cannot use --${option}: expected a port from 1 to 65535, got ${JSON.stringify(written)}`);
}

/** tsgi's arguments, which must be such as it takes: also with what stands in the configuration, which is read again at the start. */
async function argsOf({ app, extra }: InitValues, cwd: string, called: (app: string, cwd: string) => string = absoluteApp): Promise<{ readonly args: readonly string[]; readonly settings: Settings }> {
  const hasConfig = CONFIG_FILES.some((file) => existsSync(join(cwd, file)));
  const named = app === undefined ? [] : [called(app, cwd)];
  const all = hasConfig || extra.some((word) => /^(?:-w|--workers)/.test(word)) ? extra : [...extra, "--workers", "auto"];
  const args = [...all, ...named];
  const loaded = await loadSettings({ argv: args, env: {}, cwd, runtime: runtime.name, reader: configReader, parseArgs: parseArgs as never });
  const [problem] = loaded.problems;
  if (problem !== undefined) throw new DeployError(problem.message);
  if (loaded.settings.daemon) throw new DeployError("Cannot use --daemon: whoever starts the server here must see when it ends, leave it out");
  return { args, settings: loaded.settings };
}

/** What is named by a path is named by an absolute one. */
function absoluteApp(app: string, cwd: string): string {
  const { module } = parseAppUri(app);
  return existsSync(resolve(cwd, module)) ? resolve(cwd, module) + app.slice(module.length) : app;
}

function nameOf({ values, app }: InitValues, directory: string): string {
  return typeof values.name === "string" ? checkedName(values.name) : nameFrom(app ?? directory);
}

function text({ values }: InitValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

function texts({ values }: InitValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.map(String) : [];
}

function addresses(given: InitValues, fallback: readonly string[]): readonly Address[] {
  const written = texts(given, "bind");
  return (written.length === 0 ? fallback : written).map((one) => {
    const reading = parseAddress(one);
    if (!reading.ok) throw new DeployError(`Cannot use --bind: expected ${reading.expected}, got ${JSON.stringify(one)}`);
    return reading.value;
  });
}
