// Times and ranges: "now-1h" and Unix seconds as they stand in the address, and for people.

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

export const ranges: [string, string][] = [
  ["now-15m", "15 min"],
  ["now-1h", "1 hour"],
  ["now-6h", "6 hours"],
  ["now-1d", "24 hours"],
  ["now-7d", "7 days"],
  ["now-30d", "30 days"],
];

/* Unix seconds of what stands in the address, "now-1d12h" and "now+5m" among it, as the server reads it; null when it
 * can't be read. */
export function seconds(text: string, now = Date.now() / 1000): number | null {
  const relative = /^now(?:([-+ ])((?:\d+[smhdw])+))?$/.exec(text);
  if (relative) {
    let by = 0;
    for (const [, n, unit] of (relative[2] ?? "").matchAll(/(\d+)([smhdw])/g))
      by += Number(n) * unitSeconds[unit!]!;
    return relative[1] === "-" ? now - by : now + by;
  }
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const bare = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text);
  const ms = Date.parse(bare ? `${text}Z` : text);
  return Number.isNaN(ms) ? null : ms / 1000;
}

export function isRelative(text: string): boolean {
  return text.startsWith("now");
}

/* A time moved by seconds, kept relative where it was and the amount allows it. */
export function shift(text: string, by: number, now = Date.now() / 1000): string {
  const at = seconds(text, now);
  if (at === null) return text;
  if (!isRelative(text)) return String(Math.round(at + by));
  const back = Math.round(now - at - by);
  if (back < 0) return String(Math.round(at + by));
  if (back === 0) return "now";
  for (const unit of ["d", "h", "m", "s"]) {
    const size = unitSeconds[unit]!;
    if (back % size === 0) return `now-${back / size}${unit}`;
  }
  return String(Math.round(at + by));
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

/* Local time; the day only where it is not today's. */
export function clock(at: number, withSeconds = true, now = Date.now() / 1000): string {
  const d = new Date(at * 1000);
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const time = `${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? `:${two(d.getSeconds())}` : ""}`;
  return new Date(now * 1000).toDateString() === d.toDateString() ? time : `${day} ${time}`;
}

/* What <input type="datetime-local"> wants, and back. */
export function toInput(at: number): string {
  const d = new Date(at * 1000);
  return (
    `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}` +
    `T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
  );
}

export function fromInput(text: string): string | null {
  const ms = new Date(text).getTime();
  return Number.isNaN(ms) ? null : String(Math.round(ms / 1000));
}

export function describeRange(from: string, to: string): string {
  const preset = to === "now" && ranges.find(([value]) => value === from);
  if (preset) return `Last ${preset[1]}`;
  const a = seconds(from);
  const b = seconds(to);
  if (a === null || b === null) return `${from} – ${to}`;
  if (isRelative(from) && to === "now") return `Last ${span(b - a)}`;
  return `${clock(a)} – ${clock(b)}`;
}

export function span(s: number): string {
  const parts: [number, string][] = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  let text = "";
  let rest = Math.round(s);
  for (const [size, name] of parts) {
    const n = Math.floor(rest / size);
    if (!n) continue;
    rest -= n * size;
    text += `${text ? " " : ""}${n} ${name}`;
    if (text.split(" ").length >= 4) break;
  }
  return text || "0 s";
}

export function ago(at: number, now = Date.now() / 1000): string {
  const s = Math.max(0, now - at);
  if (s < 90) return `${Math.round(s)} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  if (s < 129600) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} d ago`;
}

/* A time on an axis whose marks are `step` seconds apart: the day at midnight, else the clock; of long ranges the
 * year and the month. */
export function tick(at: number, step: number): string {
  const d = new Date(at * 1000);
  if (step >= 28 * 86400) return `${d.getFullYear()}-${two(d.getMonth() + 1)}`;
  const midnight = d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0;
  if (step >= 86400 || midnight) return `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${two(d.getHours())}:${two(d.getMinutes())}${step < 60 ? `:${two(d.getSeconds())}` : ""}`;
}
