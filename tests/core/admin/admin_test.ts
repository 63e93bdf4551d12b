import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Address } from "../../../core/arbiter/listener.ts";
import { served } from "./served.ts";

const TOKEN = "0123456789abcdef";
const bearer = { headers: { authorization: `Bearer ${TOKEN}` } };
const ALL = ["/", "/livez", "/readyz", "/metrics", "/stats.json", "/events"];

test("answerAdmin() answers every page to whoever gets there, if there is no token", async () => {
  const { ask } = served();
  for (const path of ALL) assert.equal((await ask(path)).status, 200, path);
  assert.equal(await (await ask("/livez")).text(), "alive\n");
  assert.equal((await ask("/metrics?x=1#y")).status, 200);
});

test("answerAdmin() wants the token for what tells something, and not for probes and the page that asks for it", async () => {
  const { ask } = served({ adminToken: TOKEN });
  for (const path of ALL) {
    const isOpen = ["/", "/livez", "/readyz"].includes(path);
    assert.equal((await ask(path)).status, isOpen ? 200 : 401, path);
    assert.equal((await ask(path, bearer)).status, 200, path);
  }
  assert.equal((await ask("/metrics")).headers.get("www-authenticate"), 'Bearer realm="tsgi"');
  for (const authorization of ["", "Bearer", "Bearer ", `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, "Bearer null", TOKEN, `Bearer x ${TOKEN}`]) {
    assert.equal((await ask("/metrics", { headers: { authorization } })).status, 401, authorization);
  }
  assert.equal((await ask("/metrics", { headers: { authorization: `bearer  ${TOKEN}` } })).status, 200);
  assert.equal((await ask(`/metrics?token=${TOKEN}&access_token=${TOKEN}`)).status, 401, "never from a URL");
  assert.equal((await ask("/metrics", { headers: { cookie: `token=${TOKEN}` } })).status, 401, "never from a cookie");
});

test("answerAdmin() takes a token that a reload has changed, and not the old one", async () => {
  const server = served({ adminToken: TOKEN });
  server.settings = { ...server.settings, adminToken: "another" };
  assert.equal((await server.ask("/metrics", bearer)).status, 401);
  assert.equal((await server.ask("/metrics", { headers: { authorization: "Bearer another" } })).status, 200);
});

test("answerAdmin() lets nobody act without a token that is configured and brought", async () => {
  for (const path of ["/reload", "/workers/add", "/workers/remove"]) {
    const open = served();
    assert.equal((await open.ask(path, { method: "POST" })).status, 403, path);
    assert.equal((await open.ask(path, { method: "POST", ...bearer })).status, 403, path);
    const closed = served({ adminToken: TOKEN });
    assert.equal((await closed.ask(path, { method: "POST" })).status, 401, path);
    assert.deepEqual([...open.signals, ...closed.signals], []);
  }
});

test("answerAdmin() reloads and resizes for whoever brings the token, and says what came of it", async () => {
  const server = served({ adminToken: TOKEN });
  assert.deepEqual(await (await server.ask("/reload", { method: "POST", ...bearer })).json(), { success: true, generation: 2 });
  server.outcome = { refused: "app.ts is broken" };
  const refused = await server.ask("/reload", { method: "POST", ...bearer });
  assert.equal(refused.status, 409);
  assert.match((await refused.json()).error, /given up.*app\.ts is broken/);
  assert.equal((await server.ask("/workers/add", { method: "POST", ...bearer })).status, 200);
  assert.deepEqual(await (await server.ask("/workers/remove", { method: "POST", ...bearer })).json(), { previous: 2, total: 2 });
  assert.deepEqual(server.signals, ["TTIN", "TTOU"]);
});

test("answerAdmin() lets no page of another site act, though it had the token", async () => {
  const server = served({ adminToken: TOKEN });
  const from = (more: Record<string, string>) => server.ask("/workers/add", { method: "POST", headers: { ...bearer.headers, ...more } });
  for (const more of [{ origin: "http://evil.example" }, { origin: "null" }, { origin: "http://127.0.0.1:8000" }, { "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }]) {
    assert.equal((await from(more)).status, 403, JSON.stringify(more));
  }
  assert.deepEqual(server.signals, []);
  assert.equal((await from({ origin: "http://127.0.0.1:9091" })).status, 200);
  assert.equal((await from({ "sec-fetch-site": "same-origin", origin: "https://proxy.example" })).status, 200);
});

test("answerAdmin() at loopback answers to names of loopback only, so that no other name can be made to mean it", async () => {
  const { ask } = served();
  for (const host of ["127.0.0.1", "127.0.0.1:9091", "127.8.8.8:1", "localhost:9091", "LOCALHOST", "[::1]:9091", ""]) assert.equal((await ask("/livez", { host, url: "http://127.0.0.1:9091/livez" , ...(host === "" ? {} : { url: `http://${host}/livez` }) })).status, 200, host);
  for (const host of ["evil.example", "evil.example:9091", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:9091", "[::2]", "localhost:9091:1", "128.0.0.1"]) {
    assert.ok([400, 421].includes((await ask("/metrics", { host })).status), host);
  }
  const everywhere: Address = { kind: "tcp", host: "0.0.0.0", port: 9091 };
  assert.equal((await ask("/livez", { host: "admin.example", address: everywhere })).status, 200);
  assert.equal((await ask("/livez", { host: "x", address: { kind: "unix", path: "/run/admin.sock" } })).status, 200);
});

test("answerAdmin() takes its path from behind the Host that was sent, whatever that says", async () => {
  const { ask } = served();
  const address: Address = { kind: "tcp", host: "0.0.0.0", port: 9091 };
  for (const host of ["h\\metrics", "h?", "h#", "user@h"]) assert.equal((await ask("/livez", { host, address })).status, 400, host);
});

test("answerAdmin() says which methods a page takes, and which pages there are", async () => {
  const { ask } = served({ adminToken: TOKEN });
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
    const answer = await ask("/metrics", { method, ...bearer });
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "GET, HEAD"], method);
  }
  assert.deepEqual(await ask("/reload", bearer).then((r) => [r.status, r.headers.get("allow")]), [405, "POST"]);
  assert.equal((await ask("/reload", { method: "HEAD", ...bearer })).status, 405);
  for (const path of ["/nothing", "/Metrics", "/metrics/", "//metrics", "/constructor", "/__proto__", "/toString"]) assert.equal((await ask(path)).status, 404, path);
  for (const path of ALL) assert.equal((await ask(path, { method: "HEAD", ...bearer })).status, 200, path);
});

test("answerAdmin() has nothing kept, framed, guessed or read by other sites", async () => {
  const { ask } = served({ adminToken: TOKEN });
  for (const [path, init] of [...ALL.map((path) => [path, bearer] as const), ["/metrics", {}], ["/nothing", {}], ["/reload", { method: "POST", ...bearer }], ["/metrics", { method: "OPTIONS" }]] as const) {
    const { headers } = await ask(path, init);
    assert.equal(headers.get("cache-control"), "no-store", path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.match(headers.get("content-security-policy")!, /^default-src 'none'; .*frame-ancestors 'none'/, path);
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin", path);
    assert.deepEqual([...headers.keys()].filter((name) => name.startsWith("access-control-")), [], path);
  }
});

test("answerAdmin() lets run and style only what the page itself has", async () => {
  const { ask } = served({ adminToken: TOKEN });
  const page = await ask("/");
  const policy = page.headers.get("content-security-policy")!;
  const html = await page.text();
  for (const tag of ["script", "style"]) {
    const [, text = ""] = new RegExp(`<${tag}>(.*)</${tag}>`, "s").exec(html)!;
    assert.ok(policy.includes(`${tag}-src 'sha256-${createHash("sha256").update(text).digest("base64")}'`), tag);
  }
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.match(html, /^<!DOCTYPE html>\n<html data-token lang="en">/);
  assert.ok(!html.includes(TOKEN));
  assert.match(await (await served().ask("/")).text(), /^<!DOCTYPE html>\n<html lang="en">/);
});

test("/readyz says why nobody should be sent here", async () => {
  const server = served();
  const ready = async () => {
    const answer = await server.ask("/readyz");
    return `${answer.status} ${(await answer.text()).trim()}`;
  };
  assert.equal(await ready(), "200 ready");
  server.draining = true;
  assert.equal(await ready(), "503 not ready: told to drain");
  server.draining = false;
  const { workers } = server.state;
  server.state = { ...server.state, workers: workers.map((w) => ({ ...w, phase: "booting" })) };
  assert.equal(await ready(), "503 not ready: no worker serves");
  server.state = { ...server.state, workers, phase: "halting" };
  assert.equal(await ready(), "503 not ready: the server is shutting down");
  assert.equal((await server.ask("/livez")).status, 200);
  const stats = await (await server.ask("/stats.json")).json();
  assert.deepEqual([stats.ready, stats.unready, stats.draining, stats.workers.length], [false, "the server is shutting down", false, 2]);
});

test("/metrics speaks OpenMetrics to who likes that at least as much, else the older format", async () => {
  const { ask } = served();
  const type = async (accept?: string) => (await ask("/metrics", accept === undefined ? {} : { headers: { accept } })).headers.get("content-type")!.split(";")[0];
  const [older, open] = ["text/plain", "application/openmetrics-text"];
  assert.equal(await type(), older);
  assert.equal(await type("*/*"), older);
  assert.equal(await type("text/html"), older);
  assert.equal(await type("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"), open);
  assert.equal(await type("application/openmetrics-text; version=1.0.0; q=0.5, text/plain; q=0.9"), older);
  assert.equal(await type("application/openmetrics-text;q=0"), older);
  assert.match(await (await ask("/metrics", { headers: { accept: open } })).text(), /# EOF\n$/);
});
