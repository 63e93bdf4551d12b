/** Programs, as a shell finds them. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** Where the program `name` is, by `path`, which is what PATH says and as `fits`; null if it is nowhere. An empty folder in it is `cwd`. */
export function findProgram(name: string, path: string, cwd: string, fits: (path: string) => boolean = () => true): string | null {
  if (name === "") return null;
  const places = name.includes("/") ? [resolve(cwd, name)] : path.split(delimiter).map((directory) => join(directory || cwd, name));
  return places.find((place) => isProgram(place) && fits(place)) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
