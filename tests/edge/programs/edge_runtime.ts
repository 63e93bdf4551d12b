/** Vercel's edge-runtime with a script: the path is the one argument. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";

/** What is used of the package, which need not be there for its types. */
interface EdgeRuntimeModule {
  readonly EdgeRuntime: new (options: { readonly initialCode: string }) => object;
  runServer(options: object): Promise<{ readonly url: string }>;
}

const { EdgeRuntime, runServer } = createRequire(import.meta.url)("edge-runtime") as EdgeRuntimeModule;
// What breaks a body is thrown where nobody can catch it.
process.on("uncaughtException", () => undefined);
process.on("unhandledRejection", () => undefined);
const initialCode = readFileSync(process.argv[2]!, "utf8");
const server = await runServer({ runtime: new EdgeRuntime({ initialCode }), host: "127.0.0.1", port: 0 });
console.log(server.url);
