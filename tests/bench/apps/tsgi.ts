/** The same jobs as TSGI applications: `tests/bench/apps/tsgi.ts:reads`. */
import process from "node:process";
import type { App } from "../../../mod.ts";
import { CHUNK, FILE_VARIABLE, HELLO, MEBIBYTE, STREAMED, TEN } from "./jobs.ts";

const HEADERS: [string, string][] = [["Content-Type", "text/plain"]];

export const hello: App = (_environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return [HELLO];
};

export const reads: App = (environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return [`${environ.PATH_INFO} ${environ.QUERY_STRING} ${environ.HTTP_USER_AGENT ?? ""}\n`];
};

export const enumerates: App = (environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return [`${Object.keys({ ...environ }).length}\n`];
};

export const ten: App = (_environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return TEN;
};

export const mebibyte: App = (_environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return [MEBIBYTE];
};

export const streams: App = (_environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return chunks();
};

export const awaits: App = (_environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  return awaited();
};

export const uploads: App = async (environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  if (environ.REQUEST_METHOD !== "POST") return [HELLO];
  return [`${(await environ["tsgi.input"].read()).length}\n`];
};

export const file: App = async (environ, startResponse) => {
  startResponse("200 OK", HEADERS);
  if (environ.PATH_INFO !== "/file") return [HELLO];
  const path = process.env[FILE_VARIABLE]!;
  return environ["tsgi.file_wrapper"]!("Deno" in globalThis ? (await Deno.open(path)).readable : Bun.file(path));
};

function* chunks(): Generator<string> {
  for (let i = 0; i < STREAMED; i++) yield CHUNK;
}

async function* awaited(): AsyncGenerator<string> {
  for (let i = 0; i < STREAMED; i++) yield CHUNK;
}
