/**
 * The coding of `offered` that Accept-Encoding likes best, by its q-values; among equals the first. Null: none, so send it as it is
 * (RFC 9110 12.5.3).
 */
export function chooseEncoding<T extends string>(accept: string | undefined, offered: readonly T[]): T | null {
  if (accept === undefined) return null;
  const weights = parse(accept);
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get(`x-${coding}`) ?? weights.get("*") ?? 0;
  let best: T | null = null;
  for (const coding of offered) {
    if (weightOf(coding) > (best === null ? 0 : weightOf(best))) best = coding;
  }
  // A client may like it best without any.
  return best !== null && weightOf(best) >= (weights.get("identity") ?? 0) ? best : null;
}

function parse(accept: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const item of accept.split(",")) {
    const [, coding, weight = "1"] = /^\s*([^\s;]+)\s*(?:;\s*q=([\d.]+)\s*)?$/i.exec(item) ?? [];
    if (coding !== undefined) weights.set(coding.toLowerCase(), Number(weight) || 0);
  }
  return weights;
}
