/** What a platform itself cannot do: everything else, it has to. A case that works after all fails the test until it is taken out here. */
const REASON = "the native server writes the standard phrase";
const LIVES_ON = "the process lives on, and nothing has to keep it awake";
const NOBODY_TELLS = "nobody tells the function";
const ONE_OBJECT = "the answer is one object";

export const EXCEPTIONS = {
  "bun": { "reason phrase": REASON, "wait_until": LIVES_ON },
  "deno": { "reason phrase": REASON, "wait_until": LIVES_ON },
  "node": { "wait_until": LIVES_ON },
  "deno serve": { "reason phrase": REASON, "wait_until": LIVES_ON },
  "node:http on node": { "wait_until": LIVES_ON },
  "node:http on deno": { "wait_until": LIVES_ON },
  "node:http on bun": { "wait_until": LIVES_ON },
  "workerd": {},
  "workerd, bundled": {},
  "service worker in workerd": {},
  "edge-runtime": { "broken off": "its server ends a broken body as if it were whole" },
  "hono": { "reason phrase": REASON, "wait_until": LIVES_ON },
  "vercel": { "reason phrase": REASON },
  "netlify": { "reason phrase": REASON },
  "lambda on bun": { "stream": ONE_OBJECT, "client leaves": NOBODY_TELLS, "reason phrase": "the answer has no place for it" },
  "lambda on deno": { "stream": ONE_OBJECT, "client leaves": NOBODY_TELLS, "reason phrase": "the answer has no place for it" },
  "lambda on bun, streaming": { "client leaves": NOBODY_TELLS, "reason phrase": "the answer has no place for it" },
  "lambda on deno, streaming": { "client leaves": NOBODY_TELLS, "reason phrase": "the answer has no place for it" },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

export type PlatformName = keyof typeof EXCEPTIONS;
