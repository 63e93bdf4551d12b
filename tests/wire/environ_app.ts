/** Answers with the variables of its environ, and what it read of the body. */
import type { App } from "../../core/gateway/types.ts";

const application: App = async (environ, startResponse) => {
  const body = String.fromCharCode(...await environ["tsgi.input"].read());
  const variables = Object.fromEntries(Object.entries(environ).filter(([, value]) => typeof value === "string"));
  const text = new TextEncoder().encode(JSON.stringify({ variables, body }));
  startResponse("200 OK", [["Content-Type", "application/json"], ["Content-Length", String(text.length)]]);
  return [text];
};

export default application;
