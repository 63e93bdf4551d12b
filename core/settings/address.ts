/** Addresses as people write them in `--bind`. */
import type { Address } from "../arbiter/listener.ts";

/** A reading of something written, or what should have been written instead. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

/** Reads `HOST`, `HOST:PORT`, `[IPV6]:PORT`, `:PORT`, `tcp://HOST:PORT`, `unix:PATH` and `fd://N`, as gunicorn does but without its guesses. */
export function parseAddress(written: string): Reading<Address> {
  const text = written.trim();
  if (text.startsWith("unix:")) return unixAddress(text.slice(text.startsWith("unix://") ? 7 : 5));
  if (text.startsWith("fd://")) return inherited(text.slice(5));
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "tcp") return no("an address without a scheme, such as 127.0.0.1:8000");
  return tcpAddress(scheme === undefined ? text : text.slice(6));
}

/** An address as `--bind` takes it. */
export function showAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  if (address.kind === "fd") return `fd://${address.fd}`;
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

/** What struct sockaddr_un holds on Linux, without the closing zero. */
const LONGEST_UNIX_PATH = 107;
const DEFAULT_PORT = 8000;

function unixAddress(path: string): Reading<Address> {
  if (path === "" || path.includes("\0")) return no("a path after unix:");
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > LONGEST_UNIX_PATH) return no(`a socket path of at most ${LONGEST_UNIX_PATH} bytes, not ${bytes}`);
  return { ok: true, value: { kind: "unix", path } };
}

function inherited(text: string): Reading<Address> {
  const fd = Number(text);
  // 0, 1 and 2 are the standard streams; systemd hands sockets over from 3.
  if (!/^\d{1,6}$/.test(text) || fd < 3) return no("fd://N with the number of an inherited socket, 3 or above");
  return { ok: true, value: { kind: "fd", fd } };
}

function tcpAddress(text: string): Reading<Address> {
  const bracketed = /^\[([0-9a-f:.]+(?:%[\w.-]+)?)\](?::(.*))?$/i.exec(text);
  if (bracketed !== null) return bracketed[1]!.includes(":") ? withPort(bracketed[1]!, bracketed[2]) : no("an IPv6 address in the brackets");
  if (text.split(":").length > 2) return no(`an IPv6 address in brackets, such as [${text}]:${DEFAULT_PORT}`);
  const [host = "", port] = text.split(":");
  if (host === "") return port === undefined ? no("an address such as 127.0.0.1:8000") : withPort("0.0.0.0", port);
  // A bare port would be taken for a host: gunicorn listens on 0.0.31.64 for `-b 8000`.
  if (/^\d+$/.test(host)) return no(`a host before the port, such as 127.0.0.1:${host}, or :${host} for every interface`);
  if (/^[\d.]+$/.test(host) ? !isIpv4(host) : !/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_.])?$/i.test(host)) return no("a host name or an IP address");
  return withPort(host, port);
}

function withPort(host: string, port: string | undefined): Reading<Address> {
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || number > 65535)) return no("a port from 0 to 65535");
  return { ok: true, value: { kind: "tcp", host: host.toLowerCase(), port: number } };
}

function isIpv4(host: string): boolean {
  const parts = host.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function no(expected: string): { readonly ok: false; readonly expected: string } {
  return { ok: false, expected };
}
