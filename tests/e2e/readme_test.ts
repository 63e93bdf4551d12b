/** What README shows is what happens. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { curl, hello, root, runtime, Server, withFolder, withServer } from "./server.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```(\w*)\n([^]*?)^```/gm)].map(([, language, text]) => ({ language, text: text! }));

test("README's application is served", async () => {
  const app = blocks.find(({ language }) => language === "ts")!.text;
  await withFolder({ "app.ts": app }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      assert.equal(curl(`http://127.0.0.1:${await server.port()}/there`), "Hello from /there\n");
    });
  });
});

test("README's first command prints the lines that README shows", async () => {
  const [command] = blocks.find(({ language }) => language === "sh")!.text.split("\n");
  const shown = runtime === "deno" ? command!.split("#")[0]! : command!.split("# or:")[1]!;
  const [, args] = /^\s*npx -y (?:deno run -A|bun) mod\.ts (.*?)\s*$/.exec(shown)!;
  await withServer({ args: [...args!.split(" "), "-b", "127.0.0.1:0"] }, async (server) => {
    const port = await server.port(2);
    await server.logged(/(?:Booting worker[^]*){2}/);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
    const shape = (text: string) => text.trimEnd().split("\n").map((line) => line.replace(/\d+/g, "N")).join("\n");
    const printed = blocks.find(({ language, text }) => language === "" && text.includes("Starting tsgi"))!.text;
    assert.equal(shape(server.log), shape(printed));
  });
});

test("README's second command is the script that runs these tests", () => {
  assert.ok(blocks.some(({ language, text }) => language === "sh" && text.trim() === "npm cit"));
  assert.match(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts.test, /tests\/run\.mjs/);
});

test("README's flags exist", async () => {
  const lines = blocks.flatMap(({ language, text }) => (language === "sh" ? text.split("\n") : [])).filter((line) => line.startsWith("tsgi "));
  assert.ok(lines.length >= 3);
  for (const line of lines) {
    const args = line.split("#")[0]!.trim().split(/\s+/).slice(1).filter((word) => word !== "--check-config").map((word) => (word === "app.ts" ? hello : word));
    const server = new Server({ args: [...args, ...(args.includes("--print-config") ? [] : ["--print-config"])] });
    assert.deepEqual(await server.ended, { code: 0, signal: null }, `${line}\n${server.log}`);
  }
});

test("README's and DESIGN's links lead somewhere", () => {
  for (const name of ["README.md", "DESIGN.md"]) {
    const links = readFileSync(join(root, name), "utf8").matchAll(/\]\((?!https?:)([^)#]+)\)/g);
    assert.deepEqual(Array.from(links, ([, target]) => target!).filter((target) => !existsSync(join(root, target))), [], name);
  }
});
