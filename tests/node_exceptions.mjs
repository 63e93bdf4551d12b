/** Which tests Node does not run, and why: all that is left out, in one place. Titles are whole. README, "On Node", tells users the same. */
export const EXCEPTIONS = [
  {
    reason: "Node calls no C library",
    files: [
      ...["libc", "descriptor_channel", "shared_memory", "parent", "inheritance", "syslog"].map((name) => `tests/contract/${name}_test.ts`),
      "tests/e2e/upgrade_test.ts", // USR2 is refused with that reason: the sockets go to the new arbiter over a channel.
    ],
    tests: [
      "adopt() refuses what does not listen",
      "hold() replaces a stale unix socket", // Makes one by the C library; tests/e2e/faults_test.ts leaves one by KILL.
      "hold() of fd://N takes a socket that somebody else bound, and says where", // Likewise; "a TCP server inherited from a parent" runs.
      "hold() of fd://N refuses what is no bound stream socket",
      // Node reads /proc, as where netlink is refused.
      ...["IPv4", "IPv6", "IPv4 by way of IPv6"].map((what) => `askSockets() tells of a listener with ${what} what /proc tells`),
      "askSockets() finds each of several ports in replies of several datagrams, and closes its descriptor",
      "socketTable() reads /proc where netlink is refused, and asks again only after an error that passes",
    ],
  },
  {
    reason: "Threads share a worker's socket by the C library: --worker-class gthread is refused on Node, with that reason",
    files: ["threads", "threads_life", "threads_faults", "threads_reload", "threads_figures", "blocked"].map((name) => `tests/e2e/${name}_test.ts`),
    tests: ["docs/tuning.md: its commands run", "README's flags exist"],
  },
  {
    reason: "tsgi init docker writes images of Bun and Deno: --runtime says which, and the page leaves it out",
    tests: ["docs/deployment.md: its commands run"],
  },
  {
    reason: "Without the C library nobody shares memory: counts come with the beat, and what is in flight is not known",
    tests: [
      "tsgi counts every request that a client counts, though two of four workers are killed by -9 under load",
      "tsgi tells statuses, durations, lag, memory, queues, and the application's own metrics",
      "tsgi has a stream in flight until it ends",
      "tsgi names the request that a murdered worker hung in, how long, and who waited with it",
      "timeout names the request that blocked or waited in a sync worker; async answers who only waits",
    ],
  },
  {
    reason: "Workers on Node share one socket, inherited at their start: there are no slots, and one process serves it once",
    tests: [
      "descriptor() opens slots that are non-blocking, closed on exec, and stay",
      "adopt() of several sockets at once, and of one by several servers",
      "adopt() and close(), a hundred times, leave no descriptor open",
      "slots share the connections evenly, and what is closed is covered by nobody",
      "a neighbour covers a slot whose server is paused",
      "tsgi -w 4 shares the port evenly among 64 keep-alive connections",
    ],
  },
  {
    reason: "Node cannot stop accepting and begin again",
    tests: [
      ...["IPv4", "IPv6", "unix"].map((what) => `adopt() serves an ${what} socket, pauses, resumes, closes, and serves it again`),
      "pause() and resume() every few milliseconds under load lose nothing",
      "what a killed worker has not accepted is served by the next",
      "bindReusePort() pauses",
      "an idle sync worker takes what a blocked one cannot: nobody waits",
    ],
  },
  {
    reason: "Out of descriptors, Node accepts and closes what comes: the one worker's clients see that, while the other serves",
    tests: ["tsgi serves on when a worker is out of file descriptors, and that worker or its successor comes back"],
  },
  {
    reason: "Node's own timer for idle connections goes off before what came while the loop stood still is read",
    tests: ["a request that waits for a loop that stands still is answered when it turns again, however long that was"],
  },
  {
    reason: "With --reuse-port the arbiter's socket has SO_REUSEADDR, as all of Node's: until workers serve, a wildcard and a foreign server get by",
    tests: [
      ...["adopt", "shared", "reuse-port"].map((mode) => `hold() with ${mode} is refused what is held with reuse-port, and has it afterwards`),
      "a server that is not ours is refused what hold() has",
    ],
  },
  {
    reason: "Node strips types and compiles nothing: no enum, no parameter property, no namespace",
    tests: ["loadApplication() imports TypeScript, with what types cannot be erased from"],
  },
  {
    reason: "How long a head may take is node:http's to say: it looks after the loop stood still, before it reads what came meanwhile",
    tests: ["tsgi --request-header-timeout blames no client for a loop that stood still"],
  },
  {
    reason: "Node bounds the bytes of a head, 16 KiB, and not the number of its fields",
    tests: ["T739 the native server refuses 200 header fields, live"],
  },
  {
    reason: "Node's server has no WebSockets: a Fetch handler cannot upgrade, and a warning says so where the application exports websocket",
    files: ["tests/e2e/web_sockets_test.ts"],
    tests: [],
  },
  {
    reason: "hono has no getConnInfo for Node: that is in @hono/node-server",
    files: ["tests/adapters/hono_test.ts"],
    tests: [],
  },
];

/** What runs on Node where nothing else is asked for: core is the same everywhere, and beside the others the rest must not take long. */
export const WHOLE = ["tests/layers_test.ts", "tests/package_test.ts", "tests/contract", "tests/adapters", "tests/edge", "tests/e2e", "tests/core"];
export const QUICK = [
  "tests/contract/adoption_test.ts",
  "tests/contract/application_test.ts",
  "tests/contract/config_reader_test.ts",
  "tests/contract/sockets_test.ts",
  "tests/edge",
  ...["start", "http", "node", "sync"].map((name) => `tests/e2e/${name}_test.ts`),
];
