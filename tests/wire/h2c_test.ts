/** HTTP/2 in the clear, which Deno speaks to who begins with it: the same rules hold there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { root, runtime, withServer } from "../e2e/server.ts";
import { ask } from "./talk.ts";

const AUTHORITIES = ["h\\admin", "h/admin", "h?x=", "h#x", "u@h", "a b", "h:x"];

test("a request by HTTP/2 in the clear reaches the application as it was sent, or not at all", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", join(root, "tests/wire/echo_app.ts")] }, async (server) => {
    const port = await server.port();
    const workers = server.workers();
    const get = (host: string, more: readonly string[] = ["--http2-prior-knowledge"]) => {
      const { stdout } = spawnSync("curl", ["-s", "-m", "10", ...more, "-H", `Host: ${host}`, "-w", " %{http_code} %{http_version}", `http://127.0.0.1:${port}/public/x`], { encoding: "utf8" });
      const [, body = "", status, version] = /^(.*) (\d+) ([\d.]+)$/s.exec(stdout)!;
      return { body, status: Number(status), version };
    };
    const plain = get("h");
    if (runtime === "deno") assert.deepEqual(plain, { body: '["GET","/public/x","h",null,""]', status: 200, version: "2" });
    else assert.ok(plain.status === 0 || plain.status >= 400, `${runtime} speaks no HTTP/2`);
    for (const authority of AUTHORITIES) {
      const { status } = get(authority);
      assert.ok(status === 0 || status >= 400, `${authority}: ${status}`);
    }
    assert.equal(get("h", ["--http2"]).version, "1.1", "nobody is upgraded");
    assert.deepEqual(await ask(port, "/alive"), ["GET", "/alive", "h", null, ""]);
    assert.deepEqual(server.workers(), workers, "no worker died");
  });
});
