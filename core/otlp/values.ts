/** Values as the JSON of OTLP has them: 64-bit integers and times are text. */

export type AttributeValue = string | number | boolean | readonly (string | number | boolean | null | undefined)[];
export type Attributes = Readonly<Record<string, AttributeValue | null | undefined>>;

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}
export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number | string }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } };

/** What is no attribute, such as an object, is left out. */
export function keyValues(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).flatMap(([key, value]) => {
    const any = anyValue(value);
    return any === null ? [] : [{ key, value: any }];
  });
}

export function anyValue(value: unknown): AnyValue | null {
  if (typeof value === "string") return { stringValue: value.toWellFormed() };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: Number.isFinite(value) ? value : String(value) };
  if (Array.isArray(value)) return { arrayValue: { values: value.flatMap((one) => anyValue(one) ?? []) } };
  return null;
}

/** Nanoseconds as text, from milliseconds since 1970: a double holds their microseconds, and no more. */
export function nanos(millis: number): string {
  return `${Math.round(millis * 1000)}000`;
}
