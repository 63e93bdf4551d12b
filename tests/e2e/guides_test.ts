/**
 * The pages of docs/ do what they say. A code block whose first line is a comment with a file's name is that file; a block of sh is run by
 * the shell, in a folder with those files. What would serve in the foreground is checked instead, application and all.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { freePort } from "./front.ts";
import { FLASK } from "./python_apps.ts";
import { isAlive, program, root, withFolder } from "./server.ts";

interface Page {
  readonly name: string;
  readonly text: string;
  readonly sessions: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

/** For who makes tsgi, not for who runs it: their commands publish, and take an hour. */
const INTERNAL = ["faults.md", "releasing.md"];
/** Nothing else is run: a page is read by more than those who wrote it, and a shell obeys. */
const PROGRAMS = ["tsgi", "curl", "kill", "mv", "openssl"];

const pages: readonly Page[] = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md") && !INTERNAL.includes(name)).sort().map((name) => {
  const text = readFileSync(join(root, "docs", name), "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n([^]*?)^```/gm)].map(([, language, code]) => ({ language, code: code! }));
  const named = blocks.flatMap(({ code }) => {
    const file = /^(?:\/\/|#) (\S+\.\w+)\n/.exec(code)?.[1];
    return file === undefined ? [] : [[file, code] as const];
  });
  return { name, text, sessions: blocks.filter(({ language }) => language === "sh").map(({ code }) => code), files: Object.fromEntries(named) };
});

/** What a page takes for granted. */
const GIVEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "deployment.md": { "app.ts": "export default () => [];", "package.json": '{"dependencies":{"tsgi":"*"}}', "public/a.txt": "a" },
  "tls.md": { "app.ts": 'export default (environ, startResponse) => { startResponse("200 OK", []); return [environ["tsgi.url_scheme"]]; };' },
  "from_wsgi.md": { "shop.py": `${FLASK}\ndef create_app(kind):\n    return app\n`, "src/other.py": "" },
};

/** Commands that end by themselves are tsgi's own; the others would not. */
const wrapper = `#!/bin/sh
run() { exec ${program().map((word) => `'${word}'`).join(" ")} "$@"; }
case "$1" in init|doctor|ctl|check|build) run "$@" ;; esac
for word; do case "$word" in -D|--daemon|--check-config|--print-config) run "$@" ;; esac; done
run "$@" --check-config
`;

for (const { name, sessions, files } of pages) {
  test(`docs/${name}: its commands run`, async () => {
    assert.ok(sessions.length > 0);
    const lines = sessions.flatMap((session) => session.replace(/\\\n/g, " ").trim().split("\n"));
    for (const line of lines) {
      for (const command of line.split(/&&|\|\||[;|]/)) assert.ok(PROGRAMS.includes(command.trim().split(" ")[0]!), `${line}: expected one of ${PROGRAMS.join(", ")}`);
    }
    await withFolder({}, async (folder) => {
      const port = await freePort();
      const write = (file: string, content: string) => {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), content.replaceAll("127.0.0.1:8000", `127.0.0.1:${port}`).replaceAll('from "tsgi"', `from ${JSON.stringify(join(root, "mod.ts"))}`));
      };
      for (const [file, content] of Object.entries({ ...GIVEN[name], ...files })) write(file, content);
      write("bin/tsgi", wrapper);
      chmodSync(join(folder, "bin/tsgi"), 0o755);
      mkdirSync(join(folder, ".venv/bin"), { recursive: true });
      symlinkSync("/usr/bin/python3", join(folder, ".venv/bin/python"));
      const PATH = [join(folder, "bin"), join(root, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);
      const env = { ...withoutSettings(process.env), PATH, XDG_RUNTIME_DIR: folder, TMPDIR: folder, TSGI_PYTHON: "/usr/bin/python3" };
      try {
        // Each line by itself: one that fails is told, and not only that one has.
        for (const line of lines) {
          const { status, stdout, stderr } = spawnSync("sh", ["-c", line.replaceAll("127.0.0.1:8000", `127.0.0.1:${port}`)], { cwd: folder, encoding: "utf8", env, timeout: 60_000 });
          assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
        }
        await left(folder);
      } finally {
        for (const pid of daemons(folder)) process.kill(pid, "SIGKILL");
      }
      if (name === "deployment.md") {
        const written = (directory: string) => readdirSync(join(folder, directory)).sort();
        assert.deepEqual([written("units"), written("site"), written("cluster")], [["app.service", "app.socket"], ["app.conf"], ["app.yaml"]]);
        assert.match(readFileSync(join(folder, "units/app.service"), "utf8"), /--timeout 60 --forwarded-allow-ips unix: /);
      }
    });
  });
}

test("the links of docs/ lead somewhere, and its packages are there", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const { name, text } of pages) {
    for (const [, target, anchor] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)/g)) {
      const path = join(root, "docs", target!);
      assert.ok(existsSync(path), `${name}: ${target}`);
      if (anchor !== undefined) assert.ok(headings(path).includes(anchor), `${name}: ${target}#${anchor}`);
    }
    for (const [, subpath] of text.matchAll(/`tsgi\/(\w+)`/g)) assert.ok(Object.hasOwn(exports, `./${subpath}`), subpath!);
  }
});

test("README leads to every page of docs/", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  assert.deepEqual(pages.filter(({ name }) => !readme.includes(`](docs/${name})`)).map(({ name }) => name), []);
});

/** As the page is shown, a heading has this name. */
function headings(path: string): readonly string[] {
  return [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title]) => title!.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-"));
}

/** Servers in the background end when the page's last command has told them to. */
async function left(folder: string): Promise<void> {
  const end = performance.now() + 20_000;
  for (const pid of daemons(folder)) {
    while (isAlive(pid)) {
      assert.ok(performance.now() < end, `server ${pid} still runs after the page's last command`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function daemons(folder: string): readonly number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`XDG_RUNTIME_DIR=${folder}\0`) && isAlive(pid);
    } catch {
      return false; // It has ended, or is another user's.
    }
  });
}

function withoutSettings(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:TSGI_|PORT$|WEB_CONCURRENCY$)/.test(name)));
}
