/** The status page in a real browser, against a real server. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { skip, withChromium } from "./chromium.ts";
import { load } from "./load.ts";
import { root, type Server, withFolder, withServer } from "./server.ts";

const TOKEN = "correct-horse-battery";
const APP = `export default (environ, start) => {
  if (environ.PATH_INFO === "/throw") throw new Error("on purpose");
  start("200 OK", []);
  return ["hello"];
};`;

/** Where pictures of the page are put, if somebody wants to look at them. */
const pictures = process.env.TSGI_TEST_PICTURES ?? null;

interface Scene {
  readonly server: Server;
  readonly port: number;
  readonly admin: string;
  readonly browser: Browser;
  readonly folder: string;
}

async function withBrowser(env: Record<string, string>, use: (scene: Scene) => Promise<void>): Promise<void> {
  await withFolder({ "app.mjs": APP }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "-w", "2", "--admin-bind", "127.0.0.1:0", "app.mjs"], cwd: folder, env }, async (server) => {
      const port = await server.port(2);
      const admin = (await server.logged(/Admin listening at: (http:\S+)/))[1]!;
      await withChromium({ home: folder }, (browser) => use({ server, port, admin, browser, folder }));
    });
  });
}

interface Shown {
  readonly page: Page;
  /** What the browser complains of: a policy that is broken, an exception, a request that failed. */
  readonly complaints: string[];
}

async function show({ browser, admin }: Scene, { width = 1280, height = 900, colorScheme = "light" }: { readonly width?: number; readonly height?: number; readonly colorScheme?: "light" | "dark" } = {}): Promise<Shown> {
  // A script that is put in from outside, as axe is, is nobody's who obeys the page's policy.
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(admin);
  return { page, complaints };
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel("Token", { exact: true }).fill(TOKEN);
  await page.keyboard.press("Enter");
  await page.locator("#board").waitFor();
}

const tile = (page: Page, title: string) => page.locator("#tiles > div", { has: page.locator("dt", { hasText: title }) });

/** Resolves when the text of `selector` is like `pattern`. */
async function reads(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.waitForFunction(([where, what]) => new RegExp(what!, "s").test(document.querySelector(where!)?.textContent ?? ""), [selector, pattern.source]);
}

test("the status page shows figures that change under load, errors with their requests, and a reload as it happens, without a complaint", { skip }, async () => {
  await withBrowser({ TSGI_ADMIN_TOKEN: TOKEN }, async (scene) => {
    const { port, server, folder } = scene;
    const { page, complaints } = await show(scene);
    await page.locator("#login").waitFor();
    assert.equal(await page.locator("#board").isVisible(), false);
    await signIn(page);
    await reads(page, "#state", /^Ready$/);
    await reads(page, "#tiles", /Workers2 \/ 2/);
    await reads(page, "#tiles", /Throughput0 req\/s0 in all/);

    assert.equal((await load({ to: { port }, requests: 200, clients: 2 })).answered, 200);
    await reads(page, "#tiles", /Throughput.*200 in all/);
    await reads(page, "#charts figure:nth-child(2) .plot", /^$/); // A canvas has no text; its label has.
    assert.match((await page.locator("#charts figure:nth-child(1) .plot").getAttribute("aria-label"))!, /^Throughput, last five minutes\. Now: requests [\d.]+\/s, answered 5xx 0\/s$/);
    assert.equal(await page.locator("#charts canvas").count(), 4);
    const inked = await page.evaluate(() => [...document.querySelectorAll("canvas")].map((canvas) => new Set(canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data).size > 4));
    assert.deepEqual(inked, [true, true, true, true]);

    await fetch(`http://127.0.0.1:${port}/throw?order=7`).then((response) => response.text());
    await reads(page, "#entries", /error.*slot [01].*Error handling request GET \/throw\?order=7: Error: on purpose/);
    await reads(page, "#tiles", /Errors \(5xx\).*1 in all/);

    const seen = page.evaluate(() => new Promise<string>((resolve) => {
      const place = document.querySelector("#generations")!;
      new MutationObserver(() => {
        const text = place.textContent!;
        if (/Generation 2.*Generation 1/s.test(text)) resolve(text);
      }).observe(place, { childList: true, subtree: true, characterData: true });
    }));
    await page.getByRole("button", { name: "Reload" }).click();
    await reads(page, "#said", /Reloaded: generation 2 serves/);
    assert.match(await seen, /Generation 2(?:coming|serving).*Generation 1(?:serving|leaving)/);
    await reads(page, "#generations", /^Generation 2serving#0 serving#1 serving$/);
    await reads(page, "#entries", /Reloaded: generation 2 serves with 2 workers/);

    await page.getByRole("button", { name: "One worker more" }).click();
    await reads(page, "#said", /^3 workers from now on, 2 before$/);
    await reads(page, "#workers tbody", /serving.*serving.*serving/);
    await page.getByRole("button", { name: "One worker less" }).focus();
    await page.keyboard.press("Enter");
    await reads(page, "#said", /^2 workers from now on, 3 before$/);
    assert.equal(await page.evaluate(() => document.activeElement!.id), "remove", "the focus stays");

    writeFileSync(join(folder, "app.mjs"), "export default (");
    await page.getByRole("button", { name: "Reload" }).click();
    await reads(page, "#said", /The reload was given up, and nothing has changed: .*app\.mjs/);
    assert.ok(complaints.every((text) => /409 \(Conflict\)/.test(text)) && complaints.length === 1, complaints.join("\n"));

    await page.reload();
    await page.locator("#board").waitFor(); // The tab has kept the token.
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.locator("#login").waitFor();
    await page.getByLabel("Token", { exact: true }).fill("wrong");
    await page.keyboard.press("Enter");
    await reads(page, "#login-error", /That is not the token of this server/);
    assert.ok(!server.log.includes(TOKEN));
  });
});

test("the status page shows no buttons where there is no token, and says when the server is not ready or gone", { skip }, async () => {
  await withBrowser({}, async (scene) => {
    const { page, complaints } = await show(scene);
    await page.locator("#board").waitFor();
    await reads(page, "#state", /^Ready$/);
    assert.equal(await page.getByRole("button").count(), 0);
    assert.deepEqual(complaints, []);
    scene.server.signal("TERM");
    await reads(page, "#state", /^(?:Not ready: the server is shutting down|No connection)/);
    await scene.server.ended;
    await reads(page, "#state", /^No connection/);
  });
});

test("axe finds no serious or critical violation in the status page, wide or narrow, light or dark, and nothing is wider than a phone", { skip }, async () => {
  await withBrowser({ TSGI_ADMIN_TOKEN: TOKEN }, async (scene) => {
    const axe = readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8");
    await fetch(`http://127.0.0.1:${scene.port}/throw`).then((response) => response.text());
    for (const width of [1280, 390]) {
      for (const colorScheme of ["light", "dark"] as const) {
        const { page } = await show(scene, { width, height: width === 390 ? 844 : 900, colorScheme });
        await page.locator("#login").waitFor();
        assert.deepEqual(await violations(page, axe), [], `signing in, ${width} ${colorScheme}`);
        await signIn(page);
        await reads(page, "#entries", /on purpose/);
        await tile(page, "Memory").waitFor();
        assert.deepEqual(await violations(page, axe), [], `${width} ${colorScheme}`);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it scrolls sideways");
        if (pictures !== null) {
          mkdirSync(pictures, { recursive: true });
          await page.screenshot({ path: join(pictures, `status_${width}_${colorScheme}.png`), fullPage: true });
        }
        await page.context().close();
      }
    }
  });
});

/** What is serious or critical, as `rule: where`. The browser's own tools evaluate it: the page's policy lets no script in. */
async function violations(page: Page, axe: string): Promise<string[]> {
  return await page.evaluate(`${axe};
    axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html, any }) => html.slice(0, 120) + " " + (any[0]?.message ?? "")).join(" | ")))`);
}
