// Search: which frames match, and what they cost together. Frames under a matching frame count with it once.
import type { Tree } from "./tree";

export interface Hits {
  names: Uint8Array; // by number of a name
  nodes: number; // frames that match
  value: number; // their total, without counting any time twice
  baseValue: number;
}

/* A text is found anywhere, in any case; /…/ is a regular expression. Null for an expression that is none. */
export function matcher(query: string): ((name: string) => boolean) | null {
  const regex = /^\/(.+?)\/?$/.exec(query);
  if (regex) {
    try {
      const re = new RegExp(regex[1]!, "i");
      return (name) => re.test(name.length > 2000 ? name.slice(0, 2000) : name);
    } catch {
      return null;
    }
  }
  const needle = query.toLowerCase();
  return (name) => name.toLowerCase().includes(needle);
}

export function search(t: Tree, query: string): Hits | null {
  const match = query ? matcher(query) : null;
  if (!match) return null;
  const names = Uint8Array.from(t.names, (name) => (match(name) ? 1 : 0));
  const inside = new Uint8Array(t.n);
  const hits: Hits = { names, nodes: 0, value: 0, baseValue: 0 };
  for (let i = 1; i < t.n; i++) {
    const above = inside[t.parent[i]!]!;
    const hit = names[t.name[i]!]!;
    if (hit) hits.nodes++;
    if (hit && !above) {
      hits.value += t.total[i]!;
      hits.baseValue += t.baseTotal?.[i] ?? 0;
    }
    inside[i] = above | hit;
  }
  return hits;
}

/* The next frame that matches, in drawing order, behind `from`; wraps around. -1: none. */
export function nextHit(t: Tree, order: Int32Array, hits: Hits, from: number, step: 1 | -1): number {
  const n = order.length;
  let place = order.indexOf(from);
  for (let k = 0; k < n; k++) {
    place = (place + step + n) % n;
    const i = order[place]!;
    if (i > 0 && hits.names[t.name[i]!]) return i;
  }
  return -1;
}
