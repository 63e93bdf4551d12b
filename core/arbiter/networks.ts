/** IP addresses and networks in CIDR form: which peers are trusted. */

/** The peers that are trusted. */
export interface Trusted {
  readonly everyone: boolean;
  /** Whoever comes over a unix socket. */
  readonly unix: boolean;
  readonly networks: readonly Network[];
}

/** An IPv4-mapped IPv6 network is the IPv4 network it maps. */
export interface Network {
  readonly bytes: readonly number[];
  /** How many bits count. */
  readonly bits: number;
}

/**
 * Reads a list of addresses, networks, `*` for everyone and `unix:` for unix sockets.
 *
 * Throws SyntaxError for what is none of these, and for a network with bits set beyond its prefix: whoever wrote it meant another.
 *
 * @example
 * ```ts
 * isTrusted(parseTrusted(["10.0.0.0/8"]), "10.1.2.3"); // true
 * ```
 */
export function parseTrusted(items: readonly string[]): Trusted {
  const networks = items.filter((item) => item !== "*" && item !== "unix:").map(parseNetwork);
  return { everyone: items.includes("*"), unix: items.includes("unix:"), networks };
}

/** Whether a peer is trusted: `address` is its IP address, or "" or undefined for one that has none because it came over a unix socket. */
export function isTrusted(trusted: Trusted, address: string | undefined): boolean {
  if (trusted.everyone) return true;
  if (address === undefined || address === "") return trusted.unix;
  const bytes = addressBytes(address);
  return bytes !== null && trusted.networks.some((network) => contains(network, bytes));
}

/** {@linkcode isTrusted} of one peer after another: requests in turn often have the same, and to read an address takes as long as to copy an environ. */
export function trusting(trusted: Trusted): (address: string | undefined) => boolean {
  let last: string | undefined;
  let answer = isTrusted(trusted, last);
  return (address) => {
    if (address !== last) {
      answer = isTrusted(trusted, address);
      last = address;
    }
    return answer;
  };
}

/** Whether this is an IP address, without a port. */
export function isAddress(text: string): boolean {
  return addressBytes(text) !== null;
}

function parseNetwork(text: string): Network {
  const [, address = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const written = address.includes(":") ? bytesOfV6(address) : bytesOfV4(address);
  const bits = prefix === undefined ? (written?.length ?? 0) * 8 : Number(prefix);
  if (written === null || bits > written.length * 8) throw new SyntaxError("expected an IP address, a network such as 10.0.0.0/8, unix: or *");
  const isMapped = bits >= 96 && written.length === 16 && mapped(written) !== written;
  const network: Network = isMapped ? { bytes: mapped(written), bits: bits - 96 } : { bytes: written, bits };
  if (network.bytes.some((byte, i) => (byte & ~maskOf(network.bits, i) & 0xff) !== 0)) {
    throw new SyntaxError(`expected a network whose bits after the first ${bits} are 0`);
  }
  return network;
}

function contains({ bytes, bits }: Network, address: readonly number[]): boolean {
  return address.length === bytes.length && bytes.every((byte, i) => byte === (address[i]! & maskOf(bits, i)));
}

/** The bits of byte `i` that belong to a prefix of `bits`. */
function maskOf(bits: number, i: number): number {
  return (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff;
}

function addressBytes(text: string): readonly number[] | null {
  if (!text.includes(":")) return bytesOfV4(text);
  // A zone says through which interface, not who.
  const bytes = bytesOfV6(text.replace(/%.*$/, ""));
  return bytes === null ? null : mapped(bytes);
}

function bytesOfV4(text: string): readonly number[] | null {
  const parts = text.split(".");
  const isAddress = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  return isAddress ? parts.map(Number) : null;
}

function bytesOfV6(text: string): readonly number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [before, after] = halves.map(groupBytes);
  if (before === null || after === null) return null;
  if (after === undefined) return before!.length === 16 ? before! : null;
  const zeros = 16 - before!.length - after.length;
  return zeros >= 2 ? [...before!, ...new Array<number>(zeros).fill(0), ...after] : null;
}

/** `fe80:1` gives four bytes; an IPv4 address may stand at the end. */
function groupBytes(text: string): readonly number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    const v4 = i === groups.length - 1 && group.includes(".") ? bytesOfV4(group) : null;
    if (v4 !== null) bytes.push(...v4);
    else if (/^[\da-f]{1,4}$/i.test(group)) bytes.push(parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff);
    else return null;
  }
  return bytes;
}

function mapped(bytes: readonly number[]): readonly number[] {
  return bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff ? bytes.slice(12) : bytes;
}
