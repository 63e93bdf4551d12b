/** SIGNALS.md, derived from the table of signals. */
import { SIGNALS } from "./signals.ts";

/** The whole text of SIGNALS.md. */
export function signalsPage(): string {
  const rows = SIGNALS.map(({ signal, arbiter, worker }) => `| ${signal} | ${arbiter} | ${worker} |\n`).join("");
  return `${HEAD}| signal | to the arbiter | to a worker |\n|---|---|---|\n${rows}${FOOT}`;
}

const HEAD = `# SIGNALS

Derived from \`core/arbiter/signals.ts\`: change it there, then run \`REWRITE=1 npx bun test tests/core/arbiter/signals_doc_test.ts\`.

Send signals to the arbiter: \`kill -HUP "$(cat tsgi.pid)"\` with \`--pidfile tsgi.pid\`. The meanings are gunicorn's.

`;

const FOOT = `
## Which process is the arbiter

The one whose pid the pid file holds, and that \`ps\` calls \`tsgi: master [NAME]\`. The pid that a shell or a service manager sees may be
another: \`bunx\` and \`npx\` stay in front as the parent. \`bunx\` does not pass USR1, TTIN, TTOU and WINCH on: USR1 ends it, TTIN and TTOU stop
it, and WINCH is lost. Use \`--pidfile\`, or have the service manager start \`deno\` or \`bun\` itself.

## Log rotation

Rename the files, then send USR1, or HUP on Deno:

    mv access.log access.log.1 && kill -USR1 "$(cat tsgi.pid)"

No line is lost or torn: what was logged before goes to the old file, everything later to the new one. Give the workers a moment before the
old file is compressed (logrotate: \`delaycompress\`).

## USR1 on Deno

Deno opens a debugger on port 9229 when it gets USR1, and whoever may connect to that port may run code in the server. tsgi has the kernel
drop the signal, in the arbiter and in workers. HUP opens the log files again there, before it reloads, and whether or not the reload holds.
Where the C library cannot be called (not Linux), nothing can be done about it: send no USR1 there.
`;
