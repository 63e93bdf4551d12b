/** `tsgi init docker`. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { docker as image } from "../../core/deploy/docker.ts";
import { type DeployFile, DeployError } from "../../core/deploy/file.ts";
import { runtime } from "../current.ts";
import { MINIMUM } from "../readings.ts";
import { argsOf, type Initial, type InitValues, nameOf, runtimeOf } from "./given.ts";

const HELP = `Usage: tsgi init docker [OPTIONS] [APP] [-- TSGI-OPTIONS]

A Dockerfile (two stages, no root, tsgi as PID 1), what it leaves out, and a composition with nginx. It needs a package.json with tsgi.
What follows -- is for tsgi: -- -w 4 --timeout 60

  --runtime deno|bun       What is in the image. [default: the one that runs this]
  -n, -o, -f               As for all: tsgi init --help
`;

export const docker: Initial = {
  summary: "A Dockerfile, and compose.yaml with nginx",
  help: HELP,
  options: { runtime: { type: "string" } },
  make: initDocker,
};

async function initDocker(given: InitValues): Promise<readonly DeployFile[]> {
  const directory = process.cwd();
  const { args, settings } = await argsOf(given, directory, (app) => app);
  const name = runtimeOf(given);
  const module = "node_modules/tsgi/dist/mod.js";
  if (!dependsOnTsgi(directory)) throw new DeployError("Cannot write a Dockerfile: there is no package.json here that depends on tsgi, which the image gets from there; run npm install tsgi");
  return image({
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
