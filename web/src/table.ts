// The rows of the top table: made from a tree where the server wasn't asked, sorted, filtered, compared.
import { matcher } from "./flame/search";
import type { Tree } from "./flame/tree";
import type { TopRow } from "./types";

export type Column = "flat" | "cum" | "name" | "change" | "base";

/* Flat and cum per function as pprof counts them: recursion counts once in cum. */
export function rowsOfTree(t: Tree): TopRow[] {
  const rows = new Map<number, TopRow>();
  const open = new Map<number, number>(); // name -> frames of it on the way down to where we are
  const kids = new Int32Array(t.n).fill(-1);
  const next = new Int32Array(t.n).fill(-1);
  for (let i = t.n - 1; i > 0; i--) {
    next[i] = kids[t.parent[i]!]!;
    kids[t.parent[i]!] = i;
  }
  const enter = (i: number) => {
    const name = t.name[i]!;
    let row = rows.get(name);
    if (!row) {
      row = { name: t.names[name]!, file: t.files[t.file[i]!] ?? "", line: 0, flat: 0, cum: 0 };
      if (t.baseTotal) Object.assign(row, { base_flat: 0, base_cum: 0 });
      rows.set(name, row);
    }
    row.flat += t.self[i]!;
    if (t.baseSelf) row.base_flat! += t.baseSelf[i]!;
    const depth = open.get(name) ?? 0;
    open.set(name, depth + 1);
    if (depth > 0) return;
    row.cum += t.total[i]!;
    if (t.baseTotal) row.base_cum! += t.baseTotal[i]!;
  };
  for (let at = kids[0]!; at > 0;) {
    enter(at);
    if (kids[at]! > 0) {
      at = kids[at]!;
      continue;
    }
    while (at > 0) {
      open.set(t.name[at]!, open.get(t.name[at]!)! - 1);
      if (next[at]! > 0) break;
      at = t.parent[at]!;
    }
    at = at > 0 ? next[at]! : 0;
  }
  return [...rows.values()].sort((a, b) => b.flat - a.flat || (a.name < b.name ? -1 : 1));
}

export type Fate = "new" | "gone" | "grew" | "shrank" | "same";

export function fate(r: TopRow): Fate {
  const before = r.base_cum ?? 0;
  if (!before && r.cum) return "new";
  if (before && !r.cum) return "gone";
  return r.cum > before ? "grew" : r.cum < before ? "shrank" : "same";
}

export function changeOf(r: TopRow): number {
  return r.flat - (r.base_flat ?? 0);
}

const keys: Record<Column, (r: TopRow) => number> = {
  flat: (r) => r.flat,
  cum: (r) => r.cum,
  base: (r) => r.base_flat ?? 0,
  change: (r) => Math.abs(changeOf(r)) * 1e6 + Math.abs(r.cum - (r.base_cum ?? 0)) * 1e-6,
  name: () => 0,
};

/* `sort` is a column; a "-" before it turns the order round. */
export function sortRows(rows: readonly TopRow[], sort: string): TopRow[] {
  const back = sort.startsWith("-");
  const column = (back ? sort.slice(1) : sort) as Column;
  const key = keys[column] ?? keys.flat;
  const sign = back ? -1 : 1;
  const byName = (a: TopRow, b: TopRow) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.line - b.line);
  return [...rows].sort(
    (a, b) => sign * (column === "name" ? byName(a, b) : key(b) - key(a)) || byName(a, b),
  );
}

export function filterRows(rows: TopRow[], query: string): TopRow[] {
  const match = query ? matcher(query) : null;
  return match ? rows.filter((r) => match(r.name)) : rows;
}

export function nextSort(now: string, column: Column): string {
  return now === column ? `-${column}` : column;
}
