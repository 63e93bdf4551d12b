/**
 * Everything an operator does to a server in a year, while clients ask without a pause: reloads, more and fewer workers, workers that are
 * worn out, upgrades that hold and that are taken back. TSGI_TEST_REQUESTS says how many requests it lasts at least (a million for a release),
 * and all the rest grows with them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { until, withMaster, type Master } from "./master.ts";
import { isAlive, runtime, withFolder } from "./server.ts";

const REQUESTS = Number(process.env.TSGI_TEST_REQUESTS ?? 20_000);
const ROUNDS = Math.max(1, Math.round(REQUESTS / 100_000));
const RELOADS_A_ROUND = REQUESTS >= 100_000 ? 10 : 4;
const WORKERS = 2;

test(`tsgi loses none of ${REQUESTS} requests through reloads, TTIN and TTOU, max-requests, upgrades and their rollback`, async () => {
  await withFolder({ "app.ts": answering("0") }, async (folder) => {
    const args = ["-w", `${WORKERS}`, "-b", "127.0.0.1:0", "--max-requests", "500", "--max-requests-jitter", "100", "app.ts"];
    await withMaster(folder, args, async (at) => {
      const port = await at.port();
      let asked = 0;
      let over = false;
      const more = () => ++asked <= REQUESTS || !over;
      const clients = [true, false].map((keepAlive) => load({ to: { port }, clients: 16, keepAlive, requests: Infinity, more }));
      for (let round = 0; round < ROUNDS; round++) {
        for (let n = 0; n < RELOADS_A_ROUND; n++) await reload(at, folder, `${round}.${n}`);
        await growAndShrink(at);
        await growAndShrink(at);
        await upgrade(at);
        await upgradeAndTakeBack(at);
      }
      over = true;
      const reports = await Promise.all(clients);
      const log = at.log();
      for (const { failed, failures } of reports) assert.equal(failed, 0, JSON.stringify(failures));
      const answered = reports.reduce((sum, report) => sum + report.answered, 0);
      const worn = log.match(/Autorestarting worker after current request\./g)?.length ?? 0;
      console.log(`${runtime}: ${answered} requests answered, 0 failed; ${ROUNDS * RELOADS_A_ROUND} reloads, ${ROUNDS * 2} TTIN and TTOU, ${ROUNDS} upgrades, ${ROUNDS} taken back, ${worn} workers worn out`);
      assert.ok(answered >= REQUESTS && worn > 0, `${answered} answers, ${worn} worn`);

      const last = at.pid();
      process.kill(last, "SIGTERM");
      await until(() => !isAlive(last), "the end");
      assert.equal(existsSync(at.file()), false);
      const everybody = [...log.matchAll(/Booting worker with pid: (\d+)/g)].map(([, pid]) => Number(pid));
      await until(() => !everybody.some(isTsgi), "the end of every worker that ever was");
    });
  });
});

function answering(text: string): string {
  return `export default (environ, startResponse) => { startResponse("200 OK", [["Content-Type", "text/plain"]]); return [${JSON.stringify(text)}]; };`;
}

async function reload(at: Master, folder: string, name: string): Promise<void> {
  const arbiter = at.pid();
  const from = at.log().length;
  writeFileSync(join(folder, "app.ts"), answering(name));
  process.kill(arbiter, "SIGHUP");
  await at.logged(/Reloaded: generation \d+ serves with 2 workers/, from);
  assert.deepEqual([at.pid(), existsSync(at.file(".2"))], [arbiter, false]);
}

async function growAndShrink(at: Master): Promise<void> {
  const from = at.log().length;
  process.kill(at.pid(), "SIGTTIN");
  await at.logged(/serves in slot 2\n/, from);
  process.kill(at.pid(), "SIGTTOU");
  await at.logged(/Handling signal: ttou/, from);
}

async function upgrade(at: Master): Promise<void> {
  const old = at.pid();
  process.kill(old, "SIGUSR2");
  const fresh = await at.successor(WORKERS);
  assert.deepEqual([at.pid(), at.pid(".2")], [old, fresh]);
  process.kill(old, "SIGTERM");
  await until(() => !isAlive(old) && at.pid() === fresh && !existsSync(at.file(".2")), "the promotion");
}

async function upgradeAndTakeBack(at: Master): Promise<void> {
  const old = at.pid();
  process.kill(old, "SIGUSR2");
  const fresh = await at.successor(WORKERS);
  const from = at.log().length;
  process.kill(fresh, "SIGTERM");
  await at.logged(new RegExp(`\\[${old}\\] \\[INFO\\] The new master \\(pid:${fresh}\\) ended with code 0: this one keeps serving`), from);
  assert.deepEqual([at.pid(), existsSync(at.file(".2"))], [old, false]);
}

/** Pids are used again: only what is a worker of tsgi counts. */
function isTsgi(pid: number): boolean {
  return isAlive(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("tsgi: worker");
}
