/** A real browser: Chromium plays a file from the server, and seeks in it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { executablePath, skip } from "./chromium.ts";
import { root, withFolder, withServer } from "./server.ts";

const LIBRARY = join(root, "runtimes/static_files.ts");
const APP = `
import { staticFiles } from ${JSON.stringify(LIBRARY)};
export default staticFiles({ "/": "public" }, { index: "index.html" })((_environ, start) => (start("404 Not Found", []), []));`;

/** Seeks near the end as soon as it may, and tells the server what came of it. */
const PAGE = `<!DOCTYPE html>
<html>
<body>
<video id="video" preload="auto" src="tone.wav"></video>
<script>
const tell = (what) => fetch("/told/" + what);
const video = document.getElementById("video");
video.onerror = () => tell("failed/" + video.error.code);
video.onloadedmetadata = () => video.currentTime = 1100;
video.onseeked = () => tell("seeked/" + video.currentTime + "/" + Math.round(video.duration) + "/" + Math.round(video.seekable.end(0)));
</script>
</body>
</html>`;

const RATE = 8000;
const SECONDS = 1200;

/** A tone of 20 minutes: too long to be loaded whole before the seek. */
function wav(): Uint8Array {
  const length = RATE * SECONDS;
  const bytes = new Uint8Array(44 + length);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => new TextEncoder().encodeInto(value, bytes.subarray(at));
  text(0, "RIFF");
  view.setUint32(4, 36 + length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // one channel
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  text(36, "data");
  view.setUint32(40, length, true);
  for (let at = 44; at < bytes.length; at++) bytes[at] = 128 + 60 * Math.sin(at / 5);
  return bytes;
}

test("staticFiles serves a video element that seeks", { skip }, async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    mkdirSync(join(folder, "public"));
    writeFileSync(join(folder, "public/index.html"), PAGE);
    writeFileSync(join(folder, "public/tone.wav"), wav());
    const format = '"%(r)s" %(s)s %(b)s range=%({range}i)s';
    await withServer({ args: ["-b", "127.0.0.1:0", "--access-logfile", "-", "--access-logformat", format, "app.ts"], cwd: folder }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}/`;
      const args = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${join(folder, "profile")}`, "--remote-debugging-port=0", url];
      const browser = spawn(executablePath!, args, { stdio: "ignore", env: { ...process.env, HOME: folder } });
      const ended = new Promise((resolve) => browser.on("close", resolve));
      try {
        const [, told] = await server.until(() => /"GET \/told\/(\S+) /.exec(server.out), "what the page tells", 40_000);
        assert.equal(told, "seeked/1100/1200/1200");
      } finally {
        browser.kill("SIGTERM");
        await ended;
      }
      const [, from] = await server.until(() => /"GET \/tone\.wav HTTP\/1\.1" 206 \d+ range=bytes=([1-9]\d*)-/.exec(server.out), "a part that begins later");
      assert.ok(Number(from) > 44, `from ${from}`);
    });
  });
});
