/**
 * An entity tag as a header carries it: in quotes, with `W/` if weak.
 *
 * Throws `RangeError` for a tag with a quote, a space or a control character: none can be written (RFC 9110 8.8.3).
 *
 * @example
 * ```ts
 * quoteEtag("foo"); // '"foo"'
 * quoteEtag("foo", true); // 'W/"foo"'
 * ```
 */
export function quoteEtag(tag: string, weak = false): string {
  if (!/^[\x21\x23-\x7e\x80-\xff]*$/.test(tag)) {
    throw new RangeError("Cannot write an ETag: expected characters from U+0021 to U+00FF without quotes, spaces or controls, got another");
  }
  return `${weak ? "W/" : ""}"${tag}"`;
}

/**
 * The tag without its quotes, and whether it is weak. A tag without quotes is taken as it is.
 *
 * @example
 * ```ts
 * unquoteEtag('W/"foo"'); // ["foo", true]
 * ```
 */
export function unquoteEtag(value: string): [tag: string, weak: boolean] {
  const text = value.trim();
  const weak = /^W\//i.test(text);
  const tag = weak ? text.slice(2) : text;
  return [tag.length >= 2 && tag.startsWith('"') && tag.endsWith('"') ? tag.slice(1, -1) : tag, weak];
}

/**
 * Reads If-None-Match or If-Match: the tags, without quotes, by strength, and whether it was `*`. Tags without quotes are
 * tolerated; what follows something unreadable is left out.
 *
 * @example
 * ```ts
 * parseEtags('"a", W/"b"'); // { strong: Set {"a"}, weak: Set {"b"}, star: false }
 * ```
 */
export function parseEtags(value: string): { strong: Set<string>; weak: Set<string>; star: boolean } {
  const tags = { strong: new Set<string>(), weak: new Set<string>(), star: value.trim() === "*" };
  if (tags.star) return tags;
  // Sticky: each match goes on where the last one ended, so a long header costs no more than its length.
  for (const [, weak, quoted, bare] of value.matchAll(/[ \t,]*(W\/)?(?:"([^"]*)"|([^\s",]+))/gyi)) {
    (weak === undefined ? tags.strong : tags.weak).add(quoted ?? bare ?? "");
  }
  return tags;
}
