/** `tsgi check`: the command as a user runs it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { program, root, withFolder } from "./server.ts";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function check(cwd: string, ...args: string[]): Promise<Outcome> {
  const [command = "", ...before] = program();
  return new Promise((resolve) => execFile(command, [...before, "check", ...args], { cwd }, (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err })));
}

const START = `startResponse("200 OK", [["Content-Type", "text/plain"]]);`;
const UNPORTABLE = `import { execFileSync } from "node:child_process"; // import "node:no"
import { greeting } from "./greeting.ts";
import type { Stats } from "node:fs";
export default (environ, startResponse) => {
  ${START}
  if (environ.PATH_INFO === "/never") return [execFileSync("true"), new Function("return 1")()];
  if (environ.PATH_INFO === "/file") return [...[], environ["tsgi.file_wrapper"]({ read: () => null })].at(0);
  const peer = environ.PATH_INFO === "/peer" ? environ.REMOTE_PORT.length : 0;
  environ["tsgi.early_hints"]?.([]);
  return [greeting + peer + "process.env"];
};
`;

test("tsgi check finds an example portable everywhere, and says with what", async () => {
  const { code, out } = await check(root, "examples/hello.ts");
  assert.match(out, /^cloudflare: portable, with toCloudflare$/m);
  assert.equal(code, 0);
});

test("tsgi check names file and line of what is not portable, and what to do instead", async () => {
  await withFolder({ "app.ts": UNPORTABLE, "greeting.ts": `export const greeting = "hi";\nif (typeof Deno !== "undefined") Deno.version;\nexport const size = () => Buffer.from("").length;\n` }, async (folder) => {
    const { code, out } = await check(folder, "--target", "cloudflare,node", "--target", "service-worker", "--path", "/", "--path", "/peer", "--path", "/file", "app.ts");
    assert.equal(code, 1);
    const lines = out.trimEnd().split("\n");
    for (const expected of [
      `app.ts:1: problem on cloudflare: Cannot import node:child_process: nothing behind it works there, leave it to a server`,
      `app.ts:1: problem on service_worker: Cannot import node:child_process: there are no modules of Node there, use the Web platform's own`,
      `app.ts:6: problem on cloudflare, service_worker: Cannot use new Function: text is never made code there, write the function out`,
      `app.ts:7: problem on cloudflare, service_worker: Cannot send a file with tsgi.file_wrapper: there are none there, send a Blob or a stream, or leave files to the platform`,
      `app.ts:8: note on cloudflare, service_worker: REMOTE_PORT is absent there: do without`,
      `app.ts:9: note on cloudflare, service_worker: tsgi.early_hints is absent there: call it only where it is, as in environ["tsgi.early_hints"]?.(headers)`,
      `greeting.ts:2: note on cloudflare, node, service_worker: Cannot use Deno: there is no such global there, keep it in a module that only Deno imports`,
      `greeting.ts:3: problem on service_worker: Cannot use Buffer: there is no such global there, use Uint8Array and TextEncoder`,
      `node: portable, with toNode`,
    ]) assert.ok(lines.includes(expected), `${expected}\nis not in\n${out}`);
    assert.match(out, /^app\.ts:8: problem on cloudflare, service_worker: GET \/peer fails: TypeError: .* without REMOTE_PORT; with every key of environ it does not$/m);
    assert.doesNotMatch(out, /Cannot use process|node:fs|node:no/);
  });
});

test("tsgi check --json gives one document", async () => {
  await withFolder({ "app.ts": `export default (_environ, startResponse) => { ${START} return [process.version]; };\n` }, async (folder) => {
    const { code, out } = await check(folder, "--json", "--target=service_worker,deno", "app");
    const { portable, findings } = JSON.parse(out);
    assert.deepEqual(portable, { service_worker: false, deno: true });
    assert.deepEqual(findings.map(({ file, line, level }: Record<string, unknown>) => [file, line, level]), [["app.ts", 1, "problem"]]);
    assert.equal(code, 1);
  });
});

test("tsgi check says what it cannot check", async () => {
  await withFolder({ "app.ts": "export const x = 1;\n" }, async (folder) => {
    assert.deepEqual(await check(folder, "--target", "cloudflair", "app.ts"), { code: 1, out: "", err: "\nError: Cannot use --target: no target cloudflair, did you mean cloudflare?\n" });
    assert.match((await check(folder, "app.ts")).err, /^\nError: Cannot load app\.ts: no default export/);
    assert.match((await check(folder)).err, /^\nError: Cannot check: no application named/);
    assert.equal((await check(folder, "--help")).code, 0);
  });
});
