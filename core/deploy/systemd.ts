/**
 * Units for systemd: a service that tells it how it is (Type=notify), and a socket unit that holds the sockets, so that clients wait
 * instead of being refused while the service starts anew.
 */
import type { Address } from "../arbiter/listener.ts";
import { type DeployFile, DeployError } from "./file.ts";

export interface SystemdPlan {
  readonly name: string;
  /** What to run, with absolute paths: the runtime, its flags, tsgi's module. */
  readonly program: readonly string[];
  /** tsgi's own arguments, the application among them; not --bind. */
  readonly args: readonly string[];
  readonly directory: string;
  readonly user: string;
  readonly group?: string;
  readonly bind: readonly Address[];
  /** Whether systemd holds the sockets. */
  readonly socket: boolean;
  /** Who besides the user may connect to unix sockets; everybody if absent. */
  readonly socketGroup?: string;
  readonly backlog: number;
  /** Seconds a stop may take: graceful-timeout and shutdown-delay. */
  readonly patience: number;
  /** Whether the runtime keeps compiled modules where DENO_DIR says. */
  readonly cachesModules: boolean;
}

/** The units; throws DeployError for what systemd cannot express. */
export function systemd(plan: SystemdPlan): DeployFile[] {
  const { name, socket } = plan;
  for (const [option, value] of Object.entries({ "--user": plan.user, "--group": plan.group, "--socket-group": plan.socketGroup })) {
    if (value !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(value)) throw new DeployError(`Cannot use ${option}: expected a name or number, got ${JSON.stringify(value)}`);
  }
  const files = [{ name: `${name}.service`, hint: `/etc/systemd/system/${name}.service`, text: service(plan) }];
  return socket ? [...files, { name: `${name}.socket`, hint: `/etc/systemd/system/${name}.socket`, text: socketUnit(plan) }] : files;
}

function service(plan: SystemdPlan): string {
  const { name, program, args, directory, user, group, bind, socket } = plan;
  const binds = socket ? [] : bind.flatMap((address) => ["--bind", listenText(address, true)]);
  const runsLowPort = !socket && bind.some((address) => address.kind === "tcp" && address.port < 1024);
  const command = [...program, ...binds, "--control-socket", `/run/${name}/control.sock`, ...args].map(quoted).join(" ");
  return lines(
    `# Made by: tsgi init systemd. Put it into /etc/systemd/system, then: systemctl daemon-reload && systemctl enable --now ${socket ? `${name}.socket ` : ""}${name}.service`,
    "[Unit]",
    `Description=${name}, served by tsgi`,
    ...(socket ? [`Requires=${name}.socket`, `After=network.target ${name}.socket`] : ["After=network.target"]),
    "",
    "[Service]",
    "# Ready when workers serve; reloads, stops and upgrades are told too, and the watchdog bites when the arbiter itself stands still.",
    "Type=notify",
    "NotifyAccess=main",
    "WatchdogSec=30",
    `ExecStart=${command}`,
    "# New code and configuration: the old workers go when the new ones are ready. systemctl status says if they are not.",
    "ExecReload=/bin/kill -HUP $MAINPID",
    `WorkingDirectory=${path(directory)}`,
    `User=${user}`,
    ...(group === undefined ? [] : [`Group=${group}`]),
    `RuntimeDirectory=${name}`,
    ...(plan.cachesModules ? [`CacheDirectory=${name}`, `Environment=DENO_DIR=/var/cache/${name}`] : []),
    "Restart=always",
    "RestartSec=1",
    "# TERM goes to the arbiter alone, which tells its workers; whoever is still there afterwards is killed.",
    "KillMode=mixed",
    `TimeoutStopSec=${plan.patience + 5}`,
    "LimitNOFILE=65536",
    "",
    "# No MemoryDenyWriteExecute: a runtime that compiles writes code into its memory.",
    ...(runsLowPort ? ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"] : ["CapabilityBoundingSet="]),
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectSystem=full",
    "ProtectControlGroups=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelLogs=yes",
    "ProtectClock=yes",
    "RestrictSUIDSGID=yes",
    "RestrictRealtime=yes",
    "RestrictNamespaces=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "LockPersonality=yes",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  );
}

function socketUnit({ name, user, bind, backlog, socketGroup }: SystemdPlan): string {
  const hasPath = bind.some((address) => address.kind === "unix");
  return lines(
    "# Made by: tsgi init systemd. tsgi serves these sockets, whatever its --bind says.",
    "[Unit]",
    `Description=Sockets of ${name}`,
    "",
    "[Socket]",
    ...bind.map((address) => `ListenStream=${listenText(address, false)}`),
    `Backlog=${backlog}`,
    ...(!hasPath ? [] : socketGroup === undefined
      ? [`SocketUser=${user}`, "# Everybody on this machine may connect; with tsgi init systemd --socket-group, one group.", "SocketMode=0666"]
      : [`SocketUser=${user}`, `SocketGroup=${socketGroup}`, "SocketMode=0660"]),
    "",
    "[Install]",
    "WantedBy=sockets.target",
  );
}

function listenText(address: Address, isFlag: boolean): string {
  if (address.kind === "fd") throw new DeployError(`Cannot use --bind fd://${address.fd}: systemd chooses the number, write an address`);
  if (address.kind === "unix") {
    if (!address.path.startsWith("/")) throw new DeployError(`Cannot use --bind unix:${address.path}: expected an absolute path`);
    return isFlag ? `unix:${address.path}` : path(address.path);
  }
  const host = address.host === "" ? "0.0.0.0" : address.host;
  if (address.port === 0) throw new DeployError("Cannot use --bind: port 0 would be another one at each start, write a number");
  if (!isFlag && !/^[\d.]+$|:/.test(host)) throw new DeployError(`Cannot use --bind ${host}:${address.port}: a socket unit takes IP addresses only, write one, or add --no-socket`);
  return `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}

/** A word of ExecStart, as systemd.service(5) reads it. */
function quoted(word: string): string {
  const plain = word.replaceAll("%", "%%");
  if (/^[A-Za-z0-9_@%+=:,./~^-]+$/.test(plain)) return plain;
  if (/[\0\n\r]/.test(word)) throw new DeployError(`Cannot write ${JSON.stringify(word)} into a unit: it has a line break`);
  return `"${plain.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("$", "$$$$")}"`;
}

/** Where one path stands alone, systemd takes it to the end of the line, and only % means something. */
function path(written: string): string {
  if (/[\0\n\r]/.test(written)) throw new DeployError(`Cannot write ${JSON.stringify(written)} into a unit: it has a line break`);
  return written.replaceAll("%", "%%");
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
