/** A real browser, if there is one. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { type Browser, chromium } from "playwright-core";

/** Undefined if none is installed. */
export const executablePath = (process.env.PATH ?? "").split(delimiter)
  .flatMap((folder) => ["chromium", "chromium-browser", "google-chrome"].map((name) => join(folder, name)))
  .find((path) => existsSync(path));

/** What a test that needs one says when it does not run. */
export const skip = executablePath === undefined && "No chromium is installed";

const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Runs a browser that keeps its files in `home` while `use` does. */
export async function withChromium<T>({ home, args = [] }: { readonly home: string; readonly args?: readonly string[] }, use: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = await chromium.launch({ executablePath: executablePath!, args: [...ARGS, ...args], timeout: 60_000, env: { ...process.env as Record<string, string>, HOME: home } });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}
