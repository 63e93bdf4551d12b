/** Certificates and keys in files: read and checked with the settings, and watched while they are served. */
import type { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import type { KeyPair, Tls } from "../core/arbiter/tls.ts";
import type { Objection } from "../core/settings/problem.ts";
import type { Settings } from "../core/settings/table.ts";
import { isSecure, wantsHttp2 } from "../core/settings/tls.ts";

/** How often the files are looked at, in milliseconds. */
const LOOK = 2000;

type TlsFile = "certfile" | "keyfile" | "caCerts" | "ciphers";

export interface ReadTls {
  /** Null without TLS, or when there are objections. */
  readonly tls: Tls | null;
  readonly objections: readonly Objection[];
  /** Of the certificates that could be read, the leaf of each file. */
  readonly leaves: readonly Leaf[];
}

export interface Leaf {
  readonly path: string;
  /** In milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

/** Reads what the settings name. Never throws: what cannot be used is an objection. */
export function readTls(settings: Settings): ReadTls {
  if (!isSecure(settings)) return { tls: null, objections: [], leaves: [] };
  const objections: Objection[] = [];
  const leaves: Leaf[] = [];
  const attempt = <T>(name: TlsFile, run: () => T): T | null => {
    try {
      return run();
    } catch (error) {
      objections.push({ name, reason: (error as Error).message });
      return null;
    }
  };
  const { certfile, keyfile, chdir, ciphers, caCerts, tlsMinVersion } = settings;
  const pairs = certfile.flatMap((written, i): KeyPair[] => {
    const path = resolve(chdir, written);
    const certificate = attempt("certfile", () => readCertificate(path));
    // As in gunicorn, a certificate's file may have the key too.
    const name = keyfile.length === 0 ? "certfile" : "keyfile";
    const keyPath = resolve(chdir, keyfile[i] ?? written);
    const key = attempt(name, () => readKey(keyPath));
    if (certificate === null) return [];
    leaves.push({ path, from: Date.parse(certificate.leaf.validFrom), until: Date.parse(certificate.leaf.validTo) });
    if (key === null) return [];
    const fits = attempt(name, () => {
      if (!certificate.leaf.checkPrivateKey(cryptography().createPrivateKey(key))) throw new Error(`the key in ${keyPath} is not that of the certificate in ${path}`);
      return true;
    });
    return fits ? [{ cert: certificate.text, key, names: namesOf(certificate.leaf) }] : [];
  });
  const ca = caCerts === null ? null : attempt("caCerts", () => readCertificate(resolve(chdir, caCerts)).text);
  if (ciphers !== null) attempt("ciphers", () => checkCiphers(ciphers));
  const tls: Tls = { pairs, ca, ciphers, minVersion: tlsMinVersion, http2: wantsHttp2(settings) };
  return { tls: objections.length > 0 ? null : tls, objections, leaves };
}

/** The certificates of one server, by the settings they were read with. */
export class Certificates {
  readonly #read = new WeakMap<Settings, { readonly tls: Tls | null; readonly leaves: readonly Leaf[]; readonly state: string }>();

  /** Reads those of `settings`, and says what is wrong with them. */
  objections(settings: Settings): readonly Objection[] {
    const state = stateOf(settings);
    const { tls, objections, leaves } = readTls(settings);
    this.#read.set(settings, { tls, leaves, state });
    return objections;
  }

  /** `now` are the settings read as `written`, but for what only a restart changes. */
  keep(written: Settings, now: Settings): void {
    this.#read.set(now, this.#read.get(written)!);
  }

  of(settings: Settings): Tls | null {
    return this.#read.get(settings)?.tls ?? null;
  }

  /** What clients will have against them. */
  warnings(settings: Settings, now: number): string[] {
    const expired = this.#read.get(settings)?.leaves.filter(({ until }) => until < now) ?? [];
    return expired.map(({ path, until }) => `The certificate in ${path} expired on ${new Date(until).toISOString()}: clients refuse it, so renew it`);
  }

  /**
   * Looks at the files from now on, and tells when they are others than those `read` last and have been the same for one look: of a pair
   * that is renewed, one file comes before the other. Tells once of each state, also of one that could not be used. What is returned ends it.
   */
  watch(read: () => Settings, changed: () => void): () => void {
    let before: string | null = null;
    let told: string | null = null;
    const timer = setInterval(() => {
      const settings = read();
      const known = this.#read.get(settings)?.state;
      const state = stateOf(settings);
      const isNew = isSecure(settings) && state !== known && state !== told && state === before;
      before = state;
      if (!isNew) return;
      told = state;
      changed();
    }, LOOK);
    timer.unref?.();
    return () => clearInterval(timer);
  }
}

/** What tells one state of the files from another; certbot's are links, and what they lead to changes. */
function stateOf({ certfile, keyfile, caCerts, chdir }: Settings): string {
  const paths = [...certfile, ...keyfile, ...(caCerts === null ? [] : [caCerts])];
  return paths.map((path) => {
    try {
      const { mtimeMs, size, ino } = statSync(resolve(chdir, path));
      return `${path} ${mtimeMs} ${size} ${ino}`;
    } catch (error) {
      return `${path} ${(error as { readonly code?: string }).code}`; // Whoever reads it says what is wrong.
    }
  }).join("\n");
}

function readCertificate(path: string): { readonly text: string; readonly leaf: X509Certificate } {
  const text = read(path);
  const [first] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(text) ?? [];
  if (first === undefined) throw new Error(`there is no certificate in ${path}: expected PEM, which begins with -----BEGIN CERTIFICATE-----`);
  try {
    return { text, leaf: new (cryptography().X509Certificate)(first) };
  } catch {
    throw new Error(`the certificate in ${path} cannot be read: it is damaged`);
  }
}

function readKey(path: string): string {
  const text = read(path);
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(text)) throw new Error(`the key in ${path} is encrypted, and nobody is there to ask for its password: decrypt it with openssl pkey`);
  const [key] = /-----BEGIN ((?:\w+ )?PRIVATE KEY)-----[^]*?-----END \1-----/.exec(text) ?? [];
  if (key === undefined) throw new Error(`there is no private key in ${path}: expected PEM, which begins with -----BEGIN PRIVATE KEY-----`);
  try {
    cryptography().createPrivateKey(key);
    return key;
  } catch {
    throw new Error(`the private key in ${path} cannot be read: it is damaged, or of a kind that this runtime does not know`);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "EIO" } = error as { readonly code?: string };
    throw new Error(code === "ENOENT" ? `there is no file ${path}` : `${path} cannot be read (${code})`);
  }
}

function checkCiphers(ciphers: string): void {
  try {
    process.getBuiltinModule("node:tls").createSecureContext({ ciphers });
  } catch {
    throw new Error(`${JSON.stringify(ciphers)} names no cipher that this runtime has: expected OpenSSL's form, such as ECDHE+AESGCM`);
  }
}

/** Loaded by who has certificates: it is not there at once. */
function cryptography(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

function namesOf({ subjectAltName = "" }: X509Certificate): string[] {
  return [...(subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name!.toLowerCase());
}
