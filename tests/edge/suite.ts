/** What every platform has to do with the one application, and what it is excused from. */
import assert from "node:assert/strict";
import { request as ask } from "node:http";
import { test } from "node:test";
import { TARGETS, type TargetName } from "../../core/portability/targets.ts";
import { EXCEPTIONS, type PlatformName } from "./exceptions.ts";

/** A platform that runs, reached by HTTP. */
export interface Running {
  readonly url: string;
  stop(): Promise<void>;
}

export interface Platform {
  readonly name: PlatformName;
  /** Whose row of TARGETS it has to keep. */
  readonly target: TargetName;
  /** What has to be installed, if it is not. */
  readonly missing?: string | undefined;
  /** What the platform itself would add to every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the application is mounted. */
  readonly prefix?: string;
  /** Whose reason phrases arrive though others of its kind do not send them. */
  readonly sendsReasons?: boolean;
  start(): Promise<Running>;
}

export type CaseName = keyof typeof CASES;

/** Declares one test: all cases, one after the other, on one instance. */
export function suite(platform: Platform): void {
  const { name, missing } = platform;
  if (missing !== undefined) {
    test(`the same application on ${name}`, { skip: `${missing} is not installed` }, () => undefined);
    return;
  }
  test(`the same application on ${name}`, async () => {
    const running = await platform.start();
    const client = new Client(running.url + (platform.prefix ?? ""), platform);
    const faults: string[] = [];
    try {
      for (const [key, run] of Object.entries(CASES)) {
        const excuse = platform.sendsReasons && key === "reason phrase" ? undefined : (EXCEPTIONS[name] as Partial<Record<string, string>> | undefined)?.[key];
        const fault = await run(client).then(() => null, (error: unknown) => error as Error);
        if (fault !== null && excuse === undefined) faults.push(`${key}: ${fault.message.replace(/\s*\n\s*/g, " ")}`);
        if (fault === null && excuse !== undefined) faults.push(`${key}: works, so it is no exception any more`);
      }
    } finally {
      await running.stop();
    }
    assert.equal(faults.join("\n"), "");
  });
}

class Client {
  readonly #base: string;
  readonly platform: Platform;
  constructor(base: string, platform: Platform) {
    this.#base = base;
    this.platform = platform;
  }
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.#base + path, { ...init, headers: { ...this.platform.headers, ...init.headers as Record<string, string> } });
  }
  async text(path: string, init?: RequestInit): Promise<string> {
    return await (await this.fetch(path, init)).text();
  }
  async state(): Promise<{ readonly closed: number; readonly waited: number }> {
    return JSON.parse(await this.text("/state"));
  }
  /** Asks until the state is so. */
  async until(holds: (state: { readonly closed: number; readonly waited: number }) => boolean): Promise<void> {
    for (let i = 0; i < 100; i++) {
      if (holds(await this.state())) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("The state never came");
  }
  reason(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      ask(this.#base + path, { headers: { ...this.platform.headers }, agent: false }, (response) => {
        response.resume();
        resolve(response.statusMessage ?? "");
      }).once("error", reject).end();
    });
  }
}

const CASES = {
  async hello(client: Client) {
    const response = await client.fetch("/hello?x=1&y=%20");
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(await response.text(), `Hello ${client.platform.prefix ?? ""}/hello x=1&y=%20\n`);
    assert.equal((await client.fetch("/nothing")).status, 404);
  },

  async path(client: Client) {
    assert.equal(await client.text("/hello/caf%C3%A9%20x"), `Hello ${client.platform.prefix ?? ""}/hello/café x \n`);
  },

  async "no body"(client: Client) {
    const head = await client.fetch("/hello", { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
    const empty = await client.fetch("/empty");
    assert.deepEqual([empty.status, await empty.text()], [204, ""]);
  },

  async bytes(client: Client) {
    assert.deepEqual([...new Uint8Array(await (await client.fetch("/bytes")).arrayBuffer())], [0, 255, 128, 10]);
  },

  async stream(client: Client) {
    const response = await client.fetch("/stream");
    const reader = response.body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>).getReader();
    const first = await reader.read();
    const release = client.text("/release");
    let rest = "";
    for (let next = await reader.read(); !next.done; next = await reader.read()) rest += next.value;
    await release;
    assert.deepEqual([first.value, rest], ["first\n", "second\n"]);
  },

  async upload(client: Client) {
    const body = new Uint8Array(1 << 20).map((_, i) => i % 251);
    const sum = body.reduce((total, byte) => (total + byte) % 65_536, 0);
    const answer = await client.text("/upload", { method: "PUT", body, headers: { "Content-Type": "application/x-test" } });
    assert.equal(answer, `PUT application/x-test ${1 << 20} ${sum}\n`);
    assert.equal(await client.text("/upload", { method: "POST", body: "é", headers: { "Content-Type": "text/plain" } }), `POST text/plain 2 ${0xc3 + 0xa9}\n`);
  },

  async cookies(client: Client) {
    const response = await client.fetch("/cookies", { headers: { Cookie: "c=3; d=4" } });
    assert.equal(await response.text(), "c=3; d=4\n");
    assert.deepEqual(response.headers.getSetCookie(), ["a=1; Path=/", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"]);
  },

  async "client leaves"(client: Client) {
    const before = (await client.state()).closed;
    const controller = new AbortController();
    const response = await client.fetch("/abort", { signal: controller.signal });
    const reader = response.body!.getReader();
    await reader.read();
    controller.abort();
    await reader.cancel().catch(() => undefined);
    await client.until(({ closed }) => closed > before);
  },

  async errors(client: Client) {
    for (const path of ["/error", "/refused"]) {
      const response = await client.fetch(path);
      assert.deepEqual([response.status, await response.text(), response.headers.get("x-bad")], [500, "Internal Server Error", null]);
    }
  },

  /** Half a response never looks like a whole one. */
  async "broken off"(client: Client) {
    const answer = client.fetch("/broken").then(async (response) => ({ ok: response.ok, text: await response.text() }));
    assert.equal(await answer.then(({ ok }) => ok, () => false), false);
  },

  async "reason phrase"(client: Client) {
    assert.equal(await client.reason("/teapot"), "Short And Stout");
  },

  async environ(client: Client) {
    const environ = JSON.parse(await client.text("/environ?q")) as Record<string, unknown>;
    const { keys, ...flags } = TARGETS[client.platform.target];
    const optional = ["REMOTE_ADDR", "REMOTE_PORT", "RAW_URI", "SERVER_SOFTWARE", "tsgi.early_hints", "tsgi.wait_until", "tsgi.deadline"];
    assert.deepEqual(optional.filter((key) => key in environ), optional.filter((key) => (keys as readonly string[]).includes(key)));
    assert.equal(environ["tsgi.multiprocess"], flags.multiprocess);
    assert.deepEqual([environ.QUERY_STRING, environ.REQUEST_METHOD, environ["tsgi.multithread"], environ["tsgi.run_once"]], ["q", "GET", false, false]);
    const platformKeys = Object.keys(environ).filter((key) => key.includes(".") && !key.startsWith("tsgi."));
    for (const key of platformKeys) assert.match(key, /^[a-z_]+\.[a-z_]+$/);
  },

  async "wait_until"(client: Client) {
    const before = (await client.state()).waited;
    assert.equal((await client.fetch("/later")).status, 200);
    await client.until(({ waited }) => waited > before);
  },
};
