/** A real proxy in front of a real tsgi, for the time of a test. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { Authority } from "./authority.ts";

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** A main configuration for nginx that includes `site` and writes nowhere but into `folder`. */
export function nginxMain(folder: string, site: string): string {
  mkdirSync(join(folder, "nginx"), { recursive: true });
  const at = (name: string) => join(folder, "nginx", name);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `  ${kind}_temp_path ${at(kind)};`).join("\n");
  const text = `${process.getuid?.() === 0 ? "user root;\n" : ""}worker_processes 2;
pid ${at("pid")};
error_log ${at("error.log")};
events { worker_connections 256; }
http {
  access_log off;
  types { text/css css; text/plain txt; }
${temporary}
  include ${join(folder, site)};
}
`;
  const path = join(folder, "nginx.conf");
  writeFileSync(path, text);
  return path;
}

/** What nginx -t says of it; throws that if it is not pleased. */
export function checkNginx(folder: string, main: string): void {
  try {
    execFileSync("nginx", ["-t", "-q", "-p", folder, "-c", main, "-e", join(folder, "nginx/error.log")], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  } catch (error) {
    throw new Error(`nginx -t: ${(error as { readonly stderr: string }).stderr}`, { cause: error });
  }
}

export async function withNginx<T>({ folder, site, port }: { readonly folder: string; readonly site: string; readonly port: number }, use: () => Promise<T>): Promise<T> {
  const main = nginxMain(folder, site);
  checkNginx(folder, main);
  const log = join(folder, "nginx/error.log");
  try {
    return await withProgram(["nginx", "-p", folder, "-c", main, "-e", log, "-g", "daemon off;"], port, use);
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- nginx's log:\n${readFileSync(log, "utf8").slice(-2000)}`;
    throw error;
  }
}

/** Runs `command` while `use` does; begins when `port` of loopback answers, and leaves nothing behind. */
export async function withProgram<T>([command = "", ...args]: readonly string[], port: number, use: () => Promise<T>): Promise<T> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr!.on("data", (text) => (said += text));
  const ended = new Promise<void>((resolve) => {
    child.on("exit", () => resolve());
    child.on("error", () => resolve());
  });
  try {
    while (!(await answers(port))) {
      if (isOver(child)) throw new Error(`Cannot test with ${command}: it ended; it said: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return await use();
  } finally {
    if (!isOver(child)) child.kill("SIGTERM");
    await ended;
  }
}

function isOver(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** A certificate authority and a certificate of it for `localhost`, in files of `folder`. */
export function makeCertificates(folder: string): { readonly ca: string; readonly certificate: string; readonly key: string } {
  const authority = new Authority(folder);
  return { ca: authority.ca, ...authority.issue("cert") };
}
