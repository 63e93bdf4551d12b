/** The commands of docs/deployment.md do what it says, and its links lead somewhere. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { program, root, withFolder } from "./server.ts";

const text = readFileSync(join(root, "docs/deployment.md"), "utf8");

test("the commands of docs/deployment.md run, and write what they are for", async () => {
  const block = /^```sh\n([^]*?)^```/m.exec(text)![1]!;
  const lines = block.trim().split("\n");
  assert.ok(lines.length >= 5 && lines.every((line) => line.startsWith("tsgi ")));
  await withFolder({ "app.ts": "export default () => [];", "package.json": '{"dependencies":{"tsgi":"*"}}' }, async (folder) => {
    mkdirSync(join(folder, "public"));
    for (const line of lines) {
      const [command = "", ...before] = program();
      const { status, stderr } = spawnSync(command, [...before, ...line.split(" ").slice(1)], { cwd: folder, encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""], line);
    }
    const written = (name: string) => readdirSync(join(folder, name)).sort();
    assert.deepEqual([written("units"), written("site"), written("cluster")], [["app.service", "app.socket"], ["app.conf"], ["app.yaml"]]);
    assert.match(readFileSync(join(folder, "units/app.service"), "utf8"), /--timeout 60 --forwarded-allow-ips unix: /);
  });
});

test("docs/deployment.md's links and packages are there", () => {
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) => join(root, "docs", target!));
  assert.deepEqual(links.filter((path) => !existsSync(path)), []);
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const [, name] of text.matchAll(/`tsgi\/(\w+)`/g)) assert.ok(Object.hasOwn(exports, `./${name}`), name!);
});
