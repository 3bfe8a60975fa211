// Search: which frames match, and what they cost together. Frames under a matching frame count with it once.
import type { Tree } from "./tree";

export interface Hits {
  names: Uint8Array; // by number of a name
  nodes: number; // frames that match
  value: number; // their total, without counting any time twice
  baseValue: number;
}

/* A regular expression for exactly this text. */
export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/* A search for exactly this text, where a "/" at the beginning would make a regular expression of it. */
export function literal(text: string): string {
  return text.startsWith("/") ? `/${escaped(text)}/` : text;
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

/* The names of a table in lower case: made once, not with every letter that is typed. */
const lowered = new WeakMap<string[], string[]>();

function matches(names: string[], query: string): Uint8Array | null {
  if (query.startsWith("/") && query.length > 1) {
    const match = matcher(query);
    return match && Uint8Array.from(names, (name) => (match(name) ? 1 : 0));
  }
  let low = lowered.get(names);
  if (!low) lowered.set(names, (low = names.map((name) => name.toLowerCase())));
  const needle = query.toLowerCase();
  return Uint8Array.from(low, (name) => (name.includes(needle) ? 1 : 0));
}

/* The last search of a tree: the field and the graph ask for the same. */
const last = new WeakMap<Tree, { query: string; hits: Hits | null }>();

export function search(t: Tree, query: string): Hits | null {
  if (!query) return null;
  let found = last.get(t);
  if (found?.query !== query) last.set(t, (found = { query, hits: find(t, query) }));
  return found.hits;
}

function find(t: Tree, query: string): Hits | null {
  const names = matches(t.names, query);
  if (!names) return null;
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
