/** The six figures at the top. */
import type { View } from "../../core/admin/view.ts";
import { bytes, count, duration, element, show } from "./dom.ts";

interface Tile {
  readonly title: string;
  readonly figure: string;
  readonly unit?: string;
  readonly more: string;
  readonly isBad?: boolean;
}

export function showTiles(view: View): void {
  const place = element("tiles");
  const tiles = tilesOf(view);
  if (place.children.length === 0) for (const { title } of tiles) place.append(empty(title));
  tiles.forEach(({ figure, unit = "", more, isBad = false }, i) => {
    const tile = place.children[i] as HTMLElement;
    const [value, small, rest] = [".value", "small", ".more"].map((selector) => tile.querySelector<HTMLElement>(selector)!);
    show(value!, figure);
    show(small!, unit);
    show(rest!, more);
    if (isBad) tile.dataset.tone = "bad";
    else delete tile.dataset.tone;
  });
}

function tilesOf({ point, requests, workers, target, restarts }: View): Tile[] {
  const serving = workers.filter((w) => w.phase === "serving");
  const lag = most(serving.map((w) => w.lag));
  const memory = workers.map((w) => w.rss).filter((rss) => rss !== null);
  return [
    { title: "Throughput", figure: count(point.perSecond), unit: " req/s", more: requests === null ? "not counted (--no-metrics)" : `${count(requests.total)} in all` },
    { title: "Latency p99", ...split(duration(point.p99)), more: `p50 ${duration(point.p50)} · p90 ${duration(point.p90)}` },
    { title: "Errors (5xx)", figure: count(point.errorsPerSecond), unit: " /s", more: requests === null ? "" : `${count(requests.statuses["5xx"])} in all`, isBad: (point.errorsPerSecond ?? 0) > 0 },
    { title: "In flight", figure: count(point.inFlight), more: "requests being handled" },
    { title: "Workers", figure: String(serving.length), unit: ` / ${target}`, more: `${restarts} ${restarts === 1 ? "restart" : "restarts"}`, isBad: serving.length < target },
    { title: "Memory", ...split(bytes(memory.length === 0 ? null : memory.reduce((a, b) => a + b, 0))), more: `loop lag p99 ${duration(lag)}` },
  ];
}

function split(text: string): { readonly figure: string; readonly unit: string } {
  const [figure = "", unit = ""] = text.split(" ");
  return { figure, unit: unit && ` ${unit}` };
}

function most(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function empty(title: string): HTMLElement {
  const [tile, term, figure, value, unit, more] = ["div", "dt", "dd", "span", "small", "dd"].map((tag) => document.createElement(tag));
  term!.textContent = title;
  figure!.className = "figure";
  value!.className = "value";
  more!.className = "more";
  figure!.append(value!, unit!);
  tile!.append(term!, figure!, more!);
  return tile!;
}
