// The types that npm publishes: of every declaration file that an export leads to, the declarations that an export leads to.
//
// What tsc writes is regular: a declaration begins at the start of a line, and its comment stands above it. A name that a declaration
// mentions is looked for in its file, among its declarations and its imports. A name too many found does no harm: it stays.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const START = /^(?:export|declare|import|interface|type|abstract|class|const|function)\b/;
const DECLARED = /^(?:export )?(?:default )?(?:declare )?(?:abstract )?(?:function|const|let|class|interface|type)\s+([\w$]+)/;
const FROM = /\bfrom "(\.[^"]+)"/;
const INLINE = /\bimport\("(\.[^"]+)"\)\.([\w$]+)/g;
const NOTHING = /^export \{\s*\};/;
const COMMENT = /[ \t]*\/\*\*[^]*?\*\/\n?/g;
const COMMENTED = /^\s*\*/;
const SPECIFIER = /((?:\bfrom |\bimport\()"\.{1,2}\/[^"]+)\.ts"/g;
const TEXT = /"(?:[^"\\\n]|\\.)*"/g;

/** The text of each file that is published, by its path. `entries`: the absolute paths of what package.json exports. */
export function pruneTypes(entries) {
  const files = new Map();
  /** Kept because an export leads there. */
  const kept = new Set();
  for (const path of entries) for (const statement of file(path).statements) if (statement.code.startsWith("export")) keep(path, statement, true);
  return new Map([...files].map(([path, { statements }]) => [path, textOf(statements)]).filter(([, text]) => text !== ""));

  function file(path) {
    if (!files.has(path)) files.set(path, parse(path));
    return files.get(path);
  }

  /** `isPublic`: people can name it, and so read its comments. */
  function keep(path, statement, isPublic) {
    if (statement.isKept && (statement.isPublic || !isPublic)) return;
    statement.isKept = true;
    statement.isPublic ||= isPublic;
    if (statement.target !== null) {
      if (statement.names === null) for (const other of file(statement.target).statements) other.code.startsWith("export") && keep(statement.target, other, isPublic);
      else for (const { here, there } of statement.names) statement.used.add(here) && keepName(statement.target, there, isPublic);
      return;
    }
    for (const [, specifier, name] of statement.code.matchAll(INLINE)) keepName(resolve(path, "..", declarationOf(specifier)), name, false);
    for (const { there } of statement.names ?? []) keepName(path, there, isPublic);
    for (const word of new Set(statement.code.replace(TEXT, "").match(/[\w$]+/g))) if (word !== statement.declared) keepName(path, word, false);
  }

  function keepName(path, name, isPublic) {
    for (const statement of file(path).statements) {
      if (statement.declared === name) keep(path, statement, isPublic);
      const binding = statement.names?.find(({ here }) => here === name);
      if (binding === undefined) continue;
      statement.used.add(name);
      statement.isKept = true;
      if (statement.target !== null) keepName(statement.target, binding.there, isPublic);
    }
  }
}

function parse(path) {
  const statements = [];
  let lines = [];
  let isOpen = false;
  for (const line of [...readFileSync(path, "utf8").trimEnd().split("\n"), "/**"]) {
    if (isOpen && (START.test(line) || line.startsWith("/**"))) {
      statements.push(statementOf(path, `${lines.join("\n")}\n`));
      lines = [];
      isOpen = false;
    }
    isOpen ||= START.test(line);
    lines.push(line);
  }
  return { statements };
}

function statementOf(path, text) {
  const code = text.replace(COMMENT, "");
  const specifier = FROM.exec(code)?.[1];
  const target = specifier === undefined ? null : resolve(path, "..", declarationOf(specifier));
  const isList = target !== null || /^(?:export \{|import\b)/.test(code);
  return { text, code, target, names: isList ? namesOf(code) : null, declared: DECLARED.exec(code)?.[1], used: new Set(), isKept: NOTHING.test(code), isPublic: false };
}

/** What an import or a re-export names; null for all. */
function namesOf(code) {
  const list = /\{([^}]*)\}/.exec(code)?.[1];
  return list?.split(",").map((name) => name.trim()).filter(Boolean).map((text) => {
    const [there, here = there] = text.replace(/^type /, "").split(" as ");
    return { there, here, text };
  }) ?? null;
}

function declarationOf(specifier) {
  return specifier.replace(/\.[jt]s$/, ".d.ts");
}

/** Empty where nothing of a file is kept. */
function textOf(statements) {
  const shown = statements.filter(({ isKept }) => isKept);
  if (shown.every(({ code }) => NOTHING.test(code))) return "";
  return shown.map(published).join("").replaceAll(/^(?: {4})+/gm, (spaces) => "\t".repeat(spaces.length / 4));
}

function published({ text, code, isPublic, names, used, declared }) {
  if (declared === "TABLE") return withoutProse(code);
  const shown = isPublic && !code.startsWith("import") ? text : code;
  const fewer = names !== null ? shown.replace(/\{[^}]*\}/, () => `{ ${names.filter(({ here }) => used.has(here)).map((name) => name.text).join(", ")} }`) : shown;
  return fewer.split("\n").map((line) => (COMMENTED.test(line) ? line : line.replace(SPECIFIER, '$1.js"'))).join("\n");
}

/**
 * The table of settings, of whose rows the types read these members only (core/settings/table.ts): the rest of a row, its documentation
 * above all, is for the program.
 */
function withoutProse(code) {
  let isRead = true;
  return code.split("\n").filter((line) => {
    const [, name, value] = /^ {8}readonly (\w+): (.*)/.exec(line) ?? [];
    if (name !== undefined) isRead = READ.has(name) || (name === "default" && value === "null;");
    else if (!/^ {8}/.test(line)) isRead = true;
    return isRead;
  }).join("\n");
}

const READ = new Set(["kind", "choices", "or", "orModule", "computed", "commandLineOnly"]);
