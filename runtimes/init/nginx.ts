/** `tsgi init nginx`. */
import { resolve } from "node:path";
import process from "node:process";
import { type DeployFile, DeployError } from "../../core/deploy/file.ts";
import { type Files, nginx as site } from "../../core/deploy/nginx.ts";
import { addresses, type Initial, type InitValues, nameOf, port, text, texts } from "./given.ts";

const HELP = `Usage: tsgi init nginx [OPTIONS] [APP]

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

export const nginx: Initial = {
  summary: "A site for nginx",
  help: HELP,
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
};

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
  return site({
    name,
    serverNames,
    servers: addresses(given, [`unix:/run/${name}.sock`]),
    files: folders(given, "static"),
    accelerated: folders(given, "accel"),
    port: port(given, "port", 80),
    tls: isTls ? { port: port(given, "tls-port", 443), certificate: certificate ?? `${directory}/fullchain.pem`, key: key ?? `${directory}/privkey.pem` } : null,
  });
}

function folders(given: InitValues, option: string): readonly Files[] {
  return texts(given, option).map((written) => {
    const [url = "", directory = ""] = [written.slice(0, Math.max(0, written.indexOf("="))), written.slice(written.indexOf("=") + 1)];
    if (!url.startsWith("/") || directory === "") throw new DeployError(`Cannot use --${option}: expected URL=DIR such as /static/=/srv/app/public, got ${JSON.stringify(written)}`);
    return { url, directory: resolve(directory) };
  });
}
