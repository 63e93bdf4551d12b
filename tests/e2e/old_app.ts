/** A server whose application is about to be changed, and the application. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Server, withFolder, withServer } from "./server.ts";

/** An application that answers `text`. */
export const app = (text: string, { before = "", status = "200 OK", inside = "" } = {}) => `
import process from "node:process";
${before}
export default (environ, startResponse) => {
  ${inside}
  startResponse(${JSON.stringify(status)}, [["Content-Type", "text/plain"]]);
  return [${JSON.stringify(text)}];
};
`;

/** A server of `args` whose app.ts answers "old", for the time of `use`. */
export async function withOld(args: readonly string[], use: (it: { server: Server; port: number; write: (code: string) => void }) => Promise<void>): Promise<void> {
  await withFolder({ "app.ts": app("old") }, async (folder) => {
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      await server.until(() => boots(server) === 2, "two workers in the log");
      await use({ server, port, write: (code) => writeFileSync(join(folder, "app.ts"), code) });
    });
  });
}

/** How many workers were ever started. */
export function boots(server: Server): number {
  return server.log.match(/Booting worker with pid/g)?.length ?? 0;
}
