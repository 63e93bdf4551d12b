/**
 * A site for nginx before one tsgi, or several: slow clients, TLS and files are nginx's, requests tsgi's.
 *
 * What a client says in a header that tsgi believes of its proxy is overwritten or dropped here, each of them: X-Forwarded-Ssl that
 * contradicts X-Forwarded-Proto would have none believed.
 */
import type { Address } from "../arbiter/listener.ts";
import { type DeployFile, DeployError } from "./file.ts";

/** What is below the path `url` is in the folder `directory`. */
export interface Files {
  readonly url: string;
  readonly directory: string;
}

export interface NginxPlan {
  readonly name: string;
  readonly serverNames: readonly string[];
  /** Where tsgi is: one, or several machines. */
  readonly servers: readonly Address[];
  /** Served by nginx alone. */
  readonly files: readonly Files[];
  /** Served by nginx when the application says so in X-Accel-Redirect. */
  readonly accelerated: readonly Files[];
  readonly port: number;
  readonly tls: { readonly port: number; readonly certificate: string; readonly key: string } | null;
}

/** The site; throws DeployError for what nginx cannot express. */
export function nginx(plan: NginxPlan): DeployFile[] {
  const text = [head(plan), upstream(plan), ...(plan.tls === null ? [plainServer(plan)] : [redirectServer(plan), tlsServer(plan, plan.tls)])].join("\n");
  return [{ name: `${plan.name}.conf`, hint: `/etc/nginx/conf.d/${plan.name}.conf, then: nginx -t && systemctl reload nginx`, text }];
}

function head({ name, servers }: NginxPlan): string {
  const trust = servers.every((server) => server.kind === "unix") ? "unix:" : "ADDRESS, the one that nginx comes from";
  return lines(
    "# Made by: tsgi init nginx. It is included in http { }.",
    `# tsgi believes X-Forwarded-Proto of 127.0.0.1 and ::1 by itself; here it needs: --forwarded-allow-ips ${trust}`,
    "# The client's address is in X-Forwarded-For: proxyFix makes it REMOTE_ADDR.",
    `map $http_upgrade $${variable(name)}_connection {`,
    "    default upgrade;",
    '    ""      close;',
    "}",
  );
}

function upstream({ name, servers }: NginxPlan): string {
  // One alone is never given up: while tsgi starts anew, each request shall try.
  const options = servers.length === 1 ? " max_fails=0" : " max_fails=3 fail_timeout=5s";
  return lines(
    `upstream ${name} {`,
    ...(servers.length === 1 ? [] : [`    zone ${name} 64k;`, "    least_conn;"]),
    ...servers.map((server) => `    server ${word(serverText(server))}${options};`),
    "}",
  );
}

function plainServer(plan: NginxPlan): string {
  return lines("server {", ...listen(plan.port), ...names(plan), "", ...body(plan), "}");
}

function redirectServer(plan: NginxPlan): string {
  const port = plan.tls!.port === 443 ? "" : `:${plan.tls!.port}`;
  return lines(
    "server {",
    ...listen(plan.port),
    ...names(plan),
    "",
    "    # certbot certonly --webroot -w /var/www/letsencrypt -d NAME, and --deploy-hook 'systemctl reload nginx'",
    "    location ^~ /.well-known/acme-challenge/ {",
    "        root /var/www/letsencrypt;",
    "    }",
    "    location / {",
    `        return 308 https://$host${port}$request_uri;`,
    "    }",
    "}",
  );
}

function tlsServer(plan: NginxPlan, tls: NonNullable<NginxPlan["tls"]>): string {
  return lines(
    "server {",
    `    listen ${tls.port} ssl http2;`,
    `    listen [::]:${tls.port} ssl http2;`,
    ...names(plan),
    "",
    `    ssl_certificate     ${word(tls.certificate)};`,
    `    ssl_certificate_key ${word(tls.key)};`,
    "    ssl_protocols TLSv1.2 TLSv1.3;",
    "    ssl_session_cache shared:SSL:10m;",
    "    ssl_session_timeout 1d;",
    "    ssl_session_tickets off;",
    "    # Once all of this host is on https for good:",
    '    # add_header Strict-Transport-Security "max-age=31536000" always;',
    "",
    ...body(plan),
    "}",
  );
}

function body({ name, servers, files, accelerated }: NginxPlan): string[] {
  return [
    "    client_max_body_size 10m;",
    "",
    ...files.flatMap(({ url, directory }) => [
      `    location ^~ ${word(folder(url))} {`,
      `        alias ${word(folder(directory))};`,
      "        expires 1h;",
      "    }",
    ]),
    ...accelerated.flatMap(({ url, directory }) => [
      `    # Nobody comes here from outside. In the application: sendfile({ type: "X-Accel-Redirect", mappings: [[${JSON.stringify(folder(directory))}, ${JSON.stringify(folder(url))}]] })`,
      `    location ^~ ${word(folder(url))} {`,
      "        internal;",
      `        alias ${word(folder(directory))};`,
      "    }",
    ]),
    "    location / {",
    `        proxy_pass http://${name};`,
    "        proxy_http_version 1.1;",
    "        proxy_redirect off;",
    "        proxy_set_header Host $http_host;",
    "        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "        proxy_set_header X-Forwarded-Proto $scheme;",
    "        proxy_set_header X-Forwarded-Host $http_host;",
    "        proxy_set_header X-Forwarded-Port $server_port;",
    '        proxy_set_header X-Forwarded-Prefix "";',
    '        proxy_set_header X-Forwarded-Protocol "";',
    '        proxy_set_header X-Forwarded-Ssl "";',
    '        proxy_set_header Forwarded "";',
    '        proxy_set_header Proxy "";',
    "        proxy_set_header Upgrade $http_upgrade;",
    `        proxy_set_header Connection $${variable(name)}_connection;`,
    "",
    "        # The client's slowness is nginx's: a worker gets a request when all of it is there, and is rid of the answer at once.",
    "        # An application that streams says X-Accel-Buffering: no in its answer.",
    "        proxy_request_buffering on;",
    "        proxy_buffering on;",
    "        proxy_buffers 16 16k;",
    "        proxy_buffer_size 16k;",
    "        proxy_connect_timeout 5s;",
    "        # More than tsgi's --request-timeout, if that is set. A WebSocket that is silent for so long ends.",
    "        proxy_read_timeout 60s;",
    ...(servers.length === 1 ? [] : [
      "        # Another machine is tried, but not for a POST that may have been carried out. 503 is what tsgi says before an application was asked.",
      "        proxy_next_upstream error timeout http_502 http_503;",
      "        proxy_next_upstream_tries 2;",
      "        proxy_next_upstream_timeout 10s;",
    ]),
    "    }",
  ];
}

function listen(port: number): string[] {
  return [`    listen ${port};`, `    listen [::]:${port};`];
}

function names({ serverNames }: NginxPlan): string[] {
  for (const name of serverNames) {
    if (!/^(?:_|\*?[A-Za-z0-9.-]+)$/.test(name)) throw new DeployError(`Cannot use --server-name: expected a host such as example.com, got ${JSON.stringify(name)}`);
  }
  return [`    server_name ${serverNames.length === 0 ? "_" : serverNames.join(" ")};`];
}

function serverText(server: Address): string {
  if (server.kind === "fd") throw new DeployError(`Cannot use --bind fd://${server.fd} for nginx: expected where tsgi is reached, such as unix:/run/app.sock`);
  if (server.kind === "unix") {
    if (!server.path.startsWith("/")) throw new DeployError(`Cannot use --bind unix:${server.path} for nginx: expected an absolute path`);
    return `unix:${server.path}`;
  }
  const host = ["", "0.0.0.0"].includes(server.host) ? "127.0.0.1" : server.host === "::" ? "::1" : server.host;
  return `${host.includes(":") ? `[${host}]` : host}:${server.port}`;
}

/** With slashes around: `location /a { alias /b/; }` would show what is beside /b too. */
function folder(path: string): string {
  if (!path.startsWith("/")) throw new DeployError(`Cannot use ${JSON.stringify(path)}: expected an absolute path`);
  return path.endsWith("/") ? path : `${path}/`;
}

function word(text: string): string {
  if (/[\0\n\r$]/.test(text)) throw new DeployError(`Cannot write ${JSON.stringify(text)} into a site: nginx takes $ for a variable, and a line break for nothing good`);
  return /^[A-Za-z0-9_./:@~+%=,[\]-]+$/.test(text) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function variable(name: string): string {
  return name.replaceAll("-", "_");
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
