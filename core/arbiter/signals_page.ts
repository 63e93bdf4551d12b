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

## Upgrade in place

USR2 starts the command line of the arbiter once more, with the environment and in the directory it was first started with, so that a new
version of tsgi, of the runtime, of the configuration and of the application takes effect. The new arbiter inherits all listening sockets,
and both serve from the same queues: whichever of them ends, no connection is lost.

    kill -USR2 "$(cat tsgi.pid)"         # a new arbiter, whose pid is in tsgi.pid.2, and which ps calls tsgi: master [NAME.2]
    kill -TERM "$(cat tsgi.pid)"         # the old one goes: the upgrade holds, and tsgi.pid.2 becomes tsgi.pid

To take it back, end the new one instead:

    kill -TERM "$(cat tsgi.pid.2)"

- **A daemon's workers** can be sent away first, to see how the new ones do alone: WINCH to the old arbiter; then TERM to it, or HUP, which
  brings its workers back, and TERM to the new one.
- **A new arbiter that cannot serve** ends, and the old one logs why and serves on. The hook \`preExec\` may refuse an upgrade.
- **Not on Node**, which cannot hand sockets on: there, the log says so, and the server serves on.
- **One at a time.** A second USR2 is ignored while both live, by the old one and by the new one.
- **The old one's descriptors** are what the new one gets (\`TSGI_FD\`, \`TSGI_PID\`): of several slots, all; an address that the new
  configuration does not have is closed. \`--reuse-port\` cannot be switched on by an upgrade. Slots that only one of the two has, because
  it has more workers than the other had at the time of USR2, go with it, and so does what waits in their queues.
- **Who watches the old pid** (a container, whose first process it is; a service manager without \`PIDFile=\`) takes its end for the end of
  the server. There, use HUP.

## Log rotation

Rename the files, then send USR1, or run \`tsgi ctl reopen\`, which works on Deno too (as HUP does):

    mv access.log access.log.1 && kill -USR1 "$(cat tsgi.pid)"

No line is lost or torn: what was logged before goes to the old file, everything later to the new one. Give the workers a moment before the
old file is compressed (logrotate: \`delaycompress\`).

## USR1 on Deno

Deno opens a debugger on port 9229 when it gets USR1, and whoever may connect to that port may run code in the server. tsgi has the kernel
drop the signal, in the arbiter and in workers. HUP opens the log files again there, before it reloads, and whether or not the reload holds.
Where the C library cannot be called (not Linux), nothing can be done about it: send no USR1 there.
`;
