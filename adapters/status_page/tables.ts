/** Workers by generation and one by one, and the listeners. Rows are changed, not made anew: a selection or a reader's place stays. */
import type { View, WorkerView } from "../../core/admin/view.ts";
import { ago, bytes, count, duration, element, show } from "./dom.ts";

interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  readonly text: (worker: WorkerView) => string;
}

const COLUMNS: readonly Column[] = [
  { title: "Slot", text: (w) => String(w.slot) },
  { title: "Pid", text: (w) => String(w.pid ?? "–") },
  { title: "Phase", text: (w) => (w.full ? `${w.phase}, full` : w.phase) },
  { title: "Generation", isNumber: true, text: (w) => String(w.generation) },
  { title: "Up", isNumber: true, text: (w) => ago(w.uptime) },
  { title: "Requests", isNumber: true, text: (w) => count(w.requests) },
  { title: "p99", isNumber: true, text: (w) => duration(w.p99) },
  { title: "Loop lag", isNumber: true, text: (w) => duration(w.lag) },
  { title: "RSS", isNumber: true, text: (w) => bytes(w.rss) },
  { title: "In flight", text: (w) => count(w.inFlight) },
];

export function showTables(view: View): void {
  showGenerations(view);
  showWorkers(view.workers);
  const body = element("listeners").querySelector("tbody")!;
  fit(body, view.listeners.length, () => row(["", "number", "number", "number"]));
  view.listeners.forEach(({ address, queue }, i) => {
    const cells = [address, queue && count(queue.queued), queue && count(queue.longest), queue && count(queue.connections)];
    cells.forEach((text, at) => show(body.children[i]!.children[at] as HTMLElement, text ?? "–"));
  });
}

function showGenerations({ workers, generation, reloading }: View): void {
  const numbers = [...new Set([generation, ...workers.map((w) => w.generation)])].sort((a, b) => b - a);
  const place = element("generations");
  fit(place, numbers.length, generationItem);
  numbers.forEach((number, i) => {
    const item = place.children[i] as HTMLElement;
    const own = workers.filter((w) => w.generation === number);
    show(item.querySelector<HTMLElement>(".number-text")!, `Generation ${number}`);
    show(item.querySelector<HTMLElement>("small")!, number === generation ? "serving" : number > generation ? "coming" : "leaving");
    const chips = item.querySelector<HTMLElement>(".chips")!;
    fit(chips, own.length, () => document.createElement("li"));
    own.forEach((w, at) => {
      const chip = chips.children[at] as HTMLElement;
      show(chip, `#${w.slot} ${w.phase}`);
      tone(chip, toneOf(w));
    });
  });
  show("reload-state", reloading ? "A reload is under way" : "");
}

function showWorkers(workers: readonly WorkerView[]): void {
  const heads = element("worker-heads");
  if (heads.children.length === 0) heads.append(...COLUMNS.map(head));
  const body = element("workers").querySelector("tbody")!;
  const sorted = [...workers].sort((a, b) => a.slot - b.slot || b.id - a.id);
  const rows = new Map([...body.children].map((one) => [(one as HTMLElement).dataset.id, one as HTMLElement]));
  const wanted = sorted.map((w) => rows.get(String(w.id)) ?? workerRow(w));
  for (const [id, one] of rows) if (!sorted.some((w) => String(w.id) === id)) one.remove();
  wanted.forEach((one, i) => {
    if (body.children[i] !== one) body.insertBefore(one, body.children[i] ?? null);
    fill(one, sorted[i]!);
  });
}

function fill(row: HTMLElement, worker: WorkerView): void {
  COLUMNS.forEach(({ text, title }, i) => {
    const cell = row.children[i]!.firstElementChild as HTMLElement;
    show(cell, text(worker));
    if (title === "Phase") tone(cell, toneOf(worker));
  });
  const busy = row.querySelector<HTMLElement>(".busy")!;
  show(busy, worker.busyWith ?? "");
  busy.title = worker.busyWith ?? "";
}

function toneOf({ phase, outgoing, full }: WorkerView): string {
  if (phase === "serving") return outgoing || full ? "warn" : "good";
  return phase === "aborted" || phase === "murdered" ? "bad" : phase === "draining" ? "" : "warn";
}

function tone(target: HTMLElement, value: string): void {
  if (value === "") delete target.dataset.tone;
  else target.dataset.tone = value;
}

function workerRow({ id }: WorkerView): HTMLElement {
  const made = document.createElement("tr");
  made.dataset.id = String(id);
  for (const { title, isNumber = false } of COLUMNS) {
    const cell = document.createElement("td");
    cell.dataset.label = title;
    if (isNumber) cell.className = "number";
    const value = document.createElement("span");
    if (title === "Phase") value.className = "badge";
    cell.append(value);
    made.append(cell);
  }
  const busy = document.createElement("span");
  busy.className = "busy";
  made.lastElementChild!.append(busy);
  return made;
}

function head({ title, isNumber = false }: Column): HTMLElement {
  const made = document.createElement("th");
  made.scope = "col";
  made.textContent = title;
  if (isNumber) made.className = "number";
  return made;
}

function generationItem(): HTMLElement {
  const [item, label, number, role, chips] = ["li", "div", "span", "small", "ul"].map((tag) => document.createElement(tag));
  label!.className = "label";
  number!.className = "number-text";
  chips!.className = "chips";
  label!.append(number!, role!);
  item!.append(label!, chips!);
  return item!;
}

function row(classes: readonly string[]): HTMLElement {
  const made = document.createElement("tr");
  for (const one of classes) made.append(Object.assign(document.createElement("td"), { className: one }));
  return made;
}

/** Makes `place` have so many children. */
function fit(place: Element, count: number, make: () => HTMLElement): void {
  while (place.children.length > count) place.lastElementChild!.remove();
  while (place.children.length < count) place.append(make());
}
