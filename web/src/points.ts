// Single profiles as points: when each was taken, and what it comes to in the sample type that is looked at.
import type { ProfileMeta, ProfileTotal } from "./types";

export interface Point {
  profile: ProfileMeta;
  at: number; // unix seconds
  value: number | null; // null: it has none of this sample type, or the sum has no number
  seconds: number; // that it covers; 0: not known
}

/* The total of a sample type; without a name the last one's, as everywhere. */
function totalOf(p: ProfileMeta, sample: string): ProfileTotal | undefined {
  return sample ? p.totals?.find((t) => t.type === sample) : p.totals?.[p.totals.length - 1];
}

export function pointsOf(profiles: readonly ProfileMeta[], sample: string): Point[] {
  return profiles.map((profile) => ({
    profile,
    at: Date.parse(profile.created_at) / 1000,
    value: totalOf(profile, sample)?.value ?? null,
    seconds: (profile.duration_nanos ?? 0) / 1e9,
  }));
}

export function unitOf(profiles: readonly ProfileMeta[], sample: string): string {
  for (const p of profiles) {
    const total = totalOf(p, sample);
    if (total) return total.unit;
  }
  return "";
}
