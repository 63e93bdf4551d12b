// Makes dist/, what npm publishes: a module of JavaScript for every source file, and the types of what package.json exports.
//
// The JavaScript has no comments; the types have, because editors show them. Types that no export leads to are left out.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = join(root, "dist");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

rmSync(dist, { recursive: true, force: true });
compile("--removeComments");
compile("--declaration", "--emitDeclarationOnly");
const published = declarations(Object.values(exports).flatMap(({ types }) => types ?? []));
for (const entry of readdirSync(dist, { recursive: true })) {
  const path = join(dist, entry);
  if (path.endsWith(".d.ts") && !published.has(path)) rmSync(path);
}

function compile(...flags) {
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "tsconfig.build.json"), ...flags], { stdio: "inherit" });
}

/** The paths of `entries` and of everything they import, whose specifiers now say .js as Node's rules want it. */
function declarations(entries) {
  const found = new Set();
  const queue = entries.map((entry) => resolve(root, entry));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const text = readFileSync(path, "utf8").replace(/^(?! \*)(.*(?:\bfrom |\bimport\(|\bimport )")(\.{1,2}\/[^"]+)\.ts"/gm, (_, before, specifier) => {
      queue.push(resolve(path, "..", `${specifier}.d.ts`));
      return `${before}${specifier}.js"`;
    });
    writeFileSync(path, text);
  }
  return found;
}
