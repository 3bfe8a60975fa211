// Single profiles as points: the value of each is read off the finest time line that the server gives, at the
// step its time falls into. A step with several profiles gives each their mean.
import type { ProfileMeta, Series } from "./types";

export interface Point {
  profile: ProfileMeta;
  at: number; // unix seconds
  value: number | null; // null: not known
  exact: boolean; // the only one of its step
}

/* The step that keeps a range within the 10,000 points that the server gives. */
export function finestStep(from: number, to: number): number {
  return Math.max(1, Math.ceil((to - from + 1) / 9000));
}

export function pointsOf(profiles: readonly ProfileMeta[], s: Series | null): Point[] {
  return profiles.map((profile) => {
    const at = Date.parse(profile.created_at) / 1000;
    let sum = 0;
    let count = 0;
    const i = s ? Math.floor((at - s.start) / s.step) : -1;
    if (s && i >= 0 && i < s.points)
      for (const g of s.groups) {
        sum += g.sum[i] ?? 0;
        count += g.count[i] ?? 0;
      }
    return { profile, at, value: count ? sum / count : null, exact: count === 1 };
  });
}
