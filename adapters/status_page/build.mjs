// Makes core/admin/page.ts, the status page as one text: page.html with its style, and its script with uPlot in it.
// The server starts from a bare clone, so what comes out is in the repository; tests/core/admin/page_test.ts tells when it is stale.
// Usage: node adapters/status_page/build.mjs [file]
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const read = (name) => readFileSync(path(name), "utf8");
const bun = path("../../node_modules/.bin/bun");
const [target = path("../../core/admin/page.ts")] = process.argv.slice(2);

const licence = read("../../node_modules/uplot/LICENSE").trim();
const bundled = execFileSync(bun, ["build", path("page.ts"), "--minify", "--target=browser", "--format=iife"], { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } }).trim();
const script = `/*!\nuPlot (https://github.com/leeoniya/uPlot), which draws the charts:\n\n${licence}\n*/\n${bundled}`;
if (/<\/script|<!--/i.test(script)) throw new Error("The script would end before its end");
const style = squeeze(`${read("../../node_modules/uplot/dist/uPlot.min.css")}\n${read("page.css")}`);
const page = read("page.html").replace("<style></style>", () => `<style>${style}</style>`).replace("<script></script>", () => `<script>${script}</script>`);

const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

writeFileSync(target, `/** Made by adapters/status_page/build.mjs: change what is there. */
export const PAGE_POLICY: string = ${JSON.stringify(policy)};

export const PAGE: string = ${JSON.stringify(page)};
`);

function hash(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function squeeze(css) {
  return css.replace(/\/\*[^]*?\*\//g, "").replace(/\s+/g, " ").replace(/ ?([{};,]) ?/g, "$1").replace(/;}/g, "}").trim();
}
