/** environ behaves as an ordinary object with the same keys would, whatever is done to it and in whatever order. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { Environ } from "../../../core/gateway/types.ts";
import { property } from "../property.ts";

type Plain = Record<string, unknown>;

/** One thing done to an object, and what came of it. */
interface Operation {
  readonly told: string;
  readonly run: (object: Plain) => unknown;
}

const HEADERS = { "x-one": "1", "x-two": "2", cookie: "a=b", host: "example.com", accept: "*/*", "x-empty": "" };
const DEPLOYER = { DEPLOYED: "yes", "shop.pool": "pool", REQUEST_METHOD: "FAKED", HTTP_X_DEPLOYED: "d", HTTP_X_ONE: "deployed" };

const key = fc.constantFrom(
  "REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "SERVER_NAME", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTPS", "REMOTE_ADDR",
  "HTTP_HOST", "HTTP_X_ONE", "HTTP_X_TWO", "HTTP_X_EMPTY", "HTTP_COOKIE", "HTTP_MISSING", "HTTP_X_DEPLOYED", "HTTP_PROXY", "DEPLOYED", "shop.pool",
  "tsgi.version", "tsgi.input", "tsgi.errors", "tsgi.signal", "tsgi.url_scheme", "tsgi.early_hints", "mine", "my.own", "0", "toString", "constructor", "hasOwnProperty", "__proto__",
);
const MINE = Object.freeze({ kept: true });
const value = fc.constantFrom<unknown>("text", "", 0, null, undefined, false, MINE);
/** Some have keys that environ has too: an own one comes first. */
const prototype = fc.constantFrom<object | null>(null, Object.prototype, { inherited: 1, REQUEST_METHOD: "INHERITED", HTTP_X_TWO: "inherited", HTTP_MISSING: "inherited" });
const descriptor = fc.record({ value, writable: fc.boolean(), enumerable: fc.boolean(), configurable: fc.boolean() }, { requiredKeys: [] });

/** Weighted: what ends changes, such as freezing, comes seldom. */
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: key.map((k) => ({ told: `get ${k}`, run: (o: Plain) => o[k] })) },
  { weight: 4, arbitrary: fc.tuple(key, value).map(([k, v]) => ({ told: `set ${k} = ${JSON.stringify(v)}`, run: (o: Plain) => Reflect.set(o, k, v) })) },
  { weight: 4, arbitrary: fc.tuple(key, value).map(([k, v]) => ({ told: `o.${k} = ${JSON.stringify(v)}`, run: (o: Plain) => void (o[k] = v) })) },
  { weight: 3, arbitrary: key.map((k) => ({ told: `delete ${k}`, run: (o: Plain) => Reflect.deleteProperty(o, k) })) },
  { weight: 3, arbitrary: key.map((k) => ({ told: `${k} in`, run: (o: Plain) => k in o })) },
  { weight: 3, arbitrary: key.map((k) => ({ told: `hasOwn ${k}`, run: (o: Plain) => Object.hasOwn(o, k) })) },
  { weight: 2, arbitrary: key.map((k) => ({ told: `descriptor ${k}`, run: (o: Plain) => shapeOf(Object.getOwnPropertyDescriptor(o, k)) })) },
  { weight: 2, arbitrary: fc.tuple(key, descriptor).map(([k, d]) => ({ told: `define ${k} ${JSON.stringify(d)}`, run: (o: Plain) => Reflect.defineProperty(o, k, d) })) },
  { weight: 2, arbitrary: key.map((k) => ({ told: `define getter ${k}`, run: (o: Plain) => Reflect.defineProperty(o, k, { get: () => "got", enumerable: true, configurable: true }) })) },
  { weight: 1, arbitrary: fc.constant({ told: "keys", run: (o: Plain) => Object.keys(o).sort() }) },
  { weight: 1, arbitrary: fc.constant({ told: "own keys", run: (o: Plain) => Reflect.ownKeys(o).map(String).sort() }) },
  { weight: 1, arbitrary: fc.constant({ told: "for in", run: (o: Plain) => { const found: string[] = []; for (const k in o) found.push(k); return found.sort(); } }) },
  { weight: 1, arbitrary: fc.constant({ told: "copy", run: (o: Plain) => Object.entries({ ...o }).map(([k, v]) => [k, kindOf(v)]).sort() }) },
  { weight: 1, arbitrary: prototype.map((p) => ({ told: `prototype ${JSON.stringify(p)}`, run: (o: Plain) => Reflect.setPrototypeOf(o, p) })) },
  { weight: 1, arbitrary: fc.constant({ told: "prototype?", run: (o: Plain) => Object.keys(Object.getPrototypeOf(o) ?? {}) }) },
  { weight: 1, arbitrary: fc.constantFrom(Object.freeze, Object.seal, Object.preventExtensions).map((close) => ({ told: close.name, run: (o: Plain) => void close(o) })) },
  { weight: 1, arbitrary: fc.constant({ told: "frozen?", run: (o: Plain) => [Object.isFrozen(o), Object.isSealed(o), Object.isExtensible(o)] }) },
  { weight: 2, arbitrary: key.map((k) => ({ told: `get ${k} through an heir`, run: (o: Plain) => (Object.create(o) as Plain)[k] })) },
  {
    weight: 2,
    arbitrary: fc.tuple(key, value).map(([k, v]) => ({
      told: `set ${k} of an heir`,
      run: (o: Plain) => {
        const heir = Object.create(o) as Plain;
        return [Reflect.set(heir, k, v), Object.hasOwn(heir, k), kindOf(o[k])];
      },
    })),
  },
);

const operations = fc.array(operation, { minLength: 1, maxLength: 14 });

property("environ does what an ordinary object does, under any operations", operations, async (done) => await compare(done, gateway()), { runs: 3000 });

/** It has seen that its application takes everything, and gives the ordinary object at once. */
const learned = gateway();

property("so does the environ of an application that copies it", operations, async (done) => {
  for (let i = 0; i < 40; i++) await learned.visit((environ) => ({ ...environ }));
  await compare(done, learned);
}, { runs: 200 });

async function compare(done: readonly Operation[], { visit }: Gateway): Promise<void> {
  const model: Plain = {};
  // One that has seen nothing, and so enumerates what is made key by key.
  await gateway().visit((environ) => Object.keys(environ).forEach((one) => (model[one] = environ[one as keyof Environ])));
  await visit((environ) => {
    for (const [index, { told, run }] of done.entries()) {
      const story = done.slice(0, index + 1).map((one) => one.told).join("; ");
      assert.deepEqual(outcome(() => run(environ as unknown as Plain)), outcome(() => run(model)), told === story ? told : `after ${story}`);
    }
  });
}

/** What an operation gives, or the kind of error that it throws. */
function outcome(run: () => unknown): unknown {
  try {
    const result = run();
    return Array.isArray(result) ? result : kindOf(result);
  } catch (error) {
    return `throws ${(error as Error).name}`;
  }
}

/** Two requests have two inputs: only what is text, or was put there, is compared by value. */
function kindOf(one: unknown): unknown {
  if ((typeof one !== "object" && typeof one !== "function") || one === null) return one;
  return one === MINE ? "mine" : Object.prototype.toString.call(one);
}

/** The signal is made when it is read (SPEC E-1), and so may be an accessor until then. */
function shapeOf(found: PropertyDescriptor | undefined): unknown {
  if (found === undefined) return "none";
  const { enumerable, configurable } = found;
  if (found.get !== undefined && found.set !== undefined) return ["[object AbortSignal]", true, enumerable, configurable];
  return found.get !== undefined ? ["getter", enumerable, configurable] : [kindOf(found.value), found.writable, enumerable, configurable];
}

interface Gateway {
  /** Calls `use` as the application of a request. */
  visit(use: (environ: Environ) => void): Promise<void>;
}

function gateway(): Gateway {
  let use: (environ: Environ) => void = () => {};
  let failure: unknown = null;
  const handler = toFetch((environ, startResponse) => {
    try {
      use(environ);
    } catch (error) {
      failure = error;
    }
    startResponse("204 No Content", []);
    return [];
  }, { environ: DEPLOYER, scriptName: "/mnt" });
  return {
    visit: async (next) => {
      use = next;
      failure = null;
      await (await handler(new Request("http://example.com/mnt/a%20b?x=1", { headers: HEADERS }))).text();
      if (failure !== null) throw failure;
    },
  };
}
