// Colours. Frames of one package (file, binary) have one colour out of twelve that keep apart for the
// colour-blind as far as twelve can, by lightness as well as by hue; comparisons go from blue (less) over grey
// to orange (more), which red-green and blue-yellow blind people can tell.
import type { ColorBy } from "../state";
import { packageOf, type Tree } from "./tree";

export interface Palette {
  dark: boolean;
  frames: string[];
  neutral: string;
  other: string;
  text: string;
  faint: string;
  edge: string;
  hit: string;
  hitText: string;
  focus: string;
  run: string;
  less: string[]; // weak to strong
  more: string[];
  heat: string[]; // small to large
}

const light: Palette = {
  dark: false,
  frames: [
    "#e8b07a",
    "#9cc3dd",
    "#b9cf8f",
    "#e3a3a8",
    "#c5b3dd",
    "#8fcbbd",
    "#ecd184",
    "#b3bccb",
    "#dfb3cf",
    "#a9b3e6",
    "#d3bf9f",
    "#8ecfd9",
  ],
  neutral: "#d5d9df",
  other: "#e6e8ec",
  text: "#14181f",
  faint: "#9aa3b0",
  edge: "#ffffff",
  hit: "#7a2fb5",
  hitText: "#ffffff",
  focus: "#0b57d0",
  run: "#c2c8d1",
  less: ["#d3e0ee", "#a9c7e6", "#76a7d8", "#3f80c4"],
  more: ["#f6dfc9", "#f1bd8b", "#e6934a", "#d2691e"],
  heat: ["#f5ecd5", "#f1d9a3", "#ecbf73", "#e29f51", "#d47c3f", "#c25a36"],
};

const dark: Palette = {
  dark: true,
  frames: [
    "#8f5f33",
    "#3c6682",
    "#5a7032",
    "#8a4a52",
    "#65538a",
    "#2f6d62",
    "#83692b",
    "#525d70",
    "#7b4d6c",
    "#4a5596",
    "#6e5c41",
    "#2c6a75",
  ],
  neutral: "#3b424d",
  other: "#2c323b",
  text: "#f1f3f6",
  faint: "#6c7684",
  edge: "#15181d",
  hit: "#c58af9",
  hitText: "#1b0b2b",
  focus: "#8ab4f8",
  run: "#4a525f",
  less: ["#33455a", "#315f8c", "#2f78bd", "#4a9be6"],
  more: ["#54432f", "#81562a", "#ad6a22", "#dd8424"],
  heat: ["#3a3730", "#54472f", "#71562d", "#8f602c", "#ad672d", "#c96b31"],
};

export function palette(isDark: boolean): Palette {
  return isDark ? dark : light;
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let k = 0; k < text.length; k++) h = Math.imul(h ^ text.charCodeAt(k), 0x01000193);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d) >>> 0;
}

/* What a node is coloured by, as text; empty: nothing is known. */
export function groupOf(t: Tree, i: number, by: ColorBy): string {
  if (by === "file") return t.files[t.file[i]!] ?? "";
  if (by === "binary") return t.binaries[t.binary[i]!] ?? "";
  return (t.packages[t.pkg[i]!] ?? "") || packageOf(t.names[t.name[i]!] ?? "");
}

/* A colour for each group: its hash chooses, and the costliest ones step aside to the next free colour, so that
 * what matters is told apart and mostly keeps its colour from picture to picture. */
export function groupColors(t: Tree, by: ColorBy, p: Palette): (group: string) => string {
  const chosen = new Map<string, string>();
  const taken = new Set<number>();
  const n = p.frames.length;
  for (const { group } of legend(t, by, n)) {
    if (group.startsWith("(")) continue;
    let at = hash(group) % n;
    while (taken.has(at)) at = (at + 1) % n;
    taken.add(at);
    chosen.set(group, p.frames[at]!);
  }
  return (group) => {
    let color = chosen.get(group);
    if (!color) {
      color = group ? p.frames[hash(group) % n]! : p.neutral;
      chosen.set(group, color);
    }
    return color;
  };
}

/* How much a value has changed: -1 (gone) over 0 to 1 (new). */
export function change(value: number, base: number): number {
  const most = Math.max(Math.abs(value), Math.abs(base));
  return most ? Math.max(-1, Math.min(1, (value - base) / most)) : 0;
}

export function changeColor(c: number, p: Palette): string {
  const a = Math.abs(c);
  if (a < 0.02) return p.neutral;
  const scale = c < 0 ? p.less : p.more;
  return scale[a < 0.1 ? 0 : a < 0.3 ? 1 : a < 0.7 ? 2 : 3]!;
}

/* A colour for every node. */
export function nodeColors(t: Tree, by: ColorBy, p: Palette): string[] {
  const colorOf = groupColors(t, by, p);
  const whole = t.total[0]! || 1;
  const colors = new Array<string>(t.n);
  for (let i = 0; i < t.n; i++) {
    if (t.folded[i]! > 0 || i === 0) colors[i] = p.other;
    else if (t.baseTotal) colors[i] = changeColor(change(t.total[i]!, t.baseTotal[i]!), p);
    else if (by === "value") {
      const share = Math.sqrt(Math.abs(t.total[i]!) / whole);
      colors[i] = p.heat[Math.min(p.heat.length - 1, Math.floor(share * p.heat.length))]!;
    } else {
      colors[i] = colorOf(groupOf(t, i, by));
    }
  }
  return colors;
}

interface Group {
  group: string;
  self: number;
}

const ranked = new WeakMap<Tree, Map<ColorBy, Group[]>>();

/* The groups that cost most by themselves, largest first, for the legend. */
export function legend(t: Tree, by: ColorBy, limit: number): Group[] {
  let all = ranked.get(t);
  if (!all) ranked.set(t, (all = new Map<ColorBy, Group[]>()));
  let list = all.get(by);
  if (!list) all.set(by, (list = rank(t, by)));
  return list.slice(0, limit);
}

function rank(t: Tree, by: ColorBy): Group[] {
  const sums = new Map<string, number>();
  for (let i = 1; i < t.n; i++)
    if (t.self[i]) {
      const group = t.folded[i] ? "(other)" : groupOf(t, i, by) || "(unknown)";
      sums.set(group, (sums.get(group) ?? 0) + t.self[i]!);
    }
  return [...sums].map(([group, self]) => ({ group, self })).sort((a, b) => b.self - a.self);
}
