/** `tsgi init systemd`. */
import { userInfo } from "node:os";
import process from "node:process";
import type { DeployFile } from "../../core/deploy/file.ts";
import { systemd as units } from "../../core/deploy/systemd.ts";
import { runtime } from "../current.ts";
import { programHere } from "../own_program.ts";
import { addresses, argsOf, type Initial, type InitValues, nameOf, text } from "./given.ts";

const HELP = `Usage: tsgi init systemd [OPTIONS] [APP] [-- TSGI-OPTIONS]

A service unit, and a socket unit that holds its sockets. What follows -- is for tsgi: -- -w 4 --timeout 60

  -b, --bind ADDRESS       Where to listen, as for tsgi; may be repeated. [default: unix:/run/NAME.sock]
  -u, --user USER          Whom it runs as. [default: you; www-data for root]
  -g, --group GROUP        The group it runs as. [default: the user's]
  --socket-group GROUP     Only this group may connect to unix sockets, such as that of nginx
  --no-socket              No socket unit: tsgi opens its sockets itself. On TCP, workers then share the load more evenly, but clients are
                           refused while the service starts anew
  -n, -o, -f               As for all: tsgi init --help
`;

export const systemd: Initial = {
  summary: "A service and a socket unit",
  help: HELP,
  options: {
    bind: { type: "string", short: "b", multiple: true },
    user: { type: "string", short: "u" },
    group: { type: "string", short: "g" },
    "socket-group": { type: "string" },
    "no-socket": { type: "boolean" },
  },
  make: initSystemd,
};

async function initSystemd(given: InitValues): Promise<readonly DeployFile[]> {
  const directory = process.cwd();
  const name = nameOf(given, directory);
  const { args, settings } = await argsOf(given, directory);
  const [group, socketGroup] = [text(given, "group"), text(given, "socket-group")];
  return units({
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
