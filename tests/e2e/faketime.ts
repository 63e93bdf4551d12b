/** Debian's package faketime: for the processes that load it, the wall clock is what a file says. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const LIBRARY = ["x86_64", "aarch64"].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`).find((path) => existsSync(path));

/** Why there is none, for a test's `skip`; or false. */
export const noFaketime: string | false = LIBRARY === undefined && "libfaketime is not installed: apt-get install libfaketime";

/** The variables of a process whose wall clock `setClock` of the same folder moves. */
export function clockVariables(folder: string): Record<string, string> {
  return { LD_PRELOAD: LIBRARY!, FAKETIME_TIMESTAMP_FILE: join(folder, "clock"), FAKETIME_NO_CACHE: "1", DONT_FAKE_MONOTONIC: "1" };
}

export function setClock(folder: string, days: number): void {
  writeFileSync(join(folder, "clock"), `${days < 0 ? "" : "+"}${days}d`);
}
