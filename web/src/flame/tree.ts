// A call tree as columns: node 0 is the root, parents stand before their children, the children of a node
// follow each other by value. Everything that draws, searches or reshapes works on this.
import type { FlameAnswer } from "../types";

export interface Tree {
  n: number;
  names: string[];
  files: string[];
  packages: string[];
  binaries: string[];
  buildIds: string[]; // one an entry of binaries; empty: unknown, or several
  parent: Int32Array;
  name: Int32Array;
  file: Int32Array;
  line: Int32Array;
  binary: Int32Array;
  pkg: Int32Array;
  address: string[] | null;
  self: Float64Array;
  total: Float64Array;
  baseSelf: Float64Array | null; // the other side of a comparison
  baseTotal: Float64Array | null;
  inlined: Uint8Array;
  folded: Int32Array; // frames that an "(other)" holds
}

export function fromAnswer(a: FlameAnswer): Tree {
  const n = a.nodes.parent.length;
  const ints = (list: number[] | undefined) => (list ? Int32Array.from(list) : new Int32Array(n));
  return {
    n,
    names: a.names,
    files: a.files,
    packages: a.packages,
    binaries: a.binaries,
    buildIds: a.build_ids,
    parent: ints(a.nodes.parent),
    name: ints(a.nodes.name),
    file: ints(a.nodes.file),
    line: ints(a.nodes.line),
    binary: ints(a.nodes.binary),
    pkg: ints(a.nodes.package),
    address: a.nodes.address ?? null,
    self: Float64Array.from(a.nodes.self),
    total: Float64Array.from(a.nodes.total),
    baseSelf: a.nodes.base_self ? Float64Array.from(a.nodes.base_self) : null,
    baseTotal: a.nodes.base_total ? Float64Array.from(a.nodes.base_total) : null,
    inlined: Uint8Array.from(a.nodes.inlined ?? new Array<number>(n).fill(0)),
    folded: ints(a.nodes.folded),
  };
}

/* Children of node i: list[start[i]] up to list[start[i + 1]], in the tree's order. */
export interface Children {
  start: Int32Array;
  list: Int32Array;
}

export function children(t: Tree): Children {
  const start = new Int32Array(t.n + 1);
  for (let i = 1; i < t.n; i++) start[t.parent[i]! + 1]!++;
  for (let i = 0; i < t.n; i++) start[i + 1]! += start[i]!;
  const next = start.slice();
  const list = new Int32Array(Math.max(0, t.n - 1));
  for (let i = 1; i < t.n; i++) list[next[t.parent[i]!]!++] = i;
  return { start, list };
}

/* Names from the root down to node i, without the root's own. */
export function path(t: Tree, i: number): string[] {
  const names: string[] = [];
  for (let at = i; at > 0; at = t.parent[at]!) names.push(t.names[t.name[at]!]!);
  return names.reverse();
}

/* A short text that finds the same frame again in another answer: a hash of the path of names. */
export function pathHash(t: Tree, i: number): string {
  let h = 0x811c9dc5;
  for (const name of path(t, i)) {
    for (let k = 0; k < name.length; k++) h = Math.imul(h ^ name.charCodeAt(k), 0x01000193);
    h = Math.imul(h ^ 0x1f, 0x01000193);
  }
  return (h >>> 0).toString(36);
}

/* The frame of that hash, or the root. One pass: a node's hash continues its parent's. */
export function findHash(t: Tree, hash: string): number {
  if (!hash) return 0;
  const hashes = new Int32Array(t.n);
  hashes[0] = 0x811c9dc5 | 0;
  for (let i = 1; i < t.n; i++) {
    const name = t.names[t.name[i]!]!;
    let h = hashes[t.parent[i]!]!;
    for (let k = 0; k < name.length; k++) h = Math.imul(h ^ name.charCodeAt(k), 0x01000193);
    h = Math.imul(h ^ 0x1f, 0x01000193);
    hashes[i] = h;
    if ((h >>> 0).toString(36) === hash) return i;
  }
  return 0;
}

/* The part of a Go, C++, Java or Python name that says which package it is of. */
export function packageOf(name: string): string {
  const slash = name.lastIndexOf("/");
  const dot = name.indexOf(".", slash + 1);
  if (dot > 0) return name.slice(0, dot);
  const colons = name.lastIndexOf("::");
  return colons > 0 ? name.slice(0, colons) : "";
}

/* "net/http.(*conn).serve" where only "http.(*conn).serve" fits: without what looks like a path. */
export function shortName(name: string): string {
  return name.replace(/^(?:[\w.~@%+-]+\/)+(?=[^/])/, "");
}
