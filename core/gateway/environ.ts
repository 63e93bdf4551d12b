/**
 * environ: the request as an ordinary object (SPEC E-1 to E-25), made on demand.
 *
 * Building it whole costs more than all the rest of a small request, and most applications read a few keys. So it is a Proxy over an
 * ordinary object that is filled on first use: reading a key makes that key, enumerating makes all, and every language operation gives
 * what it would give on an ordinary object. For applications that enumerate, the Proxy is the dearer way: where 24 of 32 requests
 * did, the next 4,096 get the ordinary object at once, then a sample is taken again.
 */
import { TsgiError } from "./error.ts";
import { ConsoleErrors } from "./errors.ts";
import { BodyInput } from "./input.ts";
import { type HeaderReader, PUBLIC_HEADERS } from "./request_headers.ts";
import { ofShape } from "./shapes.ts";
import { splitTarget } from "./target.ts";
import { eachHeader, MAKERS, makeHeader, mountedPath, plainMakers } from "./variables.ts";
import type { EnvironSettings, RequestLike, Scope } from "./variables.ts";
import type { Environ, ErrorStream, ServerInfo } from "./types.ts";

const SAMPLE = 32;
const OFTEN = 24;
const EAGER_RUN = 4096;

/** Reads what a lazy environ was made from; an own property of none, and so never copied. */
const ORIGIN = Symbol("tsgi.origin");

export interface EnvironOptions {
  /** Where the application is mounted: moves from PATH_INFO to SCRIPT_NAME (SPEC E-12). */
  readonly scriptName?: string;
  /** The deployer's variables; what comes from the request wins (SPEC E-5). */
  readonly environ?: Readonly<Record<string, unknown>>;
  readonly errors?: ErrorStream;
  /** What to do with headers whose names contain `_`, which would pass for others that a proxy has checked (SPEC E-16a). */
  readonly underscoreHeaders?: "drop" | "refuse" | "allow";
  /** The authority of `request.url` that means: the client sent no Host. Asked when it matters; null if there is none. */
  readonly noHost?: () => string | null;
  /** How headers are read, if there is a shorter way than the public one. */
  readonly requestHeaders?: HeaderReader;
}

/**
 * Makes the environ of a request, as an ordinary object, without calling anything.
 *
 * For gateways and tests; `toFetch` makes its own. Throws {@linkcode TsgiError} where `toFetch` would answer without calling the
 * application: `ERR_TSGI_TARGET` and `ERR_TSGI_UNDERSCORE` for 400, `ERR_TSGI_SCRIPT_NAME` for 404.
 *
 * @example
 * ```ts
 * createEnviron(new Request("http://127.0.0.1/caf%C3%A9?x=1")).PATH_INFO; // "/café"
 * ```
 */
export function createEnviron(request: RequestLike, server: ServerInfo = {}, options: EnvironOptions = {}): Environ {
  const pathStart = splitTarget(request.url, request, { raw: false, scheme: server.urlScheme });
  if (pathStart < 0) throw new TsgiError("ERR_TSGI_TARGET", `Cannot use the URL ${JSON.stringify(request.url.slice(0, 100))}: expected http or https and a plain host`);
  const settings = environSettings(options);
  const scope = new OwnScope(request, server, settings, pathStart);
  if (settings.underscoreHeaders === "refuse" && hasUnderscore(request.headers)) {
    throw new TsgiError("ERR_TSGI_UNDERSCORE", "Cannot accept a header with _ in its name: it would pass for the one with -");
  }
  if (mountedPath(scope) === null) {
    throw new TsgiError("ERR_TSGI_SCRIPT_NAME", `Cannot serve the path: it is not below ${JSON.stringify(settings.scriptName)}`);
  }
  return eagerEnviron(scope);
}

/** Checks the options once, for all requests. Throws TypeError for what no environ may contain. */
export function environSettings(options: EnvironOptions): EnvironSettings {
  const { scriptName = "", environ = {}, underscoreHeaders = "drop", noHost = () => null, requestHeaders = PUBLIC_HEADERS } = options;
  if (scriptName !== "" && (!scriptName.startsWith("/") || scriptName.endsWith("/"))) {
    throw new TypeError(`Cannot mount at ${JSON.stringify(scriptName)}: expected "" or a path like "/mnt", without a slash at the end`);
  }
  const deployer: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(environ)) {
    if (value === undefined) continue;
    if (!key.includes(".") && typeof value !== "string") {
      throw new TypeError(`Cannot put ${key} into environ: a name without a dot takes a string, got ${typeof value}`);
    }
    // What the gateway decides is not for the deployer to fake, even where it is absent.
    if (!MAKERS.has(key)) deployer[key] = value;
  }
  return { scriptName, deployer, underscoreHeaders, noHost, requestHeaders, sampler: new Sampler() };
}

/** The environ of a request that an application is about to get: lazy, unless the application has shown that it enumerates. */
export function makeEnviron(scope: Scope & { making: Making | null }): Environ {
  if (scope.settings.sampler.isEager()) return copiedEnviron(scope);
  const lazy = new LazyEnviron(scope);
  scope.making = lazy;
  return lazy.proxy;
}

export function hasUnderscore(headers: Headers): boolean {
  for (const name of headers.keys()) if (name.includes("_")) return true;
  return false;
}

/** The request that an environ was made from, if nothing that a Request expresses has been changed in it since; else null (SPEC F-7). */
export function originalRequest(environ: Environ): RequestLike | null {
  const origin = (environ as { [ORIGIN]?: LazyEnviron })[ORIGIN];
  if (origin === undefined || origin.isChanged || !origin.scope.input.untouched) return null;
  return origin.scope.request;
}

/** What a lazy environ is made from, and what it has by now: for who reads a few keys of very many requests, and has no time for the Proxy. */
export interface Making {
  /** The keys that were read or written. */
  readonly own: Readonly<Record<string, unknown>>;
  /** Whether a key that is not in `own` is one look at the request: it was not deleted, and nobody has defined a property. */
  readonly isSimple: boolean;
}

/** For an application that copies its environ, and reads each value with that: to make the signal later would cost more than the signal. */
function copiedEnviron(scope: Scope): Environ {
  const { deployer } = scope.settings;
  const keys = ["tsgi.signal"];
  const values: unknown[] = [scope.signal];
  const put = (key: string, value: unknown): void => {
    keys.push(key);
    values.push(value);
  };
  for (const key in deployer) put(key, deployer[key]);
  for (const [key, make] of plainMakers()) {
    const value = make(scope);
    if (value !== undefined) put(key, value);
  }
  eachHeader(scope, put);
  return ofShape(keys, values) as Environ;
}

function eagerEnviron(scope: Scope): Environ {
  const environ: Record<string, unknown> = {};
  fill(environ, scope);
  return environ as Environ;
}

/** Makes every key that is not there yet. */
function fill(target: Record<string, unknown>, scope: Scope): void {
  const { deployer } = scope.settings;
  for (const [key, make] of plainMakers()) {
    if (Object.hasOwn(target, key)) continue;
    const value = make(scope);
    if (value !== undefined) target[key] = value;
  }
  if (!Object.hasOwn(target, "tsgi.signal")) {
    new Owned(target, scope);
    Object.defineProperty(target, "tsgi.signal", LAZY_SIGNAL);
  }
  eachHeader(scope, (key, value) => {
    if (!Object.hasOwn(target, key)) target[key] = value;
  });
  // Last, because what comes from the request wins (SPEC E-5).
  for (const key in deployer) if (!Object.hasOwn(target, key)) target[key] = deployer[key];
}

class Given {
  constructor(target: object) {
    return target;
  }
}

/**
 * Writes the request that a target belongs to into the target, as a private field: invisible to every operation of the language. A
 * WeakMap would say the same, and make V8 spend more than half of its time on collecting it.
 */
class Owned extends Given {
  readonly #scope: Scope;
  constructor(target: object, scope: Scope) {
    super(target);
    this.#scope = scope;
  }
  /** null if the object is not one of ours. */
  static scopeOf(target: object): Scope | null {
    return #scope in target ? target.#scope : null;
  }
}

/**
 * The signal is made when it is read (SPEC E-1): an AbortController costs more than all the other keys together. One descriptor for
 * all, since functions of its own would give every environ a shape of its own.
 */
const LAZY_SIGNAL: PropertyDescriptor = {
  get(this: object): AbortSignal {
    // An object that inherits from environ reads through it.
    let owner = this;
    while (Owned.scopeOf(owner) === null) owner = Object.getPrototypeOf(owner) as object;
    const { signal } = Owned.scopeOf(owner)!;
    settleSignal(owner, signal);
    return signal;
  },
  set(this: object, value: unknown): void {
    if (!settleSignal(this, value)) throw new TypeError("Cannot set tsgi.signal: environ is frozen");
  },
  enumerable: true,
  configurable: true,
};

/** Reflect's way says no where Object's would throw: in a frozen environ it stays an accessor. */
function settleSignal(target: object, value: unknown): boolean {
  return Reflect.defineProperty(target, "tsgi.signal", { value, writable: true, enumerable: true, configurable: true });
}

/** Notes how often environs are enumerated. */
class Sampler {
  #seen = 0;
  #enumerated = 0;
  #eager = 0;

  /** Counts a request. */
  isEager(): boolean {
    if (this.#eager > 0) {
      this.#eager--;
      return true;
    }
    if (this.#seen === SAMPLE) {
      this.#eager = this.#enumerated >= OFTEN ? EAGER_RUN : 0;
      this.#seen = 0;
      this.#enumerated = 0;
    }
    this.#seen++;
    return false;
  }

  noteEnumerated(): void {
    this.#enumerated++;
  }
}

/** The traps of one request's environ. */
class LazyEnviron implements ProxyHandler<Record<string, unknown>> {
  readonly scope: Scope;
  readonly proxy: Environ;
  /** A key was written that the request had something to say about. */
  isChanged = false;
  #target: Record<string, unknown>;
  #isFilled = false;
  /** Somebody defined a property, froze the object or gave it a prototype: from then on, no short cuts. */
  #isOdd = false;
  /** undefined was written: a key that reads so may be there. */
  #holdsUndefined = false;

  constructor(scope: Scope) {
    this.scope = scope;
    this.#target = {};
    this.proxy = new Proxy(this.#target, this) as Environ;
  }

  get own(): Readonly<Record<string, unknown>> {
    return this.#target;
  }

  get isSimple(): boolean {
    return !this.#isFilled && !this.#isOdd && this.scope.settings.underscoreHeaders !== "allow";
  }

  get(target: Record<string, unknown>, key: string | symbol, receiver: unknown): unknown {
    if (this.#isOdd) {
      this.#make(key);
      if (key !== ORIGIN) return Reflect.get(target, key, receiver);
    }
    const value = target[key as string];
    if (value !== undefined) return value;
    if (typeof key !== "string") return key === ORIGIN ? this : undefined;
    return this.#holdsUndefined ? this.#make(key) : this.#makeNew(key);
  }

  set(target: Record<string, unknown>, key: string | symbol, value: unknown, receiver: unknown): boolean {
    if (receiver === this.proxy) this.#noteChange(key);
    // `__proto__` gives a prototype, which may have keys that are still to be made.
    if (this.#isOdd || receiver !== this.proxy || key === "__proto__") {
      this.#make(key);
      return Reflect.set(target, key, value, receiver);
    }
    if (value === undefined) this.#holdsUndefined = true;
    target[key as string] = value;
    return true;
  }

  has(target: Record<string, unknown>, key: string | symbol): boolean {
    return key in target || (this.#make(key), key in target);
  }

  ownKeys(target: Record<string, unknown>): (string | symbol)[] {
    this.#fill();
    return Reflect.ownKeys(target);
  }

  getOwnPropertyDescriptor(target: Record<string, unknown>, key: string | symbol): PropertyDescriptor | undefined {
    this.#make(key);
    return Reflect.getOwnPropertyDescriptor(target, key);
  }

  defineProperty(target: Record<string, unknown>, key: string | symbol, descriptor: PropertyDescriptor): boolean {
    this.#make(key);
    // A getter that is defined over an accessor would get its setter.
    if (key === "tsgi.signal") this.#makeSignal();
    this.#noteChange(key);
    this.#isOdd = true;
    return Reflect.defineProperty(target, key, descriptor);
  }

  deleteProperty(target: Record<string, unknown>, key: string | symbol): boolean {
    // All the others have to be there first: a key that is missing later on was deleted.
    this.#fill();
    this.#noteChange(key);
    return Reflect.deleteProperty(target, key);
  }

  preventExtensions(target: Record<string, unknown>): boolean {
    this.#fill();
    // In what is about to be frozen, an accessor would still answer to a write.
    this.#makeSignal();
    this.#isOdd = true;
    return Reflect.preventExtensions(target);
  }

  setPrototypeOf(target: Record<string, unknown>, prototype: object | null): boolean {
    this.#isOdd = true;
    return Reflect.setPrototypeOf(target, prototype);
  }

  /** The value of a key that is not in the target, put there if there is one. */
  #make(key: string | symbol): unknown {
    return typeof key !== "string" || Object.hasOwn(this.#target, key) ? undefined : this.#makeNew(key);
  }

  /** The same of a key that is known not to be there. */
  #makeNew(key: string): unknown {
    const target = this.#target;
    if (this.#isFilled) return undefined;
    const made = key.startsWith("HTTP_") ? makeHeader(this.scope, key) : MAKERS.get(key)?.(this.scope);
    if (made !== undefined) return target[key] = made;
    // `in` and not hasOwn would take a key such as "toString" of the prototype for one of ours.
    const { deployer } = this.scope.settings;
    return Object.hasOwn(deployer, key) ? target[key] = deployer[key] : undefined;
  }

  #fill(): void {
    if (this.#isFilled) return;
    this.scope.settings.sampler.noteEnumerated();
    new Owned(this.proxy, this.scope);
    fill(this.#target, this.scope);
    this.#isFilled = true;
  }

  /** A value from now on, if it is still to be made. */
  #makeSignal(): void {
    const target = this.#target;
    if (Reflect.getOwnPropertyDescriptor(target, "tsgi.signal")?.get === LAZY_SIGNAL.get) void target["tsgi.signal"];
  }

  #noteChange(key: string | symbol): void {
    this.isChanged ||= typeof key === "string" && (!key.includes(".") || key === "tsgi.input" || key === "tsgi.url_scheme");
  }
}

/** For an environ without a gateway behind it. */
class OwnScope implements Scope {
  readonly request: RequestLike;
  readonly info: ServerInfo;
  readonly settings: EnvironSettings;
  readonly pathStart: number;
  readonly isRaw = false;
  readonly isOver = false;
  readonly finishers = [];
  readonly errors: ErrorStream;
  readonly input: BodyInput;
  #signal: AbortSignal | null = null;

  constructor(request: RequestLike, info: ServerInfo, settings: EnvironSettings, pathStart: number) {
    this.request = request;
    this.info = info;
    this.settings = settings;
    this.pathStart = pathStart;
    this.errors = new ConsoleErrors();
    this.input = new BodyInput(request);
  }

  get target(): string | undefined {
    return this.info.requestTarget;
  }

  get signal(): AbortSignal {
    return this.#signal ??= this.request.signal ?? new AbortController().signal;
  }

  get earlyHints(): undefined {
    return undefined;
  }
}
