/** SETTINGS.md, derived from the table. */
import { hooksPart } from "./hooks_page.ts";
import { variableOf } from "./names.ts";
import { NAMES, rowOf, SECTIONS, SETTING_NAMES, type SettingName, TABLE } from "./table.ts";
import { unsupportedPart } from "./unsupported.ts";
import { defaultText, flagText } from "./usage.ts";

/** The whole text of SETTINGS.md. */
export function settingsPage(): string {
  const sections = (Object.keys(SECTIONS) as (keyof typeof SECTIONS)[]).filter((section) => section !== "commands");
  const parts = sections.map((section) => {
    const names = SETTING_NAMES.filter((name) => TABLE[name].section === section);
    return `## ${SECTIONS[section]}\n\n${names.map(settingPart).join("\n")}`;
  });
  return `${HEAD}\n${parts.join("\n")}\n${hooksPart()}\n${commandsPart()}
${unsupportedPart()}`;
}

const HEAD = `# SETTINGS

Derived from \`core/settings/table.ts\`: change it there, then run \`REWRITE=1 npx bun test tests/core/settings/settings_doc_test.ts\`.

A setting has one name in three spellings: \`workerClass\` in the config file, \`--worker-class\` as a flag, \`TSGI_WORKER_CLASS\` in the
environment. The stronger source wins, whole; a list is replaced, not added to:

    built-in < environment variables < config file < TSGI_CMD_ARGS < flags

- **Environment.** An empty variable is as good as none. Addresses are separated by commas, the variables of \`TSGI_ENV\` by line breaks.
- **Config file.** \`tsgi.config.ts\`, \`.js\`, \`.mjs\` or \`.json\` in the working directory, or what \`--config\` names. A module exports as
  default an object, or a function that returns one or a promise of one. An unknown key is an error.
- **TSGI_CMD_ARGS.** Flags in one variable, quoted as in a shell.
- **In the config file alone** stands what has no flag below.
- **Durations** are seconds, or text such as \`500ms\`, \`10m\`, \`2h\`.
- **Reload** (HUP) reads all sources again. A setting marked *restart* keeps its value until then.

All problems are reported at once, and nothing starts: exit code 2 for a command line that cannot be understood, 1 for a value that
cannot be used. On a reload, the old settings stay.
`;

function settingPart(name: SettingName): string {
  const row = rowOf(name);
  const variables = [...(row.commandLineOnly || row.configFileOnly ? [] : [variableOf(name)]), ...(row.fallback ? [row.fallback.variable] : [])];
  const spellings = [
    ...(row.configFileOnly ? [] : [row.positional ? "argument `APP`" : code(flagText(name))]),
    ...variables.map(code),
    ...(row.commandLineOnly ? [] : [`config ${code(name)}`]),
  ];
  const byDefault = row.shown === undefined ? code(defaultText(name)) : row.shown;
  return `### ${name}\n\n${spellings.join(" · ")}  \nDefault: ${byDefault} · applies on ${row.applies}\n\n${row.doc}\n`;
}

function commandsPart(): string {
  const names = NAMES.filter((name) => TABLE[name].kind === "command");
  return `## ${SECTIONS.commands}\n\n${names.map((name) => `- ${code(flagText(name))}: ${TABLE[name].doc}\n`).join("")}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
