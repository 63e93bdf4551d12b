/** What SECURITY.md says of nginx in front: which deviations it mends. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, withNginx } from "../e2e/front.ts";
import { root, runtime, withFolder, withServer } from "../e2e/server.ts";
import { CORPUS } from "./corpus.ts";
import { DEVIATIONS } from "./deviations.ts";
import { type Answer, answersIn } from "./talk.ts";

/** As in SECURITY.md. */
const site = (port: number, to: number) => `
server {
  listen 127.0.0.1:${port} default_server;
  if ($request_uri ~ "\\\\\\\\") { return 400; }
  location /admin { return 403; }
  location / {
    proxy_pass http://127.0.0.1:${to};
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header Connection "";
  }
}
`;

test("nginx in front mends each deviation that SECURITY.md says it does, and no path gets past its rules", async () => {
  await withFolder({}, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", join(root, "tests/wire/echo_app.ts")] }, async (server) => {
      const port = await freePort();
      writeFileSync(join(folder, "site.conf"), site(port, await server.port()));
      await withNginx({ folder, site: "site.conf", port }, async () => {
        const left = new Set(DEVIATIONS.flatMap(({ behindNginx = [] }) => behindNginx));
        const wrong: string[] = [];
        for (const id of DEVIATIONS.flatMap(({ cases }) => cases[runtime] ?? [])) {
          const { claim, raw, expect } = CORPUS.find((one) => one.id === id)!;
          const [first = { status: 0, body: "" }] = await answers(port, raw);
          const isTaken = expect !== "refuse" && first.status === 200 && first.body.trim() === JSON.stringify(expect[0]);
          // Status 0: the connection was closed without a word.
          const isMended = isTaken || first.status === 0 || first.status >= 400;
          if (isMended === left.has(id)) wrong.push(`${id} ${claim}: ${first.status} ${first.body}`);
        }
        assert.deepEqual(wrong, []);
        for (const target of ["/admin", "/x/../admin", "/x/%2e%2e/admin", "/x\\..\\admin", "/x/..%5cadmin", "/%61dmin", "//admin", "http://h/admin"]) {
          const [{ status, body } = { status: 0, body: "" }] = await answers(port, `GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
          assert.ok(status >= 400 || !/^\["GET","\/admin/.test(body), `${target}: ${status} ${body}`);
        }
      });
    });
  });
});

/** The answers that came when the first is there, or the connection has ended. */
function answers(port: number, text: string): Promise<Answer[]> {
  const mayBeHead = text.startsWith("HEAD");
  return new Promise((resolve) => {
    let received = "";
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("latin1");
    socket.on("data", (piece) => {
      received += piece;
      if (answersIn(received, { isEnded: false, mayBeHead }).length > 0) socket.destroy();
    });
    socket.on("error", () => {}); // Reset: what came before counts.
    socket.on("close", () => resolve(answersIn(received, { isEnded: true, mayBeHead })));
    socket.write(text, "latin1");
  });
}
