// From the server's series to what a time line draws: values per group, gaps where there really are some.
import { type Basis, basisOfSeries } from "./basis";
import type { Series, SeriesGroup } from "./types";

export interface Line {
  name: string; // the label's value; empty: no grouping
  value: string | null; // null: profiles without the label, or all
  other: boolean;
  values: (number | null | undefined)[]; // undefined is drawn across, null is a gap
  sum: number;
}

export interface Lines {
  times: number[];
  lines: Line[];
  basis: Basis;
  partial: number[]; // steps that reach out of what was asked for, where values are totals: they are too low
}

export type What = "all" | "self" | "total";

/* One group's value at a step. */
export function valueAt(g: SeriesGroup, i: number, basis: Basis, what: What = "all"): number | null {
  const count = g.count[i]!;
  if (!count) return null;
  const sum = (what === "self" ? g.self?.[i] : what === "total" ? g.total?.[i] : g.sum[i]) ?? 0;
  if (basis === "profile") return sum / count;
  if (basis === "total") return sum;
  return g.duration[i] ? sum / g.duration[i] : null;
}

/* Profiles come at some pace, the usual one or that of what is beside: a gap is where more than three of them are
 * missing, not where a step is empty. */
export function bridge(values: (number | null)[]): (number | null | undefined)[] {
  const filled: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] !== null) filled.push(i);
  const gaps = filled.slice(1).map((at, k) => at - filled[k]!);
  const usual = gaps.length ? [...gaps].sort((a, b) => a - b)[gaps.length >> 1]! : 1;
  const out: (number | null | undefined)[] = [...values];
  for (let k = 1; k < filled.length; k++) {
    if (gaps[k - 1]! > 3 * Math.max(usual, gaps[k - 2] ?? 0, gaps[k] ?? 0)) continue;
    for (let i = filled[k - 1]! + 1; i < filled[k]!; i++) out[i] = undefined;
  }
  return out;
}

/* Steps that lie only partly within the range, at its ends. */
function cutSteps(s: Series, from: number, to: number): number[] {
  const first = s.start < from ? [0] : [];
  const last = s.points - 1;
  return last > 0 && s.start + s.points * s.step > to ? [...first, last] : first;
}

export interface Range {
  from: number;
  to: number;
}

export function linesOf(
  s: Series,
  grouped: boolean,
  rate: boolean,
  what: What = "all",
  range: Range | null = null,
): Lines {
  const basis = basisOfSeries(s, rate);
  const times = Array.from({ length: s.points }, (_, i) => s.start + i * s.step);
  const lines = s.groups.map((g) => {
    const values = times.map((_, i) => valueAt(g, i, basis, what));
    return {
      name: !grouped ? "" : (g.value ?? "(without it)"),
      value: g.value,
      other: g.other === true,
      values: bridge(values),
      sum: values.reduce<number>((n, v) => n + (v ?? 0), 0),
    };
  });
  const partial = range && basis === "total" ? cutSteps(s, range.from, range.to) : [];
  return { times, lines, basis, partial };
}

/* How many profiles, and what time they cover together. */
export function totals(s: Series): { count: number; seconds: number } {
  let count = 0;
  let seconds = 0;
  for (const g of s.groups)
    for (let i = 0; i < s.points; i++) {
      count += g.count[i] ?? 0;
      seconds += g.duration[i] ?? 0;
    }
  return { count, seconds };
}
