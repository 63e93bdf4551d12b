// Read by `tsgi` when it starts in this directory, and again on every reload.
import { defineConfig } from "tsgi";

const cpus = navigator.hardwareConcurrency;

export default defineConfig({
  app: "app.ts",
  bind: ["127.0.0.1:8000", "unix:/tmp/tsgi-example.sock"],
  // One CPU is left to the proxy and the database. In a container, "auto" knows its limits.
  workers: Math.max(1, cpus - 1),
  timeout: "1m",
  // Longer than the 60 s of a usual load balancer, so that it is never the server that closes first.
  keepAlive: 65,
  accessLogfile: "-",
});
