/** The smallest application. */
import type { App } from "../mod.ts";

const application: App = (_environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["Hello, World!\n"];
};
export default application;
