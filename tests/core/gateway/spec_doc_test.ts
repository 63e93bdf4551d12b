/** SPEC.md: one chapter is taken from the validator, and what the code refers to must be there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../../../", import.meta.url);
const page = new URL("SPEC.md", root);
/** In reading order, as the head of lint.ts says. */
const FILES = ["lint.ts", "lint_environ.ts", "lint_response.ts", "lint_body.ts", "lint_streams.ts"];
const BEGIN = "<!-- Taken from core/gateway/lint*.ts, the sentences with three slashes: change them there. -->\n";
const END = "<!-- The end of what was taken. -->\n";

/** A sentence over its check, with the codes that the check reports. */
interface Rule {
  readonly sentence: string;
  readonly codes: readonly string[];
}

/** The chapter: a heading where a sentence is one, else an item for each sentence. */
function chapter(): string {
  const rules = FILES.flatMap((file) => rulesOf(readFileSync(new URL(`core/gateway/${file}`, root), "utf8")));
  const lines = rules.map(({ sentence, codes }) => {
    if (sentence.startsWith("## ")) return `\n#${sentence}\n`;
    return `- ${sentence}${codes.length === 0 ? "" : ` (${codes.map((code) => `\`${code}\``).join(", ")})`}`;
  });
  return `${lines.join("\n").trim()}\n`;
}

function rulesOf(source: string): Rule[] {
  const parts = source.split(/^ *(?=\/\/\/ )/m);
  const rules: Rule[] = [];
  let open: string[] = [];
  let before = parts.shift() ?? "";
  for (const part of parts) {
    const [first = "", ...rest] = part.split("\n");
    open.push(first.slice(4));
    // The next line may go on with the sentence: then it is the next part.
    if (rest.join("").trim() === "" && rest.length <= 1) continue;
    rules.push({ sentence: open.join(" "), codes: codesOf(rest.join("\n"), before) });
    open = [];
    before += part;
  }
  return rules;
}

/** A check that several callers share gets its code from them: the type of its parameter says which there are. */
function codesOf(check: string, before: string): string[] {
  const own = [...check.matchAll(/(?:refuse|warn|warnOnce)\(\s*(?:\w+, )?"([a-z-]+\/[a-z0-9-]+)"/g)].map((found) => found[1]!);
  const shared = /\brefuse\(code,/.test(check) ? [...before.matchAll(/code: ((?:"[^"]+"(?: \| )?)+)/g)].at(-1)?.[1]?.match(/[a-z-]+\/[a-z-]+/g) ?? [] : [];
  return [...new Set([...shared, ...own])];
}

function parts(text: string): [head: string, taken: string, tail: string] {
  const [head = "", rest = ""] = text.split(BEGIN);
  const [taken = "", tail = ""] = rest.split(END);
  return [head, taken, tail];
}

function read(folder: string): { readonly path: string; readonly code: string }[] {
  const entries = readdirSync(new URL(folder, root), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith(".ts")).map((entry) => {
    const path = `${entry.parentPath}/${entry.name}`;
    return { path: path.slice(root.pathname.length), code: readFileSync(path, "utf8") };
  });
}

test("SPEC.md holds the sentences of core/gateway/lint*.ts", () => {
  const text = readFileSync(page, "utf8");
  const [head, taken, tail] = parts(text);
  assert.ok(head !== "" && tail !== "", "SPEC.md lacks the comments between which the sentences stand");
  const wanted = `\n${chapter()}\n`;
  if (process.env.REWRITE === "1" && taken !== wanted) writeFileSync(page, head + BEGIN + wanted + END + tail);
  assert.equal(parts(readFileSync(page, "utf8"))[1], wanted, "SPEC.md is stale: run REWRITE=1 npx bun test tests/core/gateway/spec_doc_test.ts");
});

test("SPEC.md holds a sentence for every code that lint reports", () => {
  const [, taken] = parts(readFileSync(page, "utf8"));
  const told = new Set(taken.match(/(?<=`)[a-z-]+\/[a-z0-9-]+(?=`)/g));
  const codes = FILES.flatMap((file) => readFileSync(new URL(`core/gateway/${file}`, root), "utf8").match(/(?<=")(?:app|environ|start|exc-info|status|headers?|content-type|content-length|head|no-body|not-modified|etag|write|body|input|errors|response-finished)\/[a-z0-9-]+(?=")/g) ?? []);
  assert.ok(codes.length > 70, `only ${codes.length} codes were found`);
  assert.deepEqual([...new Set(codes)].filter((code) => !told.has(code)), []);
});

test("SPEC.md holds every rule, section and error code that the code names", () => {
  const text = readFileSync(page, "utf8");
  const rules = new Set([...text.matchAll(/^\| ([A-Z]-\d+[a-z]?) \|/gm)].map((found) => found[1]!));
  const missing = ["core", "adapters", "runtimes"].flatMap(read).flatMap(({ path, code }) => {
    const named = [...code.matchAll(/SPEC ([A-Z]-\d+[a-z]?(?:(?:,| to| and) [A-Z]-\d+[a-z]?)*)/g)].flatMap((found) => found[1]!.match(/[A-Z]-\d+[a-z]?/g) ?? []);
    const sections = [...code.matchAll(/SPEC (1\.\d+|Appendix B\.\d)/g)].map((found) => found[1]!).filter((section) => !text.includes(`# ${section} `));
    const errors = (code.match(/ERR_TSGI_[A-Z_]+/g) ?? []).filter((error) => !text.includes(`\`${error}\``));
    return [...named.filter((rule) => !rules.has(rule)), ...sections, ...errors].map((what) => `${path}: ${what}`);
  });
  assert.deepEqual([...new Set(missing)], []);
});
