// What is measured with: made by a fixed generator, so that everybody measures the same.
import type { TestProfile } from "../support/pprof";

/* Numbers from 0 to 1, always the same ones. */
export function dice(seed: number): () => number {
  let s = seed;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
}

function name(n: number): string {
  return `example.com/team/part${n % 37}.(*Type${n % 101}).method${n}`;
}

/* Stacks of a program: each depth goes on in a few usual ways and many rare ones. */
function stack(roll: () => number, depth: number, spread: number, above: string[] = ["main.main"]): string[] {
  const frames = [...above];
  let at = frames.length * 31;
  while (frames.length < depth) {
    at = (at * 31 + Math.floor(roll() ** 4 * spread) + frames.length) % 2500;
    frames.push(name(at));
  }
  return frames;
}

/* One of the CPU profiles of a service: 270 samples, as a real one of ten seconds has. Most stacks of one are in
 * the others too; 60 of them together have 9,000 frames. */
export function usual(seed: number): TestProfile {
  const roll = dice(seed);
  const samples = Array.from({ length: 270 }, () => {
    const which = Math.floor(2800 * roll() ** 5);
    const handler = stack(dice(which % 30), 12, 9);
    const part = stack(dice(which % 300), 16, 9, handler);
    const own = dice(which);
    return { stack: stack(own, 17 + Math.floor(own() * 8), 9, part), values: [1e7] };
  });
  return { samples, durationNanos: 10_000_000_000n };
}

/* A profile whose tree has about so many frames. */
export function large(frames: number): TestProfile {
  const roll = dice(7);
  const samples: TestProfile["samples"] = [];
  const seen = new Set<string>();
  while (seen.size < frames) {
    const s = stack(roll, 10 + Math.floor(roll() * 30), 12);
    samples.push({ stack: s, values: [Math.ceil(roll() * 1e7)] });
    for (let path = "", i = 0; i < s.length; i++) seen.add((path += `;${s[i]}`));
  }
  return { samples, durationNanos: 10_000_000_000n };
}
