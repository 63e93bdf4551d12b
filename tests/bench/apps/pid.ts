/** Says which process answers, so that a reload is seen to have happened. */
import process from "node:process";
import type { App } from "../../../mod.ts";

const app: App = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [String(process.pid)];
};

export default app;
