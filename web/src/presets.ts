// What to compare with: the same range earlier, or another version by a label.
import { parseLabels, withLabel } from "./labels";
import type { State } from "./state";
import { seconds, shift } from "./time";
import type { LabelInfo } from "./types";

export interface Preset {
  text: string;
  change: Partial<State>;
}

const earlier: [string, number][] = [
  ["An hour ago", 3600],
  ["Yesterday", 86400],
  ["Last week", 604800],
];

/* "v1.9" before "v1.10". */
export function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

const versionKeys = /^(version|release|revision|commit|build|tag|image|app[._-]?version)$/i;

/* For each label that tells versions apart: the newest, or the one selected, against the one before it. */
function versions(s: State, labels: LabelInfo[]): Preset[] {
  const presets: Preset[] = [];
  for (const { key, values } of labels) {
    if (!versionKeys.test(key) || values.length < 2) continue;
    const sorted = values.map((v) => v.value).sort(byVersion);
    const asked = parseLabels(s.labels).find((f) => f.key === key && f.op === "=")?.value;
    const at = asked !== undefined && sorted.indexOf(asked) > 0 ? sorted.indexOf(asked) : sorted.length - 1;
    const now = sorted[at]!;
    const before = sorted[at - 1]!;
    presets.push({
      text: `${key}: ${before} → ${now}`,
      change: {
        labels: withLabel(s.labels, key, now),
        baseLabels: withLabel(s.labels, key, before),
        baseFrom: s.from,
        baseTo: s.to,
      },
    });
  }
  return presets;
}

export function presets(s: State, labels: LabelInfo[] | null): Preset[] {
  const length = (seconds(s.to) ?? 0) - (seconds(s.from) ?? 0);
  const list: Preset[] = [
    {
      text: "Just before",
      change: { baseFrom: shift(s.from, -length), baseTo: s.from, baseLabels: s.labels },
    },
    ...earlier.map(([text, by]) => ({
      text,
      change: { baseFrom: shift(s.from, -by), baseTo: shift(s.to, -by), baseLabels: s.labels },
    })),
  ];
  return [...list, ...versions(s, labels ?? [])];
}

export function swap(s: State): Partial<State> {
  return {
    from: s.baseFrom,
    to: s.baseTo,
    labels: s.baseLabels,
    id: s.baseId,
    baseFrom: s.from,
    baseTo: s.to,
    baseLabels: s.labels,
    baseId: s.id,
  };
}

/* With synced ranges a new range on one side gives the other the same length, ending where it did. */
export function synced(s: State, side: "base" | "here", from: string, to: string): Partial<State> {
  const own: Partial<State> = side === "base" ? { baseFrom: from, baseTo: to } : { from, to };
  if (!s.sync) return own;
  const length = (seconds(to) ?? 0) - (seconds(from) ?? 0);
  const otherTo = side === "base" ? s.to : s.baseTo;
  const otherFrom = shift(otherTo, -length);
  return side === "base" ? { ...own, from: otherFrom } : { ...own, baseFrom: otherFrom };
}
