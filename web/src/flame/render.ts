// Draws the part of a flame graph that is in view. Only rows in view are looked at; in a row the first frame
// is found by bisection, and a run of frames that are too narrow to see is skipped by bisection too and drawn
// as one bar, so a picture costs about its pixels however many frames there are.
import type { Palette } from "./colors";
import { firstEndingBehind, type Layout } from "./layout";
import type { Hits } from "./search";
import { shortName } from "./tree";

export const rowHeight = 19;
const textFrom = 24; // pixels from which a frame has a name in it
const narrow = 1.5; // pixels below which frames are drawn as a run

export interface Scene {
  layout: Layout;
  colors: string[];
  palette: Palette;
  zoom: number; // node that fills the width
  top: number; // pixels scrolled
  width: number;
  height: number;
  ratio: number; // device pixels per pixel
  hits: Hits | null;
  hover: number; // number of a name, -1: none
  focus: number; // node with the keyboard's focus, -1: none
  font: string;
  flip: boolean; // the root at the bottom, its children above it
}

/* Frames too narrow to be told apart, found under the pointer. */
export interface Run {
  first: number; // place in layout.order
  count: number;
}

/* Where a row's top edge is in the viewport. A flipped graph that is shorter than the viewport stands on its
 * lower edge. */
export function rowTop(s: Scene, row: number): number {
  if (!s.flip) return row * rowHeight - s.top;
  const all = s.layout.rows * rowHeight;
  return Math.max(all, s.height) - (row + 1) * rowHeight - s.top;
}

function rowAt(s: Scene, y: number): number {
  if (!s.flip) return Math.floor((y + s.top) / rowHeight);
  const all = s.layout.rows * rowHeight;
  return Math.ceil((Math.max(all, s.height) - s.top - y) / rowHeight) - 1;
}

export function xScale(s: Scene): { left: number; perPixel: number } {
  const { x, w } = s.layout;
  return { left: x[s.zoom]!, perPixel: w[s.zoom]! / Math.max(1, s.width) };
}

interface Pen {
  ctx: CanvasRenderingContext2D;
  s: Scene;
  left: number;
  perPixel: number;
  charWidth: number;
}

export function draw(ctx: CanvasRenderingContext2D, s: Scene): void {
  ctx.setTransform(s.ratio, 0, 0, s.ratio, 0, 0);
  ctx.clearRect(0, 0, s.width, s.height);
  ctx.font = s.font;
  ctx.textBaseline = "middle";
  ctx.direction = "ltr";
  const { left, perPixel } = xScale(s);
  if (!(perPixel > 0)) return;
  const pen: Pen = { ctx, s, left, perPixel, charWidth: ctx.measureText("nnnnnnnnnn").width / 10 };
  const zoomRow = s.layout.depth[s.zoom]!;
  const edges = [rowAt(s, 0), rowAt(s, s.height)];
  const first = Math.max(0, Math.min(...edges));
  const last = Math.min(s.layout.rows - 1, Math.max(...edges));
  for (let r = first; r <= last; r++) {
    if (r < zoomRow) drawAncestor(pen, r);
    else drawRow(pen, r);
  }
}

function drawAncestor(pen: Pen, row: number): void {
  const { layout: l } = pen.s;
  let i = pen.s.zoom;
  while (l.depth[i]! > row) i = l.tree.parent[i]!;
  pen.ctx.globalAlpha = 0.55;
  drawFrame(pen, i, 0, pen.s.width, row);
  pen.ctx.globalAlpha = 1;
}

function drawRow(pen: Pen, row: number): void {
  const { layout: l, width } = pen.s;
  const end = l.rowStart[row + 1]!;
  const right = pen.left + width * pen.perPixel;
  let at = firstEndingBehind(l, row, pen.left);
  while (at < end) {
    const i = l.order[at]!;
    if (l.x[i]! >= right) return;
    const x0 = Math.max(0, (l.x[i]! - pen.left) / pen.perPixel);
    const x1 = Math.min(width, (l.x[i]! + l.w[i]! - pen.left) / pen.perPixel);
    if (x1 - x0 >= narrow) {
      drawFrame(pen, i, x0, x1, row);
      at++;
    } else {
      at = drawRun(pen, row, at, x0);
    }
  }
}

/* Where a run of narrow frames that begins at place `at` ends: behind it, at the first frame that is wide
 * enough, or that begins a pixel further than the last one ended. */
function runEnd(pen: Pen, row: number, at: number): number {
  const { layout: l } = pen.s;
  const end = l.rowStart[row + 1]!;
  let next = at;
  while (next < end) {
    const i = l.order[next]!;
    if (l.w[i]! / pen.perPixel >= narrow) break;
    if (next > at) {
      const before = l.order[next - 1]!;
      if (l.x[i]! - (l.x[before]! + l.w[before]!) > pen.perPixel) break;
    }
    // what lies within the next pixel is narrow as well: go on behind it
    next = Math.max(next + 1, firstEndingBehind(l, row, l.x[i]! + pen.perPixel, next));
  }
  return next;
}

function drawRun(pen: Pen, row: number, at: number, x0: number): number {
  const { ctx, s } = pen;
  const { layout: l, palette: p } = s;
  const next = runEnd(pen, row, at);
  const last = l.order[next - 1]!;
  const x1 = Math.min(s.width, Math.max(x0 + 0.5, (l.x[last]! + l.w[last]! - pen.left) / pen.perPixel));
  const y = rowTop(s, row);
  let hit = false;
  if (s.hits) for (let k = at; k < next && !hit; k++) hit = s.hits.names[l.tree.name[l.order[k]!]!] === 1;
  ctx.fillStyle = hit ? p.hit : p.run;
  ctx.globalAlpha = s.hits && !hit ? 0.5 : 1;
  ctx.fillRect(x0, y, x1 - x0, rowHeight - 1);
  ctx.globalAlpha = 1;
  const label = `${next - at} small`;
  if (x1 - x0 > label.length * pen.charWidth + 6) {
    ctx.fillStyle = p.dark ? p.text : "#4a5361";
    ctx.fillText(label, x0 + 4, y + rowHeight / 2);
  }
  return next;
}

function drawFrame(pen: Pen, i: number, x0: number, x1: number, row: number): void {
  const { ctx, s } = pen;
  const { palette: p, layout: l } = s;
  const name = l.tree.name[i]!;
  const y = rowTop(s, row);
  const hit = s.hits?.names[name] === 1 && i > 0;
  const dim = s.hits !== null && !hit;
  const gap = x1 - x0 > 3 ? 1 : 0.3;
  const alpha = ctx.globalAlpha;
  if (dim) ctx.globalAlpha = alpha * 0.45;
  ctx.fillStyle = hit ? p.hit : s.colors[i]!;
  ctx.fillRect(x0, y, x1 - x0 - gap, rowHeight - 1);
  ctx.globalAlpha = dim ? alpha * 0.75 : alpha;
  if (x1 - x0 >= textFrom) drawName(pen, i, x0, x1, y, hit);
  ctx.globalAlpha = alpha;
  if (name === s.hover && i > 0) outline(ctx, p.text, 1, x0, y, x1 - gap);
  if (i === s.focus) outline(ctx, p.focus, 2, x0, y, x1 - gap);
}

function outline(
  ctx: CanvasRenderingContext2D,
  color: string,
  line: number,
  x0: number,
  y: number,
  x1: number,
) {
  ctx.strokeStyle = color;
  ctx.lineWidth = line;
  ctx.strokeRect(x0 + line / 2, y + line / 2, Math.max(0.5, x1 - x0 - line), rowHeight - 1 - line);
}

function drawName(pen: Pen, i: number, x0: number, x1: number, y: number, hit: boolean): void {
  const { ctx, s } = pen;
  const t = s.layout.tree;
  const room = x1 - x0 - 8;
  const text = fitting(pen, t.names[t.name[i]!]!, t.folded[i]!, room);
  if (!text) return;
  ctx.fillStyle = hit ? s.palette.hitText : s.palette.text;
  ctx.fillText(text, x0 + 4, y + rowHeight / 2);
}

/* The whole name, or without its path, or the beginning of that. Names may be huge: they are cut before they
 * are measured. */
function fitting(pen: Pen, name: string, folded: number, room: number): string {
  const { ctx } = pen;
  const most = Math.ceil(room / (pen.charWidth * 0.45)); // even "iiii" is no longer
  const fits = (text: string) => text.length <= most && ctx.measureText(text).width <= room;
  const note = folded > 0 ? ` · ${folded} frames` : "";
  if (fits(name + note)) return name + note;
  const short = shortName(name);
  if (fits(short)) return short;
  let keep = Math.min(short.length, Math.floor(room / pen.charWidth) + 3);
  while (keep > 2 && ctx.measureText(`${short.slice(0, keep)}…`).width > room) keep--;
  return keep > 2 ? `${short.slice(0, keep)}…` : "";
}

/* What is under a point of the viewport. */
export function pick(s: Scene, px: number, py: number): { node: number; run: Run | null } {
  const { layout: l } = s;
  const row = rowAt(s, py);
  const nothing = { node: -1, run: null };
  if (row < 0 || row >= l.rows || py < 0) return nothing;
  const { left, perPixel } = xScale(s);
  const zoomRow = l.depth[s.zoom]!;
  if (row < zoomRow) {
    let i = s.zoom;
    while (l.depth[i]! > row) i = l.tree.parent[i]!;
    return { node: i, run: null };
  }
  const at = firstEndingBehind(l, row, left + px * perPixel);
  const end = l.rowStart[row + 1]!;
  if (at >= end) return nothing;
  const i = l.order[at]!;
  if (l.x[i]! > left + (px + 1) * perPixel || l.x[i]! >= left + l.w[s.zoom]!) return nothing;
  if (l.w[i]! / perPixel >= narrow) return { node: i, run: null };
  let first = at;
  const start = l.rowStart[row]!;
  while (first > start && at - first < 10000) {
    const before = l.order[first - 1]!;
    const after = l.order[first]!;
    const apart = l.x[after]! - (l.x[before]! + l.w[before]!) > perPixel;
    if (apart || l.w[before]! / perPixel >= narrow || l.x[before]! < left) break;
    first--;
  }
  const pen = { s, left, perPixel } as Pen;
  const last = runEnd(pen, row, first);
  return { node: i, run: last - first > 1 ? { first, count: last - first } : null };
}
