/** Variables of the environment that would steer a worker's native server or runtime behind the settings' back. */
const STEERING = [
  "DENO_SERVE_ADDRESS", // Moves every Deno.serve to another address.
  "DENO_SERVE_AUTOMATIC_COMPRESSION",
  "BUN_OPTIONS", // Flags for every bun, a preload among them.
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_NOTIFY",
  "BUN_INSPECT_PRELOAD",
  "NODE_OPTIONS",
  // The service manager speaks with the arbiter.
  "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
  "NODE_CHANNEL_FD", // The arbiter's own, if it was itself started with a channel.
];

export function scrub(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !STEERING.includes(name)));
}
