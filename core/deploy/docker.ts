/**
 * An image and a composition with nginx in front. tsgi is PID 1 there, and does what that asks for: no tini, no shell in between, which
 * would keep TERM from it.
 */
import { type DeployFile, DeployError } from "./file.ts";
import { nginx } from "./nginx.ts";

export interface DockerPlan {
  readonly name: string;
  readonly runtime: { readonly name: "deno" | "bun"; readonly version: string };
  /** tsgi's module, relative to the application's folder. */
  readonly module: string;
  /** tsgi's own arguments, the application among them; not --bind. */
  readonly args: readonly string[];
  /** The files there that say which packages are needed: package.json and locks. */
  readonly manifests: readonly string[];
  /** Seconds a stop may take. */
  readonly patience: number;
}

/** Where the application and the arbiter answer in a container. */
export const PORT = 8000;
export const ADMIN_PORT = 9091;

interface Base {
  readonly image: (version: string) => string;
  /** Who is no root in that image. */
  readonly user: string;
  readonly uid: number;
  readonly lock: string;
  readonly install: (isLocked: boolean) => string;
  readonly program: readonly string[];
  readonly evaluate: (code: string) => readonly string[];
}

export const BASES: Readonly<Record<"deno" | "bun", Base>> = {
  bun: {
    image: (version) => `oven/bun:${version}-slim`,
    user: "bun",
    uid: 1000,
    lock: "bun.lock",
    install: (isLocked) => `bun install --production${isLocked ? " --frozen-lockfile" : ""}`,
    program: ["bun"],
    evaluate: (code) => ["bun", "-e", code],
  },
  deno: {
    image: (version) => `denoland/deno:${version}`,
    user: "deno",
    uid: 1993,
    lock: "deno.lock",
    install: (isLocked) => `deno install${isLocked ? " --frozen" : ""}`,
    program: ["deno", "run", "-A", "--no-prompt"],
    evaluate: (code) => ["deno", "eval", code],
  },
};

export function docker(plan: DockerPlan): DeployFile[] {
  if (!plan.manifests.includes("package.json")) throw new DeployError("Cannot write a Dockerfile: there is no package.json here that says which packages the image needs; run npm install tsgi");
  const [site] = nginx({ name: plan.name, serverNames: [], servers: [{ kind: "tcp", host: "app", port: PORT }], files: [], accelerated: [], port: 80, tls: null });
  return [
    { name: "Dockerfile", hint: `docker build -t ${plan.name} .`, text: dockerfile(plan) },
    { name: ".dockerignore", hint: "what does not belong into the image", text: IGNORED },
    { name: "compose.yaml", hint: "docker compose up --build", text: compose(plan) },
    { name: "nginx.conf", hint: "the site of the nginx in compose.yaml", text: site!.text },
  ];
}

function dockerfile({ name, runtime, module, args, manifests }: DockerPlan): string {
  const base = BASES[runtime.name];
  const image = base.image(plainVersion(runtime.version));
  const probe = `if (!(await fetch("http://127.0.0.1:${ADMIN_PORT}/readyz")).ok) throw new Error("Not ready")`;
  return lines(
    `# Made by: tsgi init docker. ${name} on ${runtime.name} ${runtime.version}.`,
    `FROM ${image} AS dependencies`,
    "WORKDIR /app",
    `COPY ${[...manifests, "./"].join(" ")}`,
    `RUN ${base.install(manifests.includes(base.lock))}`,
    "",
    `FROM ${image}`,
    "WORKDIR /app",
    "# The only place that is written to: a read-only root with a tmpfs at /tmp is enough.",
    "ENV NODE_ENV=production TSGI_CONTROL_SOCKET=/tmp/tsgi.ctl",
    "# In an environment of its own, a container may say something else here.",
    `ENV TSGI_CMD_ARGS="--admin-bind 127.0.0.1:${ADMIN_PORT}"`,
    "COPY --from=dependencies /app/node_modules ./node_modules",
    "COPY . .",
    `USER ${base.uid}`,
    `EXPOSE ${PORT} ${ADMIN_PORT}`,
    "STOPSIGNAL SIGTERM",
    `HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ${words(base.evaluate(probe))}`,
    "# As lists, without a shell: tsgi is PID 1, hears TERM and buries orphans.",
    `ENTRYPOINT ${words([...base.program, module])}`,
    `CMD ${words(["--bind", `0.0.0.0:${PORT}`, ...args])}`,
  );
}

function compose({ patience }: DockerPlan): string {
  return lines(
    "# Made by: tsgi init docker.",
    "services:",
    "  app:",
    "    build: .",
    "    environment:",
    "      # Only nginx reaches it, and says who came by https.",
    `      TSGI_CMD_ARGS: "--admin-bind 127.0.0.1:${ADMIN_PORT} --forwarded-allow-ips *"`,
    "    read_only: true",
    "    tmpfs: [/tmp]",
    "    cap_drop: [ALL]",
    '    security_opt: ["no-new-privileges:true"]',
    "    # --workers auto starts one for each CPU of these.",
    "    cpus: 2",
    "    mem_limit: 1g",
    "    # graceful-timeout, and a little more.",
    `    stop_grace_period: ${patience + 5}s`,
    "    restart: unless-stopped",
    "  nginx:",
    "    image: nginx:stable",
    '    ports: ["80:80"]',
    '    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]',
    "    depends_on:",
    "      app:",
    "        condition: service_healthy",
    "    restart: unless-stopped",
  );
}

const IGNORED = `.git
.env*
*.pem
node_modules
Dockerfile
.dockerignore
compose.yaml
nginx.conf
`;

/** An image has the version without what was built of it: 1.4.5 for 1.4.5-canary.1+abc. */
function plainVersion(version: string): string {
  return /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** The exec form of Docker is JSON. */
function words(list: readonly string[]): string {
  return `[${list.map((word) => JSON.stringify(word)).join(", ")}]`;
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
