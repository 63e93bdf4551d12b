/** Which worker is which: the same number in its environment, in `ps` and in the JSON log, and again for whoever takes its place. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { type Server, withFolder, withServer } from "./server.ts";

const APP = `
import process from "node:process";
export default (environ, startResponse) => { startResponse("200 OK", []); return []; };
console.log("id " + process.env.TSGI_WORKER_ID + " of " + process.pid);
`;

test("TSGI_WORKER_ID is 0..n-1, in the title and in JSON logs too, and a successor's is its predecessor's", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    await withServer({ args: ["-w", "3", "-n", "shop", "--log-format", "json", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      await server.until(() => said(server).length === 3, "three workers");
      assert.deepEqual(said(server).map(([id]) => id).toSorted(), [0, 1, 2]);
      const killed = said(server).find(([id]) => id === 1)!;
      process.kill(killed[1], "SIGKILL");
      const successor = await server.until(() => said(server)[3], "the successor");
      assert.equal(successor[0], 1);
      for (const [id, pid] of said(server).filter(([, pid]) => pid !== killed[1])) {
        assert.match(readFileSync(`/proc/${pid}/cmdline`, "utf8"), new RegExp(`^tsgi: worker \\[shop\\] #${id}\\0`));
      }
      const lines = server.log.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Record<string, unknown>);
      for (const [id, pid] of said(server)) assert.equal(lines.find((line) => line.event === "booting" && line.pid === pid)!.workerId, id);
      assert.ok(lines.filter((line) => line.pid === server.pid).every((line) => line.workerId === undefined));
    });
  });
});

function said(server: Server): [id: number, pid: number][] {
  return [...server.out.matchAll(/^id (\d+) of (\d+)$/gm)].map(([, id, pid]) => [Number(id), Number(pid)]);
}
