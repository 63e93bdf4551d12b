/** `tsgi init docker` and `kubernetes`: what they write, and the image's command where only one folder can be written to. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { cpuCount } from "../../runtimes/cpus.ts";
import { enter, makeGroup, NO_GROUP } from "./control_group.ts";
import { childrenOf, curl, program, withFolder, withServer } from "./server.ts";

const APP = 'export default (e, s) => { s("200 OK", []); return ["contained"]; };';

function init(cwd: string, ...args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const [command = "", ...before] = program();
  return spawnSync(command, [...before, "init", ...args], { cwd, encoding: "utf8" });
}

test("tsgi init docker: the image's command serves as PID 1 under a read-only root, and leaves nothing in its log that complains", async () => {
  await withFolder({ "app.ts": APP, "package.json": '{"dependencies":{"tsgi":"*"}}', "package-lock.json": "{}" }, async (folder) => {
    const { status, stderr } = init(folder, "docker", "-n", "shop", "-o", "image", "app.ts", "--", "-w", "2");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(readdirSync(join(folder, "image")).sort(), [".dockerignore", "Dockerfile", "compose.yaml", "nginx.conf"]);
    const text = readFileSync(join(folder, "image/Dockerfile"), "utf8");
    assert.match(text, /^COPY package\.json package-lock\.json \.\/$/m);
    const list = (name: string) => JSON.parse(new RegExp(`^${name} (.*)$`, "m").exec(text)![1]!) as string[];
    assert.deepEqual(list("ENTRYPOINT").slice(1, -1), program().slice(1, -1));
    const command = [...program(), ...list("CMD").map((word) => word.replace("0.0.0.0:8000", "127.0.0.1:0"))];

    mkdirSync(join(folder, "tmp"));
    const readOnly = `mount -t tmpfs tmpfs tmp && for at in $(awk '$2 != "/proc" && $2 !~ "^/(proc|sys|dev)/" && $2 != "${folder}/tmp" { print $2 }' /proc/mounts); do mount -o remount,bind,ro "$at" 2> /dev/null; done; cd "$PWD"; ! touch written 2> /dev/null && exec "$@"`;
    const contained = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", readOnly, "sh"];
    const env = { TMPDIR: join(folder, "tmp"), TSGI_CONTROL_SOCKET: join(folder, "tmp/tsgi.ctl"), HOME: "/nonexistent", XDG_CACHE_HOME: "/nonexistent", DENO_DIR: "/nonexistent" };
    await withServer({ command: [...contained, ...command], args: [], env, cwd: folder }, async (server) => {
      const port = Number((await server.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+) \(1\)/))[1]);
      await server.logged(/Control socket listening/);
      await server.serving(2);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "contained");
      process.kill(childrenOf(server.pid)[0]!, "SIGTERM");
      assert.equal((await server.ended).code, 0);
      assert.doesNotMatch(server.log, /WARNING|ERROR/);
    });
  });
});

const group = availableParallelism() > 1 ? makeGroup({ cpus: 1 }) : null;

test("--workers auto starts as many as the container may use CPUs, not as many as the machine has", { skip: group === null && NO_GROUP }, async () => {
  try {
    await withFolder({ "app.ts": APP }, async (folder) => {
      for (const [before, workers] of [[enter(group!), 1], [[], cpuCount()]] as const) {
        await withServer({ command: [...before, ...program()], args: ["-w", "auto", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
          await server.port(workers);
          assert.equal(server.workers().length, workers);
        });
      }
      assert.notEqual(cpuCount(), 1);
    });
  } finally {
    rmdirSync(group!);
  }
});

test("tsgi init docker and kubernetes say what is missing or wrong", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    const wrong = [
      [["docker", "app.ts"], /no package\.json here that depends on tsgi, .*npm install tsgi/],
      [["docker", "--runtime", "node", "app.ts"], /depends on tsgi|expected deno or bun/],
      [["kubernetes", "--tls"], /the Ingress needs a host, add --host HOST/],
      [["kubernetes", "--replicas", "many"], /expected MIN-MAX such as 2-10, got "many"/],
      [["kubernetes", "--scale-on", "cpu"], /expected METRIC=NUMBER/],
      [["kubernetes", "--shutdown-delay", "-1s"], /shutdown-delay/],
    ] as const;
    for (const [args, pattern] of wrong) {
      const { status, stdout, stderr } = init(folder, ...args);
      assert.deepEqual([status === 0, stdout], [false, ""], args.join(" "));
      assert.match(stderr, pattern);
    }
    writeFileSync(join(folder, "package.json"), '{"dependencies":{"tsgi":"*"}}');
    assert.match(init(folder, "docker", "--runtime", "deno", "app.ts").stdout, /^FROM denoland\/deno:/m);
    assert.match(init(folder, "kubernetes", "-n", "shop", "--host", "a.example").stdout, /^kind: Ingress$/m);
  });
});
