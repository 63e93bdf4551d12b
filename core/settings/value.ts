/** The kinds of values: how each is read from text or data, and how it is written back as text. */
import type { Address } from "../arbiter/listener.ts";
import { parseAddress, type Reading, showAddress } from "./address.ts";
import { nearest } from "./nearest.ts";
import type { AddressesRow, IntegerRow, SecondsRow, SettingRow } from "./table.ts";

/** A refused value may say better than the value itself what came. */
type Read = Reading<unknown> & { readonly got?: string };

/** Reads what a source says for the setting of `row`: text as from a flag or variable, or data as from a config file. */
export function readValue(row: SettingRow, written: unknown): Read {
  if (written === null && row.default === null && row.computed !== true) return yes(null);
  switch (row.kind) {
    case "text":
      return typeof written === "string" && written !== "" && !written.includes("\0") ? yes(written) : no("text");
    case "integer":
      return readInteger(row, written);
    case "seconds":
      return readSeconds(row, written);
    case "boolean":
      return readBoolean(written);
    case "choice":
      return row.orModule === true && isModulePath(written) ? yes(written) : readChoice(row.choices, written, row.orModule);
    case "addresses":
      return readAddresses(row, written);
    case "texts":
      return readTexts(row.separator, written);
    case "mask":
      return readMask(written);
    case "pairs":
      return readPairs(written, row.of);
  }
}

/** A settled value as text, in the form a variable takes. */
export function showValue(row: SettingRow, value: unknown): string {
  if (row.kind === "addresses") return (value as readonly Address[]).map(showAddress).join(",");
  if (row.kind === "texts") return (value as readonly string[]).join(row.separator === "," ? "," : " ");
  if (row.kind === "pairs") return Object.entries(value as Record<string, string>).map(([key, text]) => `${key}=${text}`).join(" ");
  if (row.kind === "mask") return octal(value as number);
  return String(value);
}

/** What `--help` calls the value of a setting. */
export function metavarOf(row: SettingRow): string {
  if (row.metavar !== undefined) return row.metavar;
  if (row.kind === "integer") return row.or === undefined ? "INT" : `INT|${row.or}`;
  if (row.kind === "choice") return row.choices.join("|");
  return METAVARS[row.kind];
}

/** What came, for an error: short, and quoted where its ends would not be seen. */
export function showWritten(written: unknown): string {
  if (typeof written === "string" && !/^-?[\d.]+\w*$/.test(written)) {
    return JSON.stringify(written.length > 80 ? `${written.slice(0, 77)}...` : written);
  }
  if (Array.isArray(written)) return "a list";
  if (typeof written === "function") return "a function";
  if (typeof written === "object" && written !== null) return "an object";
  return String(written);
}

const METAVARS = { text: "STRING", seconds: "SECONDS", boolean: "true|false", addresses: "ADDRESS", texts: "STRING", mask: "MASK", pairs: "KEY=VAL" };

/** Beyond this a timer would overflow and fire at once (setTimeout takes 2^31 - 1 ms). */
const LONGEST_SECONDS = 2_000_000;
const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 };
const WORDS: Readonly<Record<string, boolean>> = { true: true, yes: true, on: true, 1: true, false: false, no: false, off: false, 0: false };

function readInteger(row: IntegerRow, written: unknown): Read {
  if (row.or !== undefined && written === row.or) return yes(written);
  const number = typeof written === "string" && /^[+-]?\d+$/.test(written.trim()) ? Number(written) : written;
  const max = row.max ?? Number.MAX_SAFE_INTEGER;
  if (typeof number === "number" && Number.isInteger(number) && number >= row.min && number <= max) return yes(number);
  const range = row.max === undefined ? `>= ${row.min}` : `from ${row.min} to ${row.max}`;
  return no(`a whole number ${range}${row.or === undefined ? "" : ` or ${row.or}`}`);
}

function readSeconds(row: SecondsRow, written: unknown): Read {
  const match = typeof written === "string" ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(written.trim()) : null;
  // Division keeps 500ms at 0.5: multiplying by 0.001 would make 0.7000000000000001 of 700ms.
  const seconds = match === null ? written : match[2] === "ms" ? Number(match[1]) / 1000 : Number(match[1]) * UNITS[match[2] ?? "s"]!;
  // A timer of less than that is none, and 0 would mean something else.
  const isTooShort = typeof seconds === "number" && seconds > 0 && seconds < 0.001;
  if (typeof seconds === "number" && seconds >= row.min && seconds <= LONGEST_SECONDS && !isTooShort) return yes(seconds);
  return isTooShort ? { ...no("0 or at least a millisecond"), got: showWritten(written) } : no(`seconds from ${row.min} to ${LONGEST_SECONDS}, or a duration such as 500ms or 10m`);
}

/** Text as in gunicorn: a leading 0 makes it octal, 0x hexadecimal. */
function readMask(written: unknown): Read {
  const text = typeof written === "string" ? written.trim().toLowerCase() : "";
  const number = typeof written === "number" ? written
    : /^0o?[0-7]+$/.test(text) ? parseInt(text.replace("o", ""), 8)
    : /^(?:0x[0-9a-f]+|0|[1-9]\d*)$/.test(text) ? Number(text) : NaN;
  return Number.isInteger(number) && number >= 0 && number <= 0o777 ? yes(number) : no("a file mode mask from 0 to 0777, octal with a leading 0");
}

function octal(mask: number): string {
  return mask === 0 ? "0" : `0${mask.toString(8)}`;
}

function readBoolean(written: unknown): Read {
  if (typeof written === "boolean") return yes(written);
  const word = typeof written === "string" ? written.trim().toLowerCase() : "";
  return Object.hasOwn(WORDS, word) ? yes(WORDS[word]) : no("true or false");
}

/** A path is told from a mistyped word by its slash or its ending. */
function isModulePath(written: unknown): boolean {
  return typeof written === "string" && !written.includes("\0") && /[^/.]\.[cm]?[jt]s$/.test(written);
}

function readChoice(choices: readonly string[], written: unknown, orModule = false): Read {
  const word = typeof written === "string" ? written.trim().toLowerCase() : "";
  if (choices.includes(word)) return yes(word);
  const meant = nearest(word, choices);
  const all = orModule ? [...choices, "the path of a module such as ./my_class.ts"] : choices;
  const list = all.length < 2 ? all.join() : `${all.slice(0, -1).join(", ")} or ${all.at(-1)}`;
  const refusal = no(list);
  return meant === undefined || choices.length < 2 ? refusal : { ...refusal, got: `${showWritten(written)}, did you mean ${meant}?` };
}

function readAddresses({ default: otherwise }: AddressesRow, written: unknown): Read {
  const items: readonly unknown[] = Array.isArray(written) ? written : [written];
  if (items.length === 0 && otherwise.length > 0) return no("at least one address");
  const addresses = new Map<string, Address>();
  for (const item of items) {
    if (typeof item !== "string") return { ...no("an address such as 127.0.0.1:8000, or a list of them"), got: showWritten(item) };
    const reading = parseAddress(item);
    if (!reading.ok) return { ...reading, got: showWritten(item) };
    const key = showAddress(reading.value);
    if (addresses.has(key) && !key.endsWith(":0")) return { ...no("every address once"), got: `${key} twice` };
    addresses.set(addresses.has(key) ? `${key} ${addresses.size}` : key, reading.value);
  }
  return yes([...addresses.values()]);
}

function readTexts(separator: string, written: unknown): Read {
  const given: readonly unknown[] = Array.isArray(written) ? written : [written];
  // A line break is in no flag, but a comma is.
  const items = given.flatMap((item) => (separator === "," && typeof item === "string" ? item.split(",").map((part) => part.trim()) : [item]));
  const wrong = items.find((item) => typeof item !== "string" || item === "" || item.includes("\0"));
  return items.includes(wrong) ? { ...no("text, or a list of texts"), got: showWritten(wrong) } : yes(items);
}

function readPairs(written: unknown, noun = "variable"): Read {
  const isObject = typeof written === "object" && written !== null && !Array.isArray(written);
  const items = isObject ? Object.entries(written) : (Array.isArray(written) ? written : [written]).map(splitPair);
  for (const [key, text] of items) {
    // The text may be a secret, so it is never shown.
    if (typeof text !== "string" && isObject) {
      return { ...no(`text for every ${noun}`), got: `${typeof text === "object" ? showWritten(text) : `a ${typeof text}`} for ${key}` };
    }
    if (typeof text !== "string") return { ...no("KEY=VAL"), got: showWritten(key) };
    const isName = key !== "" && !/[=\0]/.test(key);
    if (!isName || text.includes("\0")) return { ...no("KEY=VAL with a name before the ="), got: `the name ${showWritten(key)}` };
  }
  return yes(Object.fromEntries(items));
}

function splitPair(item: unknown): [string, unknown] {
  const at = typeof item === "string" ? item.indexOf("=") : -1;
  return at === -1 ? [item as string, null] : [(item as string).slice(0, at), (item as string).slice(at + 1)];
}

function yes(value: unknown): Read {
  return { ok: true, value };
}

function no(expected: string): Read & { readonly ok: false } {
  return { ok: false, expected };
}
