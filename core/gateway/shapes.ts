/**
 * Objects with many keys, made fast for those who copy them. V8 makes a dictionary of an object that gets more than a dozen keys one by one,
 * and takes 3.8 us to copy it; one that was written down whole, as JSON is, it copies in 40 ns. Requests in turn have the same keys, so
 * each object begins as the copy of one that has them already.
 */

interface Shape {
  readonly keys: readonly string[];
  readonly template: Readonly<Record<string, unknown>>;
}

/** Clients choose headers, so the number is bounded: beyond it, who comes less often makes room. */
const REMEMBERED = 8;
const shapes: Shape[] = [];

/** The object that has `keys` with `values`; of a key that comes twice, the later one. */
export function ofShape(keys: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const made = { ...shapeOf(keys).template };
  for (let at = 0; at < keys.length; at++) made[keys[at]!] = values[at];
  return made;
}

function shapeOf(keys: readonly string[]): Shape {
  for (let at = 0; at < shapes.length; at++) {
    const shape = shapes[at]!;
    if (!isSame(shape.keys, keys)) continue;
    if (at > 0) {
      shapes[at] = shapes[at - 1]!;
      shapes[at - 1] = shape;
    }
    return shape;
  }
  const template = JSON.parse(`{${keys.map((key) => `${JSON.stringify(key)}:null`).join(",")}}`) as Shape["template"];
  const shape = { keys: [...keys], template };
  if (shapes.length >= REMEMBERED) shapes.pop();
  shapes.push(shape);
  return shape;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
