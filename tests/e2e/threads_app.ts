/** A server with threads, and an application that blocks, waits and breaks. */
import { type Server, withFolder, withServer } from "./server.ts";

/** Does what it is asked for, and says whether it was alone in its thread. */
const APP = `
let inside = 0;
const spin = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); };
export function startup() {
  console.error("startup of a thread");
}
export function shutdown() {
  console.error("shutdown of a thread");
}
export default async (environ, startResponse) => {
  const alone = inside++ === 0;
  const [way, time] = [environ.PATH_INFO, Number(environ.QUERY_STRING)];
  if (way === "/spin" || way === "/wait") environ["tsgi.errors"].write(way + " begun\\n");
  if (way === "/spin") spin(time);
  if (way === "/wait") await new Promise((resolve) => setTimeout(resolve, time));
  if (way === "/fault") setTimeout(() => { throw new Error("nobody catches this"); }, 0);
  if (way === "/reject") Promise.reject(new Error("nobody awaits this"));
  if (way === "/exit") process.exit(3);
  inside--;
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  if (way === "/flags") return [environ["tsgi.multithread"] + " " + environ["tsgi.multiprocess"]];
  return [alone ? "alone" : "crowded"];
};
`;

/** A server of {@linkcode APP} for the time of `use`. */
export function withApp<T>(args: readonly string[], use: (url: string, server: Server, folder: string) => Promise<T>, files: Readonly<Record<string, string>> = {}): Promise<T> {
  return withFolder({ "app.ts": APP, ...files }, (folder) =>
    withServer({ args: ["-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder }, async (server) => use(`http://127.0.0.1:${await server.port()}`, server, folder)));
}

/** The answer's status and text; "cut" if there is none. A new connection for each, as a browser that found the others busy. */
export async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { headers: { connection: "close" } });
    return `${response.status} ${await response.text()}`;
  } catch {
    return "cut";
  }
}
