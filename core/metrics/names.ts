/** What metrics and their labels may be called: what Prometheus and OpenMetrics both take, and what cannot be mistaken for tsgi's own. */

export type Kind = "counter" | "gauge" | "histogram";

/** Label names with their values. A value is text; numbers and booleans are written as text. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

/** Endings that the formats give a meaning. */
const RESERVED_END = /_(?:total|count|sum|bucket|created|info|gcount|gsum)$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** A client that chooses a label's value chooses not how much memory it takes. */
const VALUE_LENGTH = 200;

/** The name of the family: of a counter, without `_total`, which is written or left out as one likes. Throws TypeError. */
export function familyName(name: string, kind: Kind): string {
  const cannot = (why: string) => new TypeError(`Cannot name a ${kind} ${JSON.stringify(name)}: ${why}`);
  if (typeof name !== "string" || !NAME.test(name)) throw cannot("a name is letters, digits and _, and begins with no digit");
  if (name.startsWith("tsgi_")) throw cannot("tsgi_ is for the server's own, use a prefix of yours");
  const family = kind === "counter" ? name.replace(/_total$/, "") : name;
  if (RESERVED_END.test(family)) throw cannot(`that ending is reserved, leave ${RESERVED_END.exec(family)![0]} out`);
  return family;
}

/** The labels in the order of their names, values as text. Throws TypeError. */
export function labelPairs(labels: Labels | undefined, kind: Kind): readonly (readonly [name: string, value: string])[] {
  if (labels === undefined) return NONE;
  if (typeof labels !== "object" || labels === null) throw new TypeError(`Cannot use ${JSON.stringify(labels)} as labels: expected an object like { kind: "new" }`);
  return Object.keys(labels).sort().map((name) => {
    if (!NAME.test(name) || name.startsWith("__")) throw new TypeError(`Cannot use the label ${JSON.stringify(name)}: a name is letters, digits and _, and does not begin with a digit or __`);
    if (kind === "histogram" && name === "le") throw new TypeError("Cannot use the label le: in a histogram it is the format's own");
    return [name, textOf(name, labels[name])] as const;
  });
}

/** The base unit that a name ends with: seconds, bytes and the like; null if it has none. */
export function unitOf(family: string): string | null {
  return /_(seconds|bytes|ratio|celsius|meters|grams|joules|volts|amperes)$/.exec(family)?.[1] ?? null;
}

const NONE = [] as const;

function textOf(name: string, value: unknown): string {
  if (typeof value === "string") return value.slice(0, VALUE_LENGTH).toWellFormed();
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new TypeError(`Cannot use the value of the label ${name}: expected text, a number or a boolean, got ${value === null ? "null" : typeof value}`);
}
