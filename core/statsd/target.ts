/** Where StatsD metrics are sent, as gunicorn's --statsd-host says it. */

export type StatsdTarget =
  | { readonly kind: "udp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

const EXPECTED = "expected HOST:PORT, [IPV6]:PORT or unix:PATH";

/** Throws SyntaxError that says what was expected. */
export function parseStatsdTarget(text: string): StatsdTarget {
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(text);
  if (unix !== null) return { kind: "unix", path: unix[1]! };
  const udp = /^(?:udp:\/\/)?(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(udp?.[3]);
  if (udp === null || port < 1 || port > 65535) throw new SyntaxError(EXPECTED);
  return { kind: "udp", host: udp[1] ?? udp[2]!, port };
}
