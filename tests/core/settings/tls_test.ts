import assert from "node:assert/strict";
import { test } from "node:test";
import { resolve } from "../../../core/settings/resolve.ts";
import type { SettingName, Settings } from "../../../core/settings/table.ts";
import { addressesOf, tlsProblems } from "../../../core/settings/tls.ts";

const PAIR = { certfile: ["c.pem"], keyfile: ["k.pem"] };

/** What is wrong with `patch`, by the place it was written in. */
function problems(runtime: Settings["runtime"], patch: Partial<Settings>): string[] {
  const { settings, sources } = resolve([], { chdir: "/srv", runtime });
  const written = Object.fromEntries(Object.keys(patch).map((name) => [name, name]));
  return tlsProblems({ ...settings, ...patch }, { ...sources, ...written } as Record<SettingName, string>).map(({ message }) => message);
}

test("tlsProblems() has nothing against a pair, nor against none", () => {
  for (const runtime of ["deno", "bun", "node"] as const) {
    assert.deepEqual(problems(runtime, {}), []);
    assert.deepEqual(problems(runtime, PAIR), []);
    assert.deepEqual(problems(runtime, { certfile: ["both.pem"] }), []);
    // What gunicorn's configurations say by default.
    assert.deepEqual(problems(runtime, { certReqs: 0, httpProtocols: ["h1"], tlsMinVersion: "1.2" }), []);
  }
});

test("tlsProblems() wants a certificate for whatever needs one", () => {
  const needing = { keyfile: ["k.pem"], caCerts: "ca.pem", certReqs: 2, ciphers: "HIGH", tlsMinVersion: "1.3", httpProtocols: ["h1", "h2"], redirectHttp: [{ kind: "tcp", host: "", port: 80 }] } as const;
  assert.deepEqual(problems("bun", needing), Object.keys(needing).map((name) => `Cannot use ${name}: there is no TLS without a certificate, add --certfile`));
});

const REFUSED: readonly (readonly [Settings["runtime"], Partial<Settings>, RegExp])[] = [
  ["bun", { certfile: ["a", "b"], keyfile: ["a"] }, /^Cannot use keyfile: there is 1 key for 2 certificates: give one for each/],
  ["bun", { ...PAIR, certReqs: 1, caCerts: "ca" }, /^Cannot use certReqs: no runtime checks/],
  ["bun", { ...PAIR, certReqs: 2 }, /^Cannot use certReqs: .*add --ca-certs/],
  ["bun", { ...PAIR, caCerts: "ca" }, /^Cannot use caCerts: .*add --cert-reqs 2/],
  ["bun", { ...PAIR, httpProtocols: ["h1", "h3"] }, /^Cannot use httpProtocols: .*got "h3"/],
  ["bun", { ...PAIR, httpProtocols: ["h2"] }, /^Cannot use httpProtocols: .*HTTP\/1\.1 is always served/],
  ["bun", { ...PAIR, bind: [{ kind: "unix", path: "/s" }] }, /^Cannot use certfile: "unix:\/s" is a unix socket/],
  ["bun", { ...PAIR, redirectHttp: [{ kind: "unix", path: "/s" }] }, /^Cannot use redirectHttp: expected a TCP address/],
  ["deno", { certfile: ["a", "b"], keyfile: ["a", "b"] }, /^Cannot use certfile: Deno's server has one/],
  ["deno", { ...PAIR, certReqs: 2, caCerts: "ca" }, /^Cannot use certReqs: Deno's/],
  ["deno", { ...PAIR, ciphers: "HIGH" }, /^Cannot use ciphers: Deno's/],
  ["deno", { ...PAIR, tlsMinVersion: "1.3" }, /^Cannot use tlsMinVersion: Deno's/],
  ["deno", { ...PAIR, httpProtocols: ["h1"] }, /^Cannot use httpProtocols: Deno's/],
  ["node", { ...PAIR, httpProtocols: ["h1", "h2"] }, /^Cannot use httpProtocols: HTTP\/2 is not served on Node/],
];
for (const [runtime, patch, expected] of REFUSED) {
  test(`tlsProblems() on ${runtime}: ${expected.source}`, () => {
    const [first, ...others] = problems(runtime, patch);
    assert.deepEqual(others, []);
    assert.match(first ?? "nothing", expected);
  });
}

test("addressesOf() has those that send elsewhere behind the others", () => {
  const { settings } = resolve([], { chdir: "/srv", runtime: "bun" });
  const plain = { kind: "tcp", host: "0.0.0.0", port: 80 } as const;
  assert.deepEqual(addressesOf({ ...settings, redirectHttp: [plain] }), [...settings.bind, plain]);
});
