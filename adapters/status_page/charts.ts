/** The four charts, drawn by uPlot: the last five minutes, a point a second. */
import uPlot from "uplot";
import type { Point } from "../../core/admin/history.ts";
import { bytes, count, duration } from "./dom.ts";

/** Seconds that a chart shows at the most, and at the least. */
const [SPAN, SHORTEST] = [300, 60];
/** Lines beyond that are a thicket: the table has all workers. */
const MOST_LINES = 8;

interface Line {
  readonly title: string;
  readonly color: number;
  readonly fill?: boolean;
  readonly value: (point: Point) => number | null;
}

interface Kind {
  readonly title: string;
  readonly text: (value: number | null) => string;
  /** The upper end of the scale at the least. */
  readonly least: number;
  readonly lines: (points: readonly Point[]) => Line[];
}

const KINDS: readonly Kind[] = [
  {
    title: "Throughput", text: (value) => `${count(value)}/s`, least: 1,
    lines: () => [{ title: "requests", color: 0, fill: true, value: (p) => p.perSecond }, { title: "answered 5xx", color: 3, value: (p) => p.errorsPerSecond }],
  },
  {
    title: "Latency", text: duration, least: 0.001,
    lines: () => [{ title: "p50", color: 0, value: (p) => p.p50 }, { title: "p90", color: 4, value: (p) => p.p90 }, { title: "p99", color: 1, value: (p) => p.p99 }],
  },
  { title: "Event loop lag (p99), by slot", text: duration, least: 0.01, lines: (points) => bySlot(points, (p) => p.lag) },
  { title: "Memory (RSS), by slot", text: bytes, least: 2 ** 20, lines: (points) => bySlot(points, (p) => p.rss) },
];

export class Charts {
  readonly #charts: readonly Chart[];
  #points: Point[] = [];
  #marks: number[] = [];

  constructor(place: HTMLElement) {
    this.#charts = KINDS.map((kind) => new Chart(place, kind, () => this.#marks));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const chart of this.#charts) chart.draw(this.#points, true);
    });
  }

  begin(points: readonly Point[]): void {
    this.#points = [...points];
    this.#marks = [];
    this.#draw();
  }

  add(point: Point): void {
    if (point.time <= (this.#points.at(-1)?.time ?? 0)) return;
    this.#points.push(point);
    this.#points = this.#points.filter(({ time }) => time >= point.time - SPAN);
    this.#draw();
  }

  /** A reload held at that time. */
  mark(time: number): void {
    this.#marks.push(time);
  }

  #draw(): void {
    for (const chart of this.#charts) chart.draw(this.#points);
  }
}

class Chart {
  readonly #kind: Kind;
  readonly #marks: () => readonly number[];
  readonly #legend = document.createElement("ul");
  readonly #plot = document.createElement("div");
  #chart: uPlot | null = null;
  #lines: Line[] = [];
  #points: readonly Point[] = [];

  constructor(place: HTMLElement, kind: Kind, marks: () => readonly number[]) {
    this.#kind = kind;
    this.#marks = marks;
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const head = document.createElement("h2");
    head.textContent = kind.title;
    figure.className = "card";
    this.#legend.className = "legend";
    this.#plot.className = "plot";
    this.#plot.setAttribute("role", "img");
    caption.append(head);
    figure.append(caption, this.#legend, this.#plot);
    place.append(figure);
    new ResizeObserver(() => this.#resize()).observe(this.#plot);
  }

  draw(points: readonly Point[], anew = false): void {
    const lines = this.#kind.lines(points);
    const isSame = lines.length === this.#lines.length && lines.every(({ title }, i) => title === this.#lines[i]!.title);
    this.#points = points;
    this.#lines = lines;
    const data = [points.map((p) => p.time), ...lines.map((line) => points.map(line.value))] as uPlot.AlignedData;
    if (!isSame || anew || this.#chart === null) this.#make(data);
    else this.#chart.setData(data);
    this.#describe(this.#chart?.cursor.idx ?? null);
    const last = points.at(-1);
    const parts = last === undefined ? [] : lines.map(({ title, value }) => `${title} ${this.#kind.text(value(last))}`);
    this.#plot.setAttribute("aria-label", `${this.#kind.title}, last five minutes. Now: ${parts.join(", ") || "nothing known"}`);
  }

  #make(data: uPlot.AlignedData): void {
    this.#chart?.destroy();
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis: uPlot.Axis = { stroke: color("faint"), grid: { stroke: color("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const { text, least } = this.#kind;
    this.#chart = new uPlot({
      ...this.#size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      padding: [10, 12, 0, 0],
      scales: {
        x: { range: (_chart, min, max) => [max - Math.min(SPAN, Math.max(SHORTEST, max - min)), max] },
        y: { range: (_chart, _min, max) => [0, Math.max(least, (max ?? 0) * 1.15)] },
      },
      axes: [
        { ...axis, size: 26, gap: 6, space: 70, values: (_chart, times) => times.map((time) => new Date(time * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", ...(isFine(times) ? { second: "2-digit" } : {}), hour12: false })), incrs: [15, 30, 60, 120, 300] },
        { ...axis, size: 64, space: 34, values: (_chart, values) => values.map((value) => text(value)) },
      ],
      series: [
        {},
        ...this.#lines.map((line): uPlot.Series => {
          const stroke = color(`c${line.color % 8}`);
          return { stroke, width: 1.75, points: { show: false }, ...(line.fill ? { fill: `${stroke}22` } : {}), ...(line.color >= 8 ? { dash: [5, 4] } : {}) };
        }),
      ],
      hooks: { setCursor: [(chart) => this.#describe(chart.cursor.idx ?? null)], draw: [(chart) => this.#drawMarks(chart, color("faint"))] },
    }, data, this.#plot);
    this.#legend.replaceChildren(...this.#lines.map((line) => legendItem(line, color(`c${line.color % 8}`))));
  }

  /** The values under the cursor, or the last ones. */
  #describe(index: number | null): void {
    const point = this.#points[index ?? this.#points.length - 1];
    this.#lines.forEach(({ value }, i) => {
      const place = this.#legend.children[i]?.querySelector("b");
      if (place && point) place.textContent = this.#kind.text(value(point));
    });
  }

  #drawMarks({ ctx, bbox, valToPos }: uPlot, stroke: string): void {
    ctx.save();
    ctx.strokeStyle = stroke;
    ctx.setLineDash([4, 4]);
    for (const mark of this.#marks()) {
      const x = valToPos(mark, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  #size(): { readonly width: number; readonly height: number } {
    return { width: Math.max(200, this.#plot.clientWidth), height: innerWidth <= 720 ? 150 : 170 };
  }

  #resize(): void {
    const { width, height } = this.#size();
    if (this.#chart !== null && this.#plot.clientWidth > 0 && (this.#chart.width !== width || this.#chart.height !== height)) this.#chart.setSize({ width, height });
  }
}

function isFine(times: readonly number[]): boolean {
  return times.some((time) => time % 60 !== 0);
}

function bySlot(points: readonly Point[], values: (point: Point) => readonly (number | null)[]): Line[] {
  const slots = Math.min(MOST_LINES, Math.max(0, ...points.map((p) => values(p).length)));
  return Array.from({ length: slots }, (_, slot) => ({ title: `#${slot}`, color: slot, value: (p) => values(p)[slot] ?? null }));
}

function legendItem({ title }: Line, color: string): HTMLElement {
  const item = document.createElement("li");
  const swatch = document.createElement("i");
  swatch.style.background = color;
  item.append(swatch, `${title} `, document.createElement("b"));
  return item;
}
