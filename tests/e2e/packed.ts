/** The npm package as people get it: packed, and installed without a network in an empty folder. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "./server.ts";

export interface Packed {
  /** A folder for more, which `remove` removes. */
  readonly folder: string;
  readonly tarball: string;
  /** The folder in which the package is installed. */
  readonly project: string;
  remove(): void;
}

export function pack(): Packed {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
  const project = join(folder, "project");
  const said = command(root, "npm", "pack", "--json", "--loglevel=error", "--pack-destination", folder);
  const [{ filename }] = JSON.parse(said.replace(/^[^[]*/, "")) as [{ filename: string }];
  const tarball = join(folder, filename);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  command(project, "npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", tarball);
  return { folder, tarball, project, remove: () => rmSync(folder, { recursive: true }) };
}

/** What a command prints, as it would without npm around it. Throws with what it said when it fails. */
export function command(cwd: string, name: string, ...args: readonly string[]): string {
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("npm_")));
  return execFileSync(name, args, { cwd, encoding: "utf8", env: { ...env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
}
