/** The status page, in the browser: figures over `/events`, charts, and three buttons. */
import type { Entry } from "../../core/admin/journal.ts";
import type { Start, View } from "../../core/admin/view.ts";
import { Charts } from "./charts.ts";
import { ago, element, show } from "./dom.ts";
import { Connection } from "./connection.ts";
import { showTables } from "./tables.ts";
import { showTiles } from "./tiles.ts";

const MOST_ENTRIES = 100;
/** Milliseconds without news after which the page says that what it shows is old. */
const STALE = 5000;
/** And how long it shows what went well. */
const SAID = 15_000;

const connection = new Connection({ start, view, entry, refused, lost });
const charts = new Charts(element("charts"));
let last: View | null = null;
let heard = 0;
let isBusy = false;
let forget = 0;

element("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = element<HTMLInputElement>("token");
  connection.use(input.value);
  input.value = "";
});
element("forget").addEventListener("click", () => {
  connection.forget();
  refused(false);
});
element("reload").addEventListener("click", () => void act("/reload", "Reloading", (answer) => `Reloaded: generation ${answer.generation} serves`));
element("add").addEventListener("click", () => void act("/workers/add", "Adding a worker", resized));
element("remove").addEventListener("click", () => void act("/workers/remove", "Removing a worker", resized));
setInterval(() => {
  if (last !== null && Date.now() - heard > STALE) state("idle", "No news: trying again");
}, 1000);
connection.open();

function start({ points, entries, view: now }: Start): void {
  element("login").hidden = true;
  element("board").hidden = false;
  charts.begin(points);
  element("entries").replaceChildren();
  for (const one of entries) entry(one);
  noteEntries();
  last = null;
  view(now);
}

function view(now: View): void {
  heard = Date.now();
  document.title = `${now.name} · tsgi status`;
  show("name", now.name);
  show("about", `${now.version} on ${now.runtime} · up ${ago(now.uptime)} · pid ${now.pid}`);
  if (now.unready === null) state("good", now.reloading ? "Ready, reloading" : "Ready");
  else state(now.phase === "serving" ? "warn" : "bad", `Not ready: ${now.unready}`);
  if (last !== null && last.unready !== now.unready) say(now.unready === null ? "The server is ready" : `The server is not ready: ${now.unready}`);
  else if (last !== null && last.generation !== now.generation) say(`Reloaded: generation ${now.generation} serves`, "good");
  element("actions").hidden = !now.mayAct;
  show("target", String(now.target));
  show("target-noun", now.target === 1 ? "worker" : "workers");
  showTiles(now);
  showTables(now);
  charts.add(now.point);
  last = now;
}

function entry(one: Entry): void {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const date = new Date(one.time * 1000);
  time.dateTime = date.toISOString();
  time.textContent = date.toLocaleTimeString([], { hour12: false });
  const badge = part("badge", one.level === "critical" ? "error" : one.level);
  if (one.level !== "info") badge.dataset.tone = one.level === "warning" ? "warn" : "bad";
  item.append(time, badge, part("who", one.pid === null ? "arbiter" : `slot ${one.slot}`), part("text", one.text));
  if (one.pid !== null) item.title = `Worker ${one.pid}`;
  const list = element("entries");
  list.prepend(item);
  while (list.children.length > MOST_ENTRIES) list.lastElementChild!.remove();
  if (one.event === "reloaded") charts.mark(one.time);
  noteEntries();
}

function noteEntries(): void {
  const count = element("entries").children.length;
  show("entries-note", count === 0 ? "Nothing since this server began to keep them" : count === MOST_ENTRIES ? `the last ${count}` : `${count}, the newest first`);
}

/** The token is wanted, or was wrong. */
function refused(wasWrong: boolean): void {
  element("board").hidden = true;
  element("actions").hidden = true;
  element("login").hidden = false;
  show("login-error", wasWrong ? "That is not the token of this server" : "");
  state("idle", "Token needed");
  element("token").focus();
  last = null;
}

function lost(reason: string): void {
  state("idle", `No connection: ${reason}`);
}

async function act(path: string, doing: string, done: (answer: Record<string, unknown>) => string): Promise<void> {
  if (isBusy) return;
  busy(true);
  say(`${doing} …`);
  try {
    const answer = await connection.post(path);
    say(done(answer), "good");
  } catch (error) {
    say((error as Error).message, "bad");
  }
  busy(false);
}

function resized({ previous, total }: Record<string, unknown>): string {
  if (previous === total) return `There are ${total} workers already: no more, and no less, is allowed`;
  return `${total} ${total === 1 ? "worker" : "workers"} from now on, ${previous} before`;
}

/** Not disabled, which would take the focus away. */
function busy(is: boolean): void {
  isBusy = is;
  for (const id of ["reload", "add", "remove"]) element(id).setAttribute("aria-disabled", String(is));
}

function say(text: string, tone = ""): void {
  const place = element("said");
  clearTimeout(forget);
  if (tone === "good") forget = window.setTimeout(() => say(""), SAID);
  place.textContent = text;
  if (tone === "") delete place.dataset.tone;
  else place.dataset.tone = tone;
}

function state(tone: string, text: string): void {
  element("state").dataset.tone = tone;
  show("state-text", text);
}

function part(className: string, text: string): HTMLElement {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}
