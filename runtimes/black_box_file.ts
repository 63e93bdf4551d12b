/** The black boxes of dead workers as files, each for its owner alone, and no more than a few. */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BlackBox } from "../core/black_box/black_box.ts";

/** A server whose workers keep dying must not fill the disk. */
export const MOST_FILES = 50;

const NAME = /^black-box-\d{8}T\d{9}Z-\d+\.json$/;

/** Writes `box` to a file of its own in `directory`, which is made if it is not there, and removes the oldest ones; returns the path. Throws what the system says. */
export function writeBlackBox(directory: string, box: BlackBox): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `black-box-${box.time.replace(/[-:.]/g, "")}-${box.pid}.json`);
  // Whoever looks finds it whole.
  const unfinished = `${path}.part`;
  writeFileSync(unfinished, `${JSON.stringify(box, null, 2)}\n`, { flag: "wx", mode: 0o600 });
  renameSync(unfinished, path);
  const all = readdirSync(directory).filter((name) => NAME.test(name)).sort();
  for (const name of all.slice(0, Math.max(0, all.length - MOST_FILES))) rmSync(join(directory, name), { force: true });
  return path;
}
