/** What the settings of TLS mean together, and which of them a runtime cannot keep. */
import { cannotUse, type Problem } from "./problem.ts";
import type { SettingName, Settings } from "./table.ts";
import { showWritten } from "./value.ts";

type TlsName = "certfile" | "keyfile" | "caCerts" | "certReqs" | "ciphers" | "tlsMinVersion" | "httpProtocols" | "redirectHttp";
type TlsSettings = Pick<Settings, TlsName | "bind" | "runtime">;
type Sources = Readonly<Record<SettingName, string>>;
type Refuse = (name: TlsName, reason: string) => void;

/** Whether what is served at `bind` is served over TLS. */
export function isSecure({ certfile }: Pick<Settings, "certfile">): boolean {
  return certfile.length > 0;
}

/** All addresses to listen at: those of `bind`, then those that send to them. */
export function addressesOf({ bind, redirectHttp }: Pick<Settings, "bind" | "redirectHttp">): Settings["bind"] {
  return [...bind, ...redirectHttp];
}

/** Whether HTTP/2 is to be offered where it can be chosen. */
export function wantsHttp2({ httpProtocols }: Pick<Settings, "httpProtocols">): boolean {
  return httpProtocols.includes("h2");
}

/** What is wrong with them. Of the files, only whoever reads them can tell. */
export function tlsProblems(settings: TlsSettings, sources: Sources): Problem[] {
  const problems: Problem[] = [];
  const refuse: Refuse = (name, reason) => problems.push(cannotUse(sources[name], reason));
  const { certfile, keyfile, httpProtocols, caCerts, certReqs } = settings;
  const strange = httpProtocols.filter((one) => one !== "h1" && one !== "h2");
  if (strange.length > 0) refuse("httpProtocols", `expected h1, or h1,h2, got ${showWritten(strange[0])}${strange[0] === "h3" ? ": a proxy in front can speak HTTP/3" : ""}`);
  else if (httpProtocols.length > 0 && !httpProtocols.includes("h1")) refuse("httpProtocols", `expected h1, or h1,h2, got ${showWritten(httpProtocols.join(","))}: HTTP/1.1 is always served`);
  if (!isSecure(settings)) {
    const needs = (["keyfile", "caCerts", "certReqs", "ciphers", "tlsMinVersion", "httpProtocols", "redirectHttp"] as const).filter((name) => sources[name] !== "default" && !isPlainHttp(name, settings));
    for (const name of needs) refuse(name, "there is no TLS without a certificate, add --certfile");
    return problems;
  }
  if (keyfile.length > 0 && keyfile.length !== certfile.length) {
    refuse("keyfile", `there ${are(keyfile.length, "key")} for ${certfile.length === 1 ? "one certificate" : `${certfile.length} certificates`}: give one for each, in the same order`);
  }
  if (certReqs === 1) refuse("certReqs", "no runtime checks a client's certificate only if there is one: 2 requires it, 0 asks for none");
  if (certReqs === 2 && caCerts === null) refuse("certReqs", "nobody says whose certificates clients must have, add --ca-certs");
  if (certReqs === 0 && caCerts !== null) refuse("caCerts", "clients are asked for no certificate that it could check, add --cert-reqs 2");
  const socket = settings.bind.find((address) => address.kind === "unix");
  if (socket?.kind === "unix") refuse("certfile", `${showWritten(`unix:${socket.path}`)} is a unix socket, which is served without TLS: bind TCP addresses, or leave it out behind a proxy`);
  const open = settings.redirectHttp.find((address) => address.kind !== "tcp");
  if (open !== undefined) refuse("redirectHttp", "expected a TCP address such as :80, got a socket of another kind");
  LIMITS[settings.runtime](settings, refuse);
  return problems;
}

/** What each runtime's server cannot do. */
const LIMITS: Readonly<Record<Settings["runtime"], (settings: TlsSettings, refuse: Refuse) => void>> = {
  deno: ({ certfile, certReqs, ciphers, tlsMinVersion, httpProtocols }, refuse) => {
    if (certfile.length > 1) refuse("certfile", "Deno's server has one certificate: use --runtime bun or node, or one certificate with several names");
    if (certReqs === 2) refuse("certReqs", "Deno's server asks clients for no certificates: use --runtime bun or node");
    if (ciphers !== null) refuse("ciphers", "Deno's server has its own, which are all strong: leave it out, or use --runtime bun or node");
    if (tlsMinVersion !== "1.2") refuse("tlsMinVersion", "Deno's server always takes 1.2 and 1.3: use --runtime bun or node");
    if (httpProtocols.length > 0 && !httpProtocols.includes("h2")) refuse("httpProtocols", "Deno's server always offers HTTP/2: say h1,h2, or use --runtime bun or node");
  },
  bun: () => {},
  node: ({ httpProtocols }, refuse) => {
    if (httpProtocols.includes("h2")) refuse("httpProtocols", "HTTP/2 is not served on Node: use --runtime deno or bun");
  },
};

/** What says nothing but how it is without TLS anyway. */
function isPlainHttp(name: TlsName, { httpProtocols, certReqs, tlsMinVersion }: TlsSettings): boolean {
  return (name === "httpProtocols" && !httpProtocols.includes("h2")) || (name === "certReqs" && certReqs === 0) || (name === "tlsMinVersion" && tlsMinVersion === "1.2");
}

function are(count: number, noun: string): string {
  return count === 1 ? `is 1 ${noun}` : `are ${count} ${noun}s`;
}
