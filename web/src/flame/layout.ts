// Where every frame lies: x in the tree's own values, y by depth. Made once for a tree; zooming only changes
// what part of it is looked at.
//
//     row 0   [ root                                   ]      order: frames row by row, each row from left to
//     row 1   [ main            ][ gc           ]             right, so a row is a slice and a place in it is
//     row 2   [ serve    ][ log ][ mark  ]                    found by bisection
import { children, type Tree } from "./tree";

export interface Layout {
  tree: Tree;
  depth: Int32Array;
  x: Float64Array; // left edge of node i
  w: Float64Array; // width of node i; 0 for what can't be drawn
  order: Int32Array;
  rowStart: Int32Array; // row r is order[rowStart[r]] up to order[rowStart[r + 1]]
  rows: number;
}

/* How wide a frame is: its total, or in a comparison the mean of both sides, so that what is gone still shows. */
export function widthOf(t: Tree, i: number): number {
  const base = t.baseTotal;
  const width = base ? (Math.abs(t.total[i]!) + Math.abs(base[i]!)) / 2 : Math.abs(t.total[i]!);
  return Number.isFinite(width) ? width : 0;
}

export function layout(t: Tree): Layout {
  const kids = children(t);
  const depth = new Int32Array(t.n);
  const x = new Float64Array(t.n);
  const w = new Float64Array(t.n);
  const order = new Int32Array(t.n);
  const rowStart: number[] = [0];
  w[0] = widthOf(t, 0);
  let filled = 1;
  let row = 0;
  for (let at = 0; at < filled; at++) {
    const i = order[at]!;
    if (depth[i]! > row) rowStart[++row] = at;
    let left = x[i]!;
    let room = w[i]!;
    for (let k = kids.start[i]!; k < kids.start[i + 1]!; k++) {
      const child = kids.list[k]!;
      const width = Math.min(widthOf(t, child), room); // negative values may leave less than the children have
      depth[child] = depth[i]! + 1;
      x[child] = left;
      w[child] = width;
      left += width;
      room -= width;
      order[filled++] = child;
    }
  }
  rowStart.push(filled);
  return { tree: t, depth, x, w, order, rowStart: Int32Array.from(rowStart), rows: row + 1 };
}

/* The first place in row r, from `from` on, whose frame ends behind x. */
export function firstEndingBehind(l: Layout, r: number, x: number, from = l.rowStart[r]!): number {
  let low = from;
  let high = l.rowStart[r + 1]!;
  while (low < high) {
    const mid = (low + high) >>> 1;
    const i = l.order[mid]!;
    if (l.x[i]! + l.w[i]! > x) high = mid;
    else low = mid + 1;
  }
  return low;
}

/* What lies at x in row r: -1 where nothing does. */
export function nodeAt(l: Layout, r: number, x: number): number {
  if (r < 0 || r >= l.rows) return -1;
  const at = firstEndingBehind(l, r, x);
  if (at >= l.rowStart[r + 1]!) return -1;
  const i = l.order[at]!;
  return l.x[i]! <= x ? i : -1;
}

export function isAncestor(t: Tree, above: number, i: number): boolean {
  let at = i;
  while (at > above) at = t.parent[at]!;
  return at === above;
}
