/** A CGI program for the tests: what it does is its PATH_INFO. */
import process from "node:process";
import { runCgi } from "../../../adapters/cgi.ts";
import type { App } from "../../../core/gateway/types.ts";

const BLOCK = new Uint8Array(65_536).fill(120);

const application: App = async (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
  switch (environ.PATH_INFO) {
    case "/environ":
      return [JSON.stringify(Object.fromEntries(Object.entries(environ).filter(([, value]) => typeof value !== "object")))];
    case "/echo":
      return environ["tsgi.input"];
    case "/endless":
      return endless(() => process.stderr.write("closed\n"));
    case "/fetch":
      return [String(process.env.HTTP_PROXY)];
    default:
      return [`${environ.REQUEST_METHOD} ${JSON.stringify(environ.PATH_INFO)}`];
  }
};

async function* endless(closed: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (;;) yield BLOCK;
  } finally {
    closed();
  }
}

process.exitCode = await runCgi(application);
