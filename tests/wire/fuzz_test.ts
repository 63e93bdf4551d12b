/**
 * Malformed requests by the thousand, against a live tsgi. TSGI_FUZZ says how many (300 if it is not set), TSGI_FUZZ_SEED which: the seed is
 * printed, and the same seed makes the same requests. A million takes Bun some ten minutes and Deno 35, on two cores:
 *
 *     TSGI_FUZZ=1000000 npx deno test -A --no-check tests/wire/fuzz_test.ts
 *     TSGI_FUZZ=1000000 npx bun test --timeout=7200000 ./tests/wire/fuzz_test.ts
 *
 * Each connection gets a request of the corpus, mutated and cut into pieces at random, then an ordinary one. The oracle: the application saw of it
 * what any reader of HTTP can see in the bytes that were sent, or the client got an error or the end of the connection; no
 * worker dies; and the next connection is served.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { root, withServer } from "../e2e/server.ts";
import { CORPUS } from "./corpus.ts";
import { mutated, pieces, random } from "./mutation.ts";
import { ask, type Outcome, talk } from "./talk.ts";

const COUNT = Number(process.env.TSGI_FUZZ ?? 300);
const SEED = Number(process.env.TSGI_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const AT_ONCE = 24;
const PROGRESS = 50_000;
/** The largest requests would be most of the bytes, and show nothing that smaller ones don't. */
const SEEDS = CORPUS.filter(({ raw }) => raw.length < 2000).map(({ raw }) => raw);

test(`tsgi survives ${COUNT} malformed requests, and the application sees only what was sent`, async () => {
  console.log(`TSGI_FUZZ=${COUNT} TSGI_FUZZ_SEED=${SEED}`);
  await withServer({ args: ["-b", "127.0.0.1:0", join(root, "tests/wire/echo_app.ts")] }, async (server) => {
    const port = await server.port();
    const workers = server.workers();
    const next = random(SEED);
    const wrong: string[] = [];
    let made = 0;
    const work = async (): Promise<void> => {
      while (made < COUNT && wrong.length === 0) {
        const number = made++;
        if (number > 0 && number % PROGRESS === 0) console.log(`${number} requests`);
        const raw = mutated(SEEDS[Math.floor(next() * SEEDS.length)]!, next);
        const why = complaint(await talk(port, pieces(raw, next)));
        if (why !== null) wrong.push(`TSGI_FUZZ_SEED=${SEED}, request ${number}: ${why}: ${JSON.stringify(raw)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    assert.deepEqual(wrong, []);
    assert.deepEqual(await ask(port, "/alive"), ["GET", "/alive", "h", null, ""]);
    assert.deepEqual(server.workers(), workers, `TSGI_FUZZ_SEED=${SEED}: a worker died`);
    assert.doesNotMatch(server.log, /\[(?:ERROR|CRITICAL)\]/, `TSGI_FUZZ_SEED=${SEED}`);
  });
});

/** What is wrong with the outcome; null if nothing is. What the parsers may spell in their own way, the corpus is for. */
function complaint({ statuses, seen, goesOn, sent }: Outcome): string | null {
  if (statuses.some((status) => status >= 500 && status !== 501 && status !== 505)) return `answered ${statuses.join(" ")}`;
  for (const [method, target, host, a, body] of seen) {
    if (!sent.includes(method)) return `saw the method ${method}, which was not sent`;
    if (/[\x00-\x20\x7f]/.test(target)) return `saw the target ${target}`;
    if (host !== null && !/^[A-Za-z0-9._~[\]:-]+$/.test(host)) return `saw the Host ${host}`;
    if (a !== null && /[\x00\r\n]/.test(a)) return `saw X-A ${JSON.stringify(a)}`;
    if (body !== null && !isSubsequence(body, sent)) return `saw a body that was not sent, ${JSON.stringify(body)}`;
  }
  const heads = (sent.match(/ HTTP\/[0-9]/g)?.length ?? 0) - (goesOn ? 1 : 0);
  if (seen.length > heads) return `saw ${seen.length} requests, where ${heads} were sent`;
  return goesOn && seen.length === 0 && statuses.length === 0 ? "was taken for nothing at all, and the connection served on" : null;
}

/** Chunks put pieces of what was sent together, in their order. */
function isSubsequence(text: string, of: string): boolean {
  let at = 0;
  for (const character of text) {
    at = of.indexOf(character, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
