/** Elements by id, and figures as people read them. */

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Touches the page only if there is something new. */
export function show(place: string | HTMLElement, text: string): void {
  const target = typeof place === "string" ? element(place) : place;
  if (target.textContent !== text) target.textContent = text;
}

/** The time in its two largest units. */
export function ago(seconds: number | null): string {
  if (seconds === null) return "–";
  const s = Math.floor(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${Math.floor((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor((s % 86_400) / 3600)}h`;
}

export function count(value: number | null): string {
  if (value === null) return "–";
  if (value >= 1e6) return `${(value / 1e6).toFixed(value < 1e7 ? 2 : 1)}M`;
  if (value >= 1e5) return `${Math.round(value / 1e3)}k`;
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

export function duration(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds >= 10) return `${seconds.toFixed(0)} s`;
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  const ms = seconds * 1000;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  if (ms >= 0.095) return `${ms.toFixed(1)} ms`;
  return ms === 0 ? "0 ms" : `${(ms * 1000).toFixed(0)} µs`;
}

export function bytes(value: number | null): string {
  if (value === null) return "–";
  const mebibytes = value / 2 ** 20;
  return mebibytes >= 1024 ? `${(mebibytes / 1024).toFixed(2)} GiB` : `${mebibytes.toFixed(mebibytes > 0 && mebibytes < 10 ? 1 : 0)} MiB`;
}
