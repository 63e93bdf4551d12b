/** The tutorial that everybody has followed once, with tsgi in gunicorn's place: Flask, a unix socket, nginx with TLS, systemd. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { executablePath, withChromium } from "./chromium.ts";
import { checkNginx, freePort, makeCertificates, nginxMain } from "./front.ts";
import { childrenOf, curl, isAlive, program, root, type Server, withFolder, withServer } from "./server.ts";

const PYTHON = "/usr/bin/python3";
const MANAGER = join(root, "tests/e2e/programs/service_manager.py");

const APP = `
from flask import Flask, redirect, render_template_string, request, session, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
app.secret_key = "for this test"
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)

PAGE = """<!DOCTYPE html>
<title>Guests</title>
<link rel="stylesheet" href="/static/site.css">
<p id="greeting">Hello, {{ name }}!</p>
<p id="from">{{ request.remote_addr }} {{ here }}</p>
<form method="post"><input name="name"><button>Sign</button></form>"""

@app.get("/")
def page():
    return render_template_string(PAGE, name=session.get("name", "stranger"), here=url_for("page", _external=True))

@app.post("/")
def sign():
    session["name"] = request.form["name"]
    return redirect(url_for("page"), 303)
`;

/** A process of the test that systemd would have started: its main process, and what that has started. */
const mainOf = (manager: Server) => childrenOf(manager.pid)[0];

/** Kills what `find` finds, and resolves when something else is there and the page is, without anybody's help. */
async function replaced(manager: Server, what: string, find: () => number | undefined, page: () => string | null): Promise<void> {
  const before = await manager.until(find, what);
  process.kill(before, "SIGKILL");
  await manager.until(() => !isAlive(before), `the end of ${what}`);
  await manager.until(() => page()?.includes("Hello, stranger!"), `an answer after the end of ${what}`);
  await manager.until(() => {
    const now = find();
    return now !== undefined && now !== before && isAlive(now);
  }, `another ${what}`);
}

test("the tutorial: Flask behind nginx with TLS over a unix socket, for curl and a browser, and whatever is killed comes back", async () => {
  await withFolder({ "app.py": APP }, async (folder) => {
    chmodSync(folder, 0o755);
    for (const name of ["static", "run"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "static/site.css"), "p { color: teal }");
    const { ca, certificate, key } = makeCertificates(folder);
    const [socket, log] = [join(folder, "run/app.sock"), join(folder, "app.log")];
    const [port, tlsPort] = [await freePort(), await freePort()];

    const [command = "", ...before] = program();
    const init = (...args: readonly string[]) => {
      const { status, stderr } = spawnSync(command, [...before, "init", ...args], { cwd: folder, encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""], args.join(" "));
    };
    const flags = ["-w", "2", "--timeout", "500", "--log-file", log, "--forwarded-allow-ips", "unix:", "--python", PYTHON];
    init("systemd", "-u", process.getuid?.() === 0 ? "root" : String(process.getuid?.()), "-b", `unix:${socket}`, "-o", "units", "app:app", "--", "--interface", "wsgi", ...flags);
    init("nginx", "-s", "localhost", "--tls", "-b", `unix:${socket}`, "--static", "/static=static", "-o", ".", "app:app");

    // What its owner changes: where his certificate is. The ports are the test's.
    const site = readFileSync(join(folder, "app.conf"), "utf8")
      .replace("/etc/letsencrypt/live/localhost/fullchain.pem", certificate).replace("/etc/letsencrypt/live/localhost/privkey.pem", key)
      .replace(/(listen (?:\[::\]:)?)443/g, `$1${tlsPort}`).replace(/(listen (?:\[::\]:)?)80;/g, `$1${port};`).replace("https://$host$", `https://$host:${tlsPort}$`);
    writeFileSync(join(folder, "app.conf"), site);
    const main = nginxMain(folder, "app.conf");
    checkNginx(folder, main);

    const unit = readFileSync(join(folder, "units/app.service"), "utf8").replaceAll("/run/app/", `${folder}/run/`);
    writeFileSync(join(folder, "units/app.service"), unit);
    const verified = spawnSync("systemd-analyze", ["verify", "--man=no", "./app.service", "./app.socket"], { cwd: join(folder, "units"), encoding: "utf8" });
    assert.deepEqual([verified.error, verified.stderr.split("\n").filter((line) => line.includes("app."))], [undefined, []]);
    assert.match(unit, /^Restart=always\nRestartSec=1$/m);
    const start = /^ExecStart=(.*)$/m.exec(unit)![1]!.split(" ");

    const url = `https://localhost:${tlsPort}/`;
    const https = (...args: readonly string[]) => curl("--cacert", ca, ...args);
    /** Null for what is no answer. */
    const page = (): string | null => {
      const { status, stdout } = spawnSync("curl", ["-sf", "--max-time", "20", "--cacert", ca, url], { encoding: "utf8" });
      return status === 0 ? stdout : null;
    };
    const nginx = ["nginx", "-p", folder, "-c", main, "-e", join(folder, "nginx/error.log"), "-g", "daemon off;"];
    await withServer({ command: ["python3", MANAGER, "restart", socket, "--", ...start], args: [], cwd: folder, env: { TMPDIR: folder } }, async (tsgi) => {
      await withServer({ command: ["python3", MANAGER, "restart", "--", ...nginx], args: [], cwd: folder }, async (front) => {
        await front.until(page, "the first page");
        assert.match(readFileSync(log, "utf8"), /Starting tsgi [^]*Listening at: unix:/);

        await seen({ https, url, ca, port, tlsPort, jar: join(folder, "jar") });
        if (executablePath === undefined) console.log("Not seen in a browser: no chromium is installed");
        else await seenByBrowser(folder, certificate, url);

        const worker = () => mainOf(tsgi) && childrenOf(mainOf(tsgi)!)[0];
        const python = () => worker() && childrenOf(worker()!)[0];
        await replaced(tsgi, "a Python process", python, page);
        await replaced(tsgi, "a worker", worker, page);
        // The socket is systemd's: who asks meanwhile waits, and is answered.
        const arbiter = mainOf(tsgi)!;
        const all = [arbiter, ...childrenOf(arbiter)];
        process.kill(arbiter, "SIGKILL");
        await tsgi.until(() => !all.some(isAlive), "the end of the arbiter and its workers");
        assert.match(https("-i", url), /^HTTP\/2 200 [^]*Hello, stranger!/);
        assert.notEqual(mainOf(tsgi), arbiter);
        await replaced(front, "nginx", () => mainOf(front), page);
        await replaced(front, "a worker of nginx", () => mainOf(front) && childrenOf(mainOf(front)!)[0], page);
      });
    });
  });
});

async function seen({ https, url, ca, port, tlsPort, jar }: { readonly https: (...args: readonly string[]) => string; readonly url: string; readonly ca: string; readonly port: number; readonly tlsPort: number; readonly jar: string }): Promise<void> {
  const address = String.raw`(?:127\.0\.0\.1|::1)`;
  assert.match(https(url, "-H", "X-Forwarded-For: 6.6.6.6", "-H", "X-Forwarded-Proto: http"), new RegExp(`Hello, stranger![^]*${address} https://localhost:${tlsPort}/`));
  assert.notEqual(spawnSync("curl", ["-s", url]).status, 0, "nobody but our authority vouches for it");
  assert.match(curl("-i", `http://localhost:${port}/a`), new RegExp(`^HTTP/1\\.1 308 [^]*Location: https://localhost:${tlsPort}/a`));
  assert.equal(https(`${url}static/site.css`), "p { color: teal }");
  const signed = https("-i", "-L", "-c", jar, "-d", "name=Ada", url);
  assert.match(signed, /^HTTP\/2 303 [^]*set-cookie: session=[^]*HTTP\/2 200 [^]*Hello, Ada!/i);
  assert.match(https("-b", jar, url), /Hello, Ada!/);
  assert.match(https("--cacert", ca, url), /Hello, stranger!/);
}

/** The browser knows the certificate by its key's hash, and believes no other. */
async function seenByBrowser(home: string, certificate: string, url: string): Promise<void> {
  const der = new X509Certificate(readFileSync(certificate)).publicKey.export({ type: "spki", format: "der" });
  const hash = createHash("sha256").update(der).digest("base64");
  await withChromium({ home, args: [`--ignore-certificate-errors-spki-list=${hash}`] }, async (browser) => {
    const page = await browser.newPage();
    await page.goto(url);
    assert.equal(await page.textContent("#greeting"), "Hello, stranger!");
    assert.equal(await page.$eval("#greeting", (element) => getComputedStyle(element).color), "rgb(0, 128, 128)");
    await page.fill("input[name=name]", "Grace");
    await Promise.all([page.waitForURL(url), page.click("button")]);
    await page.waitForFunction(() => document.querySelector("#greeting")?.textContent === "Hello, Grace!");
    assert.deepEqual((await page.context().cookies()).map(({ name, httpOnly }) => [name, httpOnly]), [["session", true]]);
  });
}
