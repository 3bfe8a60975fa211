// The rows of the top table: made from a tree where the server wasn't asked, sorted, filtered, compared.
import { matcher } from "./flame/search";
import type { Tree } from "./flame/tree";
import type { TopRow } from "./types";

export type Column = "flat" | "cum" | "name" | "change" | "base";

interface Numbers {
  of: Int32Array; // by node
  first: number[]; // node that shows a frame first
}

function nameNumbers(t: Tree): Numbers {
  const of = new Int32Array(t.n);
  const first: number[] = [];
  const numbers = new Int32Array(t.names.length).fill(-1);
  for (let i = 1; i < t.n; i++) {
    if (numbers[t.name[i]!]! < 0) numbers[t.name[i]!] = first.push(i) - 1;
    of[i] = numbers[t.name[i]!]!;
  }
  return { of, first };
}

/* Which frames are the same one, wherever they stand: all that the server says of them is equal. */
function frameNumbers(t: Tree): Numbers {
  const of = new Int32Array(t.n);
  const first: number[] = [];
  const pairs = new Map<number, number>();
  const pair = (a: number, b: number) => {
    const key = a * 2 ** 32 + b;
    let n = pairs.get(key);
    if (n === undefined) pairs.set(key, (n = pairs.size));
    return n;
  };
  const numbers = new Map<string, number>();
  const addresses = new Map<string, number>();
  for (let i = 1; i < t.n; i++) {
    const place = pair(pair(t.name[i]!, t.file[i]!), t.line[i]!);
    const address = t.address?.[i] ?? "";
    let where = addresses.get(address);
    if (where === undefined) addresses.set(address, (where = addresses.size));
    const key = `${place} ${t.binary[i]} ${where}`;
    let n = numbers.get(key);
    if (n === undefined) {
      numbers.set(key, (n = first.length));
      first.push(i);
    }
    of[i] = n;
  }
  return { of, first };
}

/* Flat and cum per frame as pprof counts them: recursion counts once in cum. In a tree of a dropped file equal names
 * are equal frames (`byName`). */
export function rowsOfTree(t: Tree, byName = false): TopRow[] {
  const { of, first } = byName ? nameNumbers(t) : frameNumbers(t);
  const rows = first.map((i) => ({ ...rowOf(t, i), ...(byName ? { line: 0 } : {}) }));
  const open = new Int32Array(rows.length); // how often a frame stands above where we are
  const kids = new Int32Array(t.n).fill(-1);
  const next = new Int32Array(t.n).fill(-1);
  for (let i = t.n - 1; i > 0; i--) {
    next[i] = kids[t.parent[i]!]!;
    kids[t.parent[i]!] = i;
  }
  const enter = (i: number) => {
    const row = rows[of[i]!]!;
    row.flat += t.self[i]!;
    if (t.baseSelf) row.base_flat! += t.baseSelf[i]!;
    if (open[of[i]!]!++ > 0) return;
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
      open[of[at]!]!--;
      if (next[at]! > 0) break;
      at = t.parent[at]!;
    }
    at = at > 0 ? next[at]! : 0;
  }
  return rows
    .filter((r) => r.flat || r.cum || r.base_flat || r.base_cum)
    .sort((a, b) => b.flat - a.flat || (a.name < b.name ? -1 : 1));
}

function rowOf(t: Tree, i: number): TopRow {
  const row: TopRow = {
    name: t.names[t.name[i]!]!,
    file: t.files[t.file[i]!] ?? "",
    line: t.line[i]!,
    flat: 0,
    cum: 0,
  };
  if (t.address?.[i]) row.address = t.address[i]!;
  if (t.baseTotal) Object.assign(row, { base_flat: 0, base_cum: 0 });
  return row;
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

export function filterRows(rows: readonly TopRow[], query: string): TopRow[] {
  const match = query ? matcher(query) : null;
  return match ? rows.filter((r) => match(r.name)) : [...rows];
}

export function nextSort(now: string, column: Column): string {
  return now === column ? `-${column}` : column;
}
