// Moving about in a flame graph: which frame an arrow key leads to, and what to zoom to.
import type { Layout } from "./layout";
import type { Run } from "./render";

export type Direction = "left" | "right" | "up" | "down";

/* From frame i: up to its caller, down to what it calls most, left and right along its row. */
export function step(l: Layout, i: number, direction: Direction): number {
  if (direction === "up") return i > 0 ? l.tree.parent[i]! : 0;
  const row = l.depth[i]!;
  if (direction === "down") {
    const end = l.rowStart[Math.min(row + 2, l.rows)]!;
    for (let k = l.rowStart[Math.min(row + 1, l.rows)]!; k < end; k++)
      if (l.tree.parent[l.order[k]!] === i) return l.order[k]!;
    return i;
  }
  const place = placeInRow(l, i);
  const next = place + (direction === "right" ? 1 : -1);
  return next >= l.rowStart[row]! && next < l.rowStart[row + 1]! ? l.order[next]! : i;
}

export function placeInRow(l: Layout, i: number): number {
  const row = l.depth[i]!;
  let low = l.rowStart[row]!;
  let high = l.rowStart[row + 1]! - 1;
  while (low < high) {
    const mid = (low + high) >>> 1;
    const at = l.order[mid]!;
    if (l.x[at]! < l.x[i]! || (l.x[at] === l.x[i] && l.w[at] === 0 && at !== i)) low = mid + 1;
    else high = mid;
  }
  while (l.order[low] !== i && low < l.rowStart[row + 1]! - 1) low++;
  return low;
}

/* Some frames of i's row around it, for the mirror that screen readers read. */
export function neighbours(l: Layout, i: number, each: number): number[] {
  const row = l.depth[i]!;
  const place = placeInRow(l, i);
  const from = Math.max(l.rowStart[row]!, place - each);
  const to = Math.min(l.rowStart[row + 1]!, place + each + 1);
  return Array.from(l.order.subarray(from, to));
}

export function largestOf(l: Layout, run: Run): number {
  let best = l.order[run.first]!;
  for (let k = run.first; k < run.first + run.count; k++)
    if (l.w[l.order[k]!]! > l.w[best]!) best = l.order[k]!;
  return best;
}
