/** Which tests Node does not run, and why: all that is left out, in one place. Titles are whole. */
export const EXCEPTIONS = [
  {
    reason: "Node calls no C library",
    files: ["tests/contract/libc_test.ts", "tests/contract/descriptor_channel_test.ts", "tests/contract/shared_memory_test.ts", "tests/contract/parent_test.ts"],
    tests: [
      "adopt() refuses what does not listen",
      "hold() replaces a stale unix socket", // Makes one by the C library; tests/e2e/faults_test.ts leaves one by KILL.
      "hold() of fd://N takes a socket that somebody else bound, and says where", // Likewise; "a TCP server inherited from a parent" runs.
      "hold() of fd://N refuses what is no bound stream socket",
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
    ],
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
    reason: "Node bounds the bytes of a head, 16 KiB, and not the number of its fields",
    tests: ["T739 the native server refuses 200 header fields, live"],
  },
];

/** What of the end-to-end tests runs on Node. */
export const FILES = ["start", "http", "faults", "reload"].map((name) => `tests/e2e/${name}_test.ts`);

/** What runs on Node beside the other runtimes. */
export const QUICK = ["tests/contract/adoption_test.ts", "tests/contract/sockets_test.ts", "tests/e2e/start_test.ts", "tests/e2e/http_test.ts"];
