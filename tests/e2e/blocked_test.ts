/** What 400 clients with a connection each see of it when one of two workers is blocked, by worker class and listener. Prints the table. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { runtime, withFolder, withServer } from "./server.ts";

const APP = `
export default (environ, startResponse) => {
  if (environ.PATH_INFO === "/block") {
    environ["tsgi.errors"].write("blocked now\\n");
    for (const end = performance.now() + 60_000; performance.now() < end;);
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["answered"];
};
`;

type To = { readonly port: number } | { readonly path: string };

interface Round {
  /** Milliseconds that the answered ones waited, the longest last. */
  readonly waits: readonly number[];
  readonly lost: number;
}

/** 200 new connections in a second, whatever becomes of those before. */
async function round(to: To): Promise<Round> {
  const asked: Promise<number | null>[] = [];
  for (let i = 0; i < 200; i++) {
    asked.push(ask(to, "/"));
    await pause(5);
  }
  const waits = await Promise.all(asked);
  const answered = waits.filter((wait) => wait !== null).sort((a, b) => a - b);
  return { waits: answered, lost: waits.length - answered.length };
}

/** Milliseconds until the answer; null if the connection ended without one, or after 10 s. */
function ask(to: To, target: string): Promise<number | null> {
  const since = performance.now();
  return new Promise((resolve) => {
    let text = "";
    const socket = "path" in to ? connect({ path: to.path }) : connect({ host: "127.0.0.1", port: to.port });
    const timer = setTimeout(() => socket.destroy(), 10_000);
    socket.on("data", (data) => {
      text += data;
      if (!text.includes("answered")) return;
      resolve(performance.now() - since);
      socket.destroy();
    });
    socket.on("error", () => resolve(null));
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(null);
    });
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  });
}

function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly unix?: true;
}

/** One worker of two is blocked: a round at once, and one when there was time to notice. */
async function blocked({ args, unix }: Case): Promise<readonly [Round, Round]> {
  return await withFolder({ "app.ts": APP }, async (folder) => {
    const bind = unix ? `unix:${folder}/app.sock` : "127.0.0.1:0";
    return await withServer({ args: ["-w", "2", ...args, "-b", bind, "app.ts"], cwd: folder }, async (server) => {
      if (unix) await server.logged(/Listening at/);
      const to: To = unix ? { path: `${folder}/app.sock` } : { port: await server.port(2) };
      // Both are up, and one is idle when the other is blocked.
      await server.until(() => server.workers().length === 2, "two workers");
      for (let i = 0; i < 20; i++) assert.notEqual(await ask(to, "/"), null);
      void ask(to, "/block");
      await server.logged(/blocked now/);
      const first = round(to);
      await pause(2500);
      return [await first, await round(to)];
    });
  });
}

const table: string[] = [];

function row(name: string, rounds: readonly Round[]): void {
  const text = ({ waits, lost }: Round) => {
    const over = (limit: number) => waits.filter((wait) => wait > limit).length;
    return `${String(over(200)).padStart(8)}${String(over(1500)).padStart(8)}${String(lost).padStart(6)}${(waits.at(-1) ?? 0).toFixed(0).padStart(9)}`;
  };
  table.push(`${name.padEnd(18)}${rounds.map(text).join(" |")}`);
}

for (const one of [
  { name: "sync, TCP", args: ["-k", "sync"] },
  { name: "sync, unix", args: ["-k", "sync"], unix: true },
  { name: "async, unix", args: [], unix: true },
  { name: "gthread, one of 2", args: ["--threads", "2"] },
] as const satisfies readonly Case[]) {
  test(`nobody waits for a blocked worker: ${one.name}`, async () => {
    const rounds = await blocked(one);
    row(one.name, rounds);
    for (const { waits, lost } of rounds) {
      assert.equal(lost, 0);
      assert.ok(waits.at(-1)! < 3000, `somebody waited ${waits.at(-1)} ms`);
    }
  });
}

test("nobody waits for a blocked worker longer than until its slot is covered", async () => {
  const rounds = await blocked({ name: "slots", args: [] });
  row("async, slots", rounds);
  for (const { waits, lost } of rounds) {
    assert.equal(lost, 0);
    assert.ok(waits.at(-1)! < 5000, `somebody waited ${waits.at(-1)} ms`);
  }
});

test("with --reuse-port about half hang until the blocked worker is killed, and are lost", async () => {
  const rounds = await blocked({ name: "reuse-port", args: ["--reuse-port", "--timeout", "4"] });
  row("async, reuse-port", rounds);
  assert.ok(rounds[0].lost > 40 && rounds[0].lost < 160, `${rounds[0].lost} of 200 were lost`);
  console.log([
    `${runtime}, 200 connections:  while it is new                  | 2.5 s later`,
    `${"".padEnd(18)}${Array(2).fill(" >200ms  >1.5s  lost  slowest").join(" |")}`,
    ...table,
  ].join("\n"));
});
