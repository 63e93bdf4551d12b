/** struct sockaddr_in, sockaddr_in6 and sockaddr_un of Linux, and the text that people write for them. */
import { networkInterfaces } from "node:os";
import { isAddress } from "../core/arbiter/networks.ts";

/** What a socket is bound or connected to. `host` is a number in text form. An abstract unix name starts with NUL; no name is "". */
export type SocketAddress =
  | { readonly family: "v4" | "v6"; readonly host: string; readonly port: number }
  | { readonly family: "unix"; readonly path: string };

const NUMBER = { unix: 1, v4: 2, v6: 10 } as const;
/** What the names of locks begin with: abstract unix sockets, which bind() knows from all others. */
export const LOCK_PREFIX = "\0tsgi/";
/** The room for a path in struct sockaddr_un, with its closing NUL. */
export const PATH_ROOM = 108;

export function encodeAddress(address: SocketAddress): Uint8Array {
  if (address.family === "unix") return encodePath(address.path);
  const encoded = new Uint8Array(new ArrayBuffer(address.family === "v4" ? 16 : 28));
  const view = new DataView(encoded.buffer);
  view.setUint16(0, NUMBER[address.family], true);
  view.setUint16(2, address.port, false);
  if (address.family === "v4") {
    encoded.set(address.host.split(".").map(Number), 4);
  } else {
    const [host = "", zone] = address.host.split("%");
    groups(host).forEach((group, i) => view.setUint16(8 + i * 2, group, false));
    view.setUint32(24, zone === undefined ? 0 : scope(zone), true);
  }
  return encoded;
}

/** Null for a family that we do not know. */
export function decodeAddress(encoded: Uint8Array): SocketAddress | null {
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  if (encoded.length < 2) return null;
  switch (view.getUint16(0, true)) {
    case NUMBER.v4:
      return { family: "v4", host: hostOf(encoded.subarray(4, 8)), port: view.getUint16(2, false) };
    case NUMBER.v6:
      return { family: "v6", host: hostOf(encoded.subarray(8, 24)), port: view.getUint16(2, false) };
    case NUMBER.unix:
      return { family: "unix", path: decodePath(encoded.subarray(2)) };
    default:
      return null;
  }
}

/** The text of a number of four or sixteen bytes, IPv6 as URLs have it. */
export function hostOf(number: Uint8Array): string {
  if (number.length === 4) return number.join(".");
  const written = Array.from({ length: 8 }, (_, i) => ((number[i * 2]! << 8) | number[i * 2 + 1]!).toString(16)).join(":");
  return new URL(`http://[${written}]`).hostname.slice(1, -1);
}

/** The family of a host that is a number, or null for a name. */
export function familyOf(host: string): "v4" | "v6" | null {
  if (!isAddress(host)) return null;
  return host.includes(":") ? "v6" : "v4";
}

/** An abstract name is as long as the address says; a path ends with NUL. An empty path asks the kernel to choose an abstract name. */
function encodePath(path: string): Uint8Array {
  const text = new TextEncoder().encode(path);
  if (text.length >= PATH_ROOM) throw new RangeError(`Cannot use ${path}: a unix socket's path has at most ${PATH_ROOM - 1} bytes, this one has ${text.length}`);
  const closed = path !== "" && !path.startsWith("\0");
  const encoded = new Uint8Array(new ArrayBuffer(2 + text.length + (closed ? 1 : 0)));
  new DataView(encoded.buffer).setUint16(0, NUMBER.unix, true);
  encoded.set(text, 2);
  return encoded;
}

function decodePath(encoded: Uint8Array): string {
  const end = encoded[0] === 0 ? encoded.length : encoded.indexOf(0);
  return new TextDecoder().decode(end < 0 ? encoded : encoded.subarray(0, end));
}

/** The eight groups of an IPv6 address. URL writes every form, with dots too, as hexadecimal groups with at most one `::`. */
function groups(host: string): number[] {
  const [left = "", right] = new URL(`http://[${host}]`).hostname.slice(1, -1).split("::");
  const [head, tail] = [left, right ?? ""].map((half) => (half === "" ? [] : half.split(":").map((group) => parseInt(group, 16))));
  const missing = 8 - head!.length - tail!.length;
  return [...head!, ...new Array<number>(missing).fill(0), ...tail!];
}

function scope(zone: string): number {
  const found = networkInterfaces()[zone]?.find((one) => one.family === "IPv6") as { scopeid?: number } | undefined;
  const index = found?.scopeid ?? Number(zone);
  if (!Number.isInteger(index)) throw new RangeError(`Cannot use zone %${zone}: there is no such network interface`);
  return index;
}
