// What is known of a frame, or of a run of small ones, in words: for the bar under the graph and for those who
// hear it instead.
import { formatPercent } from "../units";
import type { Layout } from "./layout";
import type { Run } from "./render";
import type { Tree } from "./tree";

export interface Details {
  name: string;
  place: string; // file:line
  parts: string[]; // values
}

/* A value in words; `whole`, where values are shown divided, says the undivided one. */
export interface Format {
  (value: number): string;
  whole?: (value: number) => string;
}

/* "0.3 cores (12.5%, 4.1 s)" */
function withShare(value: number, of: number, format: Format): string {
  const whole = format.whole ? `, ${format.whole(value)}` : "";
  return `${format(value)} (${formatPercent(value, of)}${whole})`;
}

export function placeOf(t: Tree, i: number): string {
  const file = t.files[t.file[i]!] ?? "";
  const line = t.line[i]!;
  return file && line ? `${file}:${line}` : file;
}

function signed(value: number, format: Format): string {
  return value > 0 ? `+${format(value)}` : format(value);
}

export function details(t: Tree, i: number, format: Format): Details {
  const total = t.total[i]!;
  const parts: string[] = [];
  if (t.baseTotal && t.baseSelf) {
    const base = t.baseTotal[i]!;
    parts.push(
      `before ${format(base)} (${formatPercent(base, t.baseTotal[0]!)})`,
      `after ${format(total)} (${formatPercent(total, t.total[0]!)})`,
      base
        ? `${signed(total - base, format)} (${signed(total - base, (v) => formatPercent(v, base))})`
        : "new",
    );
  } else {
    parts.push(`total ${withShare(total, t.total[0]!, format)}`);
    parts.push(`self ${withShare(t.self[i]!, t.total[0]!, format)}`);
  }
  if (t.folded[i]! > 0) parts.push(`${t.folded[i]} frames folded away: Enter or click opens them`);
  if (t.inlined[i]) parts.push("inlined");
  return { name: t.names[t.name[i]!] ?? "", place: placeOf(t, i), parts };
}

export function runDetails(l: Layout, run: Run, format: Format): Details {
  let sum = 0;
  for (let k = run.first; k < run.first + run.count; k++) sum += l.tree.total[l.order[k]!]!;
  const whole = l.tree.total[0]!;
  return {
    name: `${run.count} frames too narrow to draw`,
    place: "",
    parts: [`together ${withShare(sum, whole, format)}`, "click zooms to the largest one's caller"],
  };
}
