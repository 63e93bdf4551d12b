/** The part of SETTINGS.md about hooks, derived from their table. */
import { HOOK_NAMES, type HookName, HOOKS, type HookRow } from "./hooks.ts";

/** The section, with its heading. */
export function hooksPart(): string {
  return `${HEAD}\n${HOOK_NAMES.map(hookPart).join("\n")}`;
}

const HEAD = `## Server Hooks

Functions in the config file, called as the server lives; gunicorn's, in camelCase. Only a module can have them, not JSON, no flag and no
variable. They may be async, and are waited for.

    export default defineConfig({
      app: "app.ts",
      postFork(server, worker) {
        worker.log.info(\`worker \${worker.age} of \${server.pid} has slot \${worker.id}\`);
      },
    });

- **Parameters.** A function takes as many as the hook has, or none; anything else is an error when the configuration is read.
- **Where.** Hooks of the arbiter and of a worker run in different processes and share no variables. A worker imports the config file
  itself, on its own runtime, when it starts and if there are hooks for a worker; otherwise nothing is paid for them.
- **One at a time.** The arbiter's hooks wait for each other, and the start of a worker or the end of the server for the hooks before it.
  Watching, killing and reaping workers waits for no hook. A hook that blocks the event loop does stop the arbiter.
- **server** has \`pid\`, \`log\`, \`settings\`, \`addresses\` and, in the arbiter, \`numWorkers\`. **worker** has \`id\` (its slot), \`pid\`, \`age\`,
  \`generation\`, \`log\`, \`settings\` and \`requests\`. **log** has \`debug\`, \`info\`, \`warning\`, \`error\` and \`critical\`.
- **Reload.** The new file's hooks come into force with the new generation; a worker that ends is reported to those it was started with.
  A preflight runs the hooks of a worker's side as a worker does, with 0 as \`age\`; the arbiter's side has no \`preFork\` or \`childExit\` for it.
- gunicorn's \`ssl_context\` is not there.
`;

function hookPart(name: HookName): string {
  const row = HOOKS[name];
  const side = row.side === "arbiter" ? "in the arbiter" : "in the worker";
  return `### ${name}\n\n\`${signature(name)}\` · ${side}${waited(row)}\n\n${row.doc}\n\nWhen it fails: ${row.fails}\n`;
}

function signature(name: HookName): string {
  const { parameters, least } = HOOKS[name];
  const optional = parameters.slice(least);
  return `${name}(${parameters.slice(0, least).join(", ")}${optional.map((parameter) => `[, ${parameter}`).join("")}${"]".repeat(optional.length)})`;
}

function waited({ within }: HookRow): string {
  if (within === null) return "";
  if (within === "boot-timeout") return " · waited for as long as bootTimeout";
  if (within === "stop") return " · waited for 10 s, 0.8 s after QUIT, 0.4 s after ABRT";
  return ` · waited for ${within} s`;
}
