/** The command `tsgi wsgi`: serves a Python application, with every flag of serving. */
import { run as serve } from "./serve.ts";

/** Resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  return await serve(["--interface", "wsgi", ...argv]);
}
