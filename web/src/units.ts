// Numbers with their units, for people: three digits that matter, the unit that fits.

const durations: [number, string][] = [
  [86400e9, "d"],
  [3600e9, "h"],
  [60e9, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
  [1, "ns"],
];
const sizes: [number, string][] = [
  [2 ** 50, "PiB"],
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
  [1, "B"],
];
const counts: [number, string][] = [
  [1e18, " E"],
  [1e15, " P"],
  [1e12, " T"],
  [1e9, " G"],
  [1e6, " M"],
  [1e3, " k"],
  [1, ""],
];

const toNanos: Record<string, number> = {
  nanoseconds: 1,
  nanosecond: 1,
  ns: 1,
  microseconds: 1e3,
  microsecond: 1e3,
  us: 1e3,
  µs: 1e3,
  milliseconds: 1e6,
  millisecond: 1e6,
  ms: 1e6,
  seconds: 1e9,
  second: 1e9,
  s: 1e9,
};
const toBytes: Record<string, number> = {
  bytes: 1,
  byte: 1,
  b: 1,
  kilobytes: 1024,
  kb: 1024,
  megabytes: 2 ** 20,
  mb: 2 ** 20,
};

export type Kind = "time" | "bytes" | "count";

export function kindOf(unit: string): Kind {
  const u = unit.toLowerCase();
  return u in toNanos ? "time" : u in toBytes ? "bytes" : "count";
}

function digits(v: number): string {
  const a = Math.abs(v);
  if (a >= 9999.5) return Math.round(v).toLocaleString("en-US");
  const text = a >= 99.95 ? v.toFixed(0) : a >= 9.995 ? v.toFixed(1) : v.toFixed(2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/* Below the smallest unit: never "0" for what is not. */
function small(v: number): string {
  if (v === 0) return "0";
  return Math.abs(v) >= 0.005 ? digits(v) : v < 0 ? "> -0.01" : "< 0.01";
}

function scaled(value: number, scale: [number, string][], gap: string): string {
  const a = Math.abs(value);
  const named = (text: string, name: string) => text + (name.startsWith(" ") || !name ? name : gap + name);
  for (const [size, name] of scale) {
    // 999.7 µs is shown as 1 ms: compare what would be printed
    if (a >= size * 0.9995) return named(digits(value / size), name);
  }
  return named(small(value), scale[scale.length - 1]![1]);
}

export function formatCount(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 10000) return value.toLocaleString("en-US");
  return scaled(value, counts, "");
}

export function formatBytes(value: number): string {
  return scaled(value, sizes, " ");
}

export function formatNanos(value: number): string {
  return scaled(value, durations, " ");
}

/* `value` in `unit`, as in the profile. */
export function formatValue(value: number, unit: string): string {
  const u = unit.toLowerCase();
  if (u in toNanos) return formatNanos(value * toNanos[u]!);
  if (u in toBytes) return formatBytes(value * toBytes[u]!);
  return formatCount(value);
}

function plural(text: string, noun: string): string {
  return `${text} ${noun}${text === "1" || text === "-1" ? "" : "s"}`;
}

function formatCores(cores: number): string {
  return Math.abs(cores) < 9999.5 ? digits(cores) : scaled(cores, counts, "");
}

/* `value` is already per second. Processor time per second is a number of busy processors; other time (waiting for
 * locks) is only so much a second. */
export function formatRate(value: number, { type, unit }: { type: string; unit: string }): string {
  const u = unit.toLowerCase();
  if (u in toNanos && /cpu/i.test(type)) {
    const cores = (value * toNanos[u]!) / 1e9;
    if (cores !== 0 && Math.abs(cores) < 0.09995) return plural(small(cores * 1000), "mcore");
    return plural(formatCores(cores), "core");
  }
  return `${formatValue(value, unit)}/s`;
}

/* All digits and the unit, for where exactness is wanted. */
export function formatExact(value: number, unit: string): string {
  return `${value.toLocaleString("en-US")} ${unit}`.trim();
}

export function formatPercent(part: number, whole: number): string {
  if (!whole) return "–";
  const p = (part / whole) * 100;
  const a = Math.abs(p);
  if (a === 0) return "0%";
  if (a < 0.01) return p < 0 ? "> -0.01%" : "< 0.01%";
  if (a >= 999.5) return `${Math.round(p).toLocaleString("en-US")}%`;
  return `${a >= 99.95 ? p.toFixed(0) : a >= 9.995 ? p.toFixed(1) : p.toFixed(2)}%`;
}

const explained: Record<string, string> = {
  cpu: "time that code ran on a processor",
  samples: "how often the profiler found code running",
  wall: "time that passed, running or waiting",
  alloc_objects: "objects allocated, also those freed since",
  alloc_space: "memory allocated, also that freed since",
  inuse_objects: "objects alive when the profile was taken",
  inuse_space: "memory in use when the profile was taken",
  contentions: "how often code waited for a lock or channel",
  delay: "time spent waiting for locks or channels",
  goroutine: "goroutines alive when the profile was taken",
  goroutines: "goroutines alive when the profile was taken",
  threadcreate: "threads that were created, by who asked for them",
  objects: "objects",
  space: "memory",
};

/* A sample type in words; empty when nothing is known of it. */
export function explain(type: string): string {
  return explained[type] ?? "";
}

export function typeTitle(type: string): string {
  const titles: Record<string, string> = {
    cpu: "CPU",
    heap: "Heap",
    block: "Block",
    mutex: "Mutex",
    goroutine: "Goroutines",
    threadcreate: "Threads",
    trace: "Trace",
    other: "Other",
  };
  return titles[type] ?? type;
}

export function profilesText(n: number): string {
  return n === 1 ? "1 profile" : `${n.toLocaleString("en-US")} profiles`;
}
