// What values are divided by, so that they don't depend on how many profiles somebody happened to take: the
// seconds that the profiles cover (time becomes busy processors), or the profiles where those don't say what
// they cover, or are of a state (memory in use). The undivided total, which is what `go tool pprof` prints, is
// one click away and stands with every frame.
import type { Series } from "./types";

export type Basis = "second" | "profile" | "total";

export interface Asked {
  cumulative: boolean; // adds up; false: a state, of which only a mean says something
  rate: boolean; // as chosen: divided, or the total
}

export function basisOf({ cumulative, rate }: Asked, seconds: number): Basis {
  if (!cumulative) return "profile";
  if (!rate) return "total";
  return seconds > 0 ? "second" : "profile";
}

/* Of a time line: per second only where every step knows what it covers, or lines would have holes. */
export function basisOfSeries(s: Series, rate: boolean): Basis {
  const covered = s.groups.every((g) => g.count.every((n, i) => !n || g.duration[i]! > 0));
  return basisOf({ cumulative: s.cumulative, rate }, covered ? 1 : 0);
}
