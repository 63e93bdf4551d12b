/** From the environment that a web server gives to a CGI program (RFC 3875) to the CGI part of environ. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { guessScheme } from "../core/gateway/host.ts";
import { bytesToPath, encodePath, pathToBytes } from "../core/gateway/path.ts";
import { plainAddress } from "../core/gateway/server_info.ts";

/** Variables as text. A byte that is not UTF-8 is the code unit U+DC00+byte, as in PATH_INFO (SPEC E-11). */
export type Env = Readonly<Record<string, string | undefined>>;

/** What servers set to nothing where they should leave it out. A header, on the other hand, may be empty. */
const ABSENT_IF_EMPTY = ["CONTENT_TYPE", "CONTENT_LENGTH", "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_HOST", "REMOTE_USER", "AUTH_TYPE"];
/** HTTP_PROXY would be the client's header Proxy (SPEC E-16b); the others have names of their own, and nginx sends them twice. */
const NEVER = ["HTTP_PROXY", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"];

/**
 * The environment of this process, with every byte of it: Bun puts U+FFFD where a value is not UTF-8, and Deno throws. HTTP_PROXY is
 * removed from the process too, since its own `fetch` would go through the proxy that a client named.
 */
export function ownEnv(): Env {
  delete process.env.HTTP_PROXY;
  const env: Record<string, string | undefined> = { ...process.env };
  for (const entry of initialEntries()) {
    const at = entry.indexOf("=");
    if (at > 0 && !entry.isWellFormed()) env[entry.slice(0, at)] = entry.slice(at + 1);
  }
  return env;
}

/** The variables for environ: all that there are, the CGI ones as SPEC 1.2 wants them. `PATH_INFO` was decoded by the server already. */
export function cgiVariables(env: Env): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(env)) {
    if (value === undefined || NEVER.includes(key) || key.startsWith("tsgi.") || (value === "" && ABSENT_IF_EMPTY.includes(key))) continue;
    variables[key] = key.startsWith("HTTP_") || key === "CONTENT_TYPE" ? latin1(value) : value;
  }
  const scheme = guessScheme({ HTTPS: env.HTTPS ?? "" });
  delete variables.HTTPS;
  if (scheme === "https") variables.HTTPS = "on";
  if (variables.REMOTE_ADDR !== undefined) variables.REMOTE_ADDR = plainAddress(variables.REMOTE_ADDR);
  return { ...variables, ...pathVariables(env), ...serverVariables(env, scheme) };
}

/** As the kernel keeps it; nothing where there is no such file. */
function initialEntries(): string[] {
  try {
    return bytesToPath(readFileSync("/proc/self/environ")).split("\0");
  } catch {
    // Not Linux: the runtime's own reading has to do.
    return [];
  }
}

function pathVariables(env: Env): Record<string, string> {
  const script = env.SCRIPT_NAME === "/" ? "" : env.SCRIPT_NAME ?? "";
  const path = env.PATH_INFO || (script === "" ? "/" : "");
  const query = visible(env.QUERY_STRING ?? "");
  const made = (encodePath(script + path) || "/") + (query === "" ? "" : `?${query}`);
  const received = env.REQUEST_URI ?? "";
  // Apache, nginx and lighttpd pass the request target on untouched, in REQUEST_URI.
  const raw = /^[\x21-\x7e]+$/.test(received) ? { RAW_URI: received } : {};
  return { SCRIPT_NAME: script, PATH_INFO: path, QUERY_STRING: query, REQUEST_URI: requestUri(received) || made, ...raw };
}

/** Path and query of a request target; empty if it has none. */
function requestUri(target: string): string {
  const uri = visible(target.replace(/^https?:\/\/[^/?#]*/i, "").replace(/#.*$/s, ""));
  return uri.startsWith("?") ? `/${uri}` : uri;
}

function serverVariables(env: Env, scheme: "http" | "https"): Record<string, string> {
  const host = /^(.*?)(?::(\d*))?$/.exec(env.HTTP_HOST ?? "");
  const name = env.SERVER_NAME || host?.[1] || "localhost";
  return {
    SERVER_NAME: name.includes(":") && !name.startsWith("[") ? `[${name}]` : name,
    SERVER_PORT: env.SERVER_PORT || host?.[2] || (scheme === "https" ? "443" : "80"),
    SERVER_PROTOCOL: env.SERVER_PROTOCOL || "HTTP/1.1",
  };
}

/** A header's bytes, one character each. */
function latin1(value: string): string {
  return Array.from(pathToBytes(value), (byte) => String.fromCharCode(byte)).join("");
}

function visible(part: string): string {
  return part.replace(/[^\x21-\x7e]+/g, encodePath);
}
