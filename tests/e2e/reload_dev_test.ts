/** --reload, as somebody who develops sees it: files are saved in every way that editors know, and the answers follow. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { curl, type Server, withFolder, withServer } from "./server.ts";

const APP = `import { text } from "./text.ts";
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [text];
};
`;
const text = (value: string) => `export const text = ${JSON.stringify(value)};\n`;

/** A server with --reload in a folder of its own. */
async function developing(args: readonly string[], files: Readonly<Record<string, string>>, use: (place: Place) => Promise<void>): Promise<void> {
  await withFolder(files, async (folder) => {
    await withServer({ args: ["--reload", "-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder }, async (server) => {
      const url = `http://127.0.0.1:${(await server.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+)/))[1]}/`;
      await use({
        server,
        ask: (...more) => curl(...more, url),
        write: (name, content) => writeFileSync(join(folder, name), content),
        path: (name) => join(folder, name),
        after: async (pattern, run) => {
          const from = server.log.length;
          run();
          await server.logged(pattern, { from });
        },
      });
    });
  });
}

interface Place {
  readonly server: Server;
  readonly ask: (...more: readonly string[]) => string;
  readonly write: (name: string, content: string) => void;
  readonly path: (name: string) => string;
  /** Does `run`, and waits for what it makes the server log. */
  readonly after: (pattern: RegExp, run: () => void) => Promise<void>;
}

const RELOADED = /Reloaded: generation \d+ serves/;
const FAILED = /Reload failed, generation \d+ keeps serving/;

for (const engine of ["native", "poll"]) {
  test(`tsgi --reload --reload-engine ${engine} serves what was saved: in place, renamed over, and imported only now`, async () => {
    await developing(["--reload-engine", engine], { "app.ts": APP, "text.ts": text("one") }, async ({ server, ask, write, path, after }) => {
      await server.serving(1);
      assert.equal(ask(), "one");
      assert.match(server.log, /\[WARNING\] Reloader is on\. Use in development only!\n/);
      await after(new RegExp(`\\[INFO\\] Worker reloading: \\S*/text\\.ts modified\\n[^]*${RELOADED.source}`), () => write("text.ts", text("two")));
      assert.equal(ask(), "two");
      await after(RELOADED, () => {
        write("text.ts~", text("three"));
        renameSync(path("text.ts~"), path("text.ts"));
      });
      assert.equal(ask(), "three");
      await after(RELOADED, () => {
        mkdirSync(path("lib"));
        write("lib/other.ts", text("four"));
        write("text.ts", `export { text } from "./lib/other.ts";`);
      });
      assert.equal(ask(), "four");
      await after(RELOADED, () => write("lib/other.ts", text("five")));
      assert.equal(ask(), "five");
    });
  });
}

test("tsgi --reload survives a syntax error, shows it, and goes on when it is mended", async () => {
  await developing(["-w", "2"], { "app.ts": APP, "text.ts": text("one") }, async ({ server, ask, write, after }) => {
    await server.serving(2);
    assert.equal(ask(), "one");
    const before = server.workers();
    await after(FAILED, () => write("text.ts", "export const text = <b>;"));
    await server.until(() => ask() !== "one" && ask() !== "one", "the error page");
    const page = ask("-i");
    assert.match(page, /^HTTP\/1\.1 500 /);
    assert.match(page, /content-type: text\/plain/i);
    assert.match(page, /Cannot load app\.ts: syntax error/);
    const html = ask("-i", "-H", "Accept: text/html");
    assert.match(html, /content-type: text\/html/i);
    assert.ok(html.includes("<h1>Cannot load app.ts: ") && !html.includes("<b>"), html);
    assert.ok(before.every((pid) => server.workers().includes(pid)), "the old generation keeps serving");
    await after(RELOADED, () => write("text.ts", text("two")));
    assert.equal(ask(), "two");
  });
});

test("tsgi --reload starts with a broken application, and serves it when it is mended", async () => {
  await developing(["-w", "2"], { "app.ts": APP }, async ({ server, ask, write, after }) => {
    await server.until(() => /Cannot load app\.ts: no such module/.test(server.log), "the error");
    await server.serving(2);
    assert.match(ask("-i"), /^HTTP\/1\.1 500 [^]*Cannot load app\.ts: no such module/);
    await after(RELOADED, () => write("text.ts", text("there")));
    assert.equal(ask(), "there");
  });
});

test("tsgi --reload reads a changed configuration, and says what is wrong with it", async () => {
  const files = { "app.ts": APP, "text.ts": text("one"), "tsgi.config.ts": "export default {};" };
  await developing([], files, async ({ server, ask, write, after }) => {
    await server.serving(1);
    await after(/Worker reloading: \S*\/tsgi\.config\.ts modified\n[^]*Reload failed/, () => write("tsgi.config.ts", "export default { workers: 0 };"));
    await server.until(() => /^Cannot use tsgi\.config\.ts: workers/.test(ask()), "the error page");
    await after(/Reloaded: generation \d+ serves with 2 workers/, () => write("tsgi.config.ts", "export default { workers: 2 };"));
    assert.equal(ask(), "one");
  });
});

test("tsgi --reload-extra-file takes paths and patterns, for files that come and go too", async () => {
  const files = { "app.ts": APP, "text.ts": text("one"), "words.txt": "a" };
  const args = ["--reload-extra-file", "words.txt", "--reload-extra-file", "templates/**/*.html"];
  await developing(args, files, async ({ server, ask, write, path, after }) => {
    await server.serving(1);
    assert.equal(ask(), "one");
    assert.match(server.log, /\[WARNING\] No file matches --reload-extra-file \S*templates\/\*\*\/\*\.html yet\n/);
    await after(/words\.txt modified\n[^]*Reloaded/, () => write("words.txt", "b"));
    assert.equal([...server.log.matchAll(/No file matches/g)].length, 1, "it is said once");
    await after(/a\.html modified\n[^]*Reloaded/, () => {
      mkdirSync(path("templates/deep"), { recursive: true });
      write("templates/deep/a.html", "");
    });
    const from = server.log.length;
    write("templates/deep/.b.html", ""); // Seen by nobody: the next reload is for the other file.
    await after(/a\.html modified\n[^]*Reloaded/, () => unlinkSync(path("templates/deep/a.html")));
    assert.equal([...server.log.slice(from).matchAll(/modified/g)].length, 1);
  });
});

test("tsgi --reload makes one reload of many changes", async () => {
  await developing([], { "app.ts": APP, "text.ts": text("one") }, async ({ server, ask, write, after }) => {
    await server.serving(1);
    assert.equal(ask(), "one");
    await after(RELOADED, () => {
      for (let i = 0; i < 20; i++) write(i % 2 === 0 ? "text.ts" : "app.ts", i % 2 === 0 ? text(`text ${i}`) : APP + "\n".repeat(i));
    });
    assert.equal(ask(), "text 18");
    assert.equal([...server.log.matchAll(/ modified\n/g)].length, 1);
  });
});

test("tsgi --reload turns lint on", async () => {
  const files = { "app.ts": `export default (environ, startResponse) => { startResponse("200 ", []); return [1]; };` };
  await developing([], files, async ({ server, ask }) => {
    await server.serving(1);
    ask();
    await server.logged(/\bLint|LintError/);
  });
});

test("tsgi --reload-extra-file refuses a path where there is no file", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    await withServer({ args: ["--reload", "--reload-extra-file", "missing.txt", "app.ts"], cwd: folder }, async (server) => {
      assert.equal((await server.ended).code, 1);
      assert.match(server.log, /Cannot use --reload-extra-file: there is no file \S*\/missing\.txt/);
    });
  });
});
