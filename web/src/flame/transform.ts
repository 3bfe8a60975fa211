// Other ways to look at the same tree: from the leaves up, around one function, without recursion, without
// chains in which one function only calls the next.
import { Builder, frameOf } from "./builder";
import { children, type Tree } from "./tree";

const workLimit = 4_000_000; // steps of a walk; what is deeper stays unopened

function builderFor(t: Tree, root = 0): Builder {
  return new Builder(t, frameOf(t, root), t.baseTotal !== null);
}

/* Callers below callees: each node's self value goes to its name, then to its callers' upwards. */
export function leafUp(t: Tree): Tree {
  const b = builderFor(t);
  const depth = depthAllowed(t);
  for (let i = 0; i < t.n; i++) {
    const value = t.self[i]!;
    const base = t.baseSelf?.[i] ?? 0;
    if (!value && !base) continue;
    b.total(0, value, base);
    if (i === 0) b.self(0, value, base);
    let at = 0;
    let left = depth;
    for (let k = i; k > 0 && left-- > 0; k = t.parent[k]!) {
      const frame = k;
      at = b.child(at, t.name[k]!, () => frameOf(t, frame));
      b.total(at, value, base);
    }
    if (i > 0) b.self(at, value, base);
  }
  return b.finish();
}

/* How far up every walk may go so that all together stay bearable. */
function depthAllowed(t: Tree): number {
  let leaves = 0;
  for (let i = 0; i < t.n; i++) if (t.self[i] || t.baseSelf?.[i]) leaves++;
  return Math.max(64, Math.floor(workLimit / Math.max(1, leaves)));
}

/* Nodes of function `name` that have no such node above them: so that recursion counts once. */
export function outermost(t: Tree, name: number): Int32Array {
  const inside = new Uint8Array(t.n);
  const found: number[] = [];
  for (let i = 0; i < t.n; i++) {
    const above = i > 0 && inside[t.parent[i]!];
    if (above) inside[i] = 1;
    else if (t.name[i] === name && i > 0) {
      inside[i] = 1;
      found.push(i);
    }
  }
  return Int32Array.from(found);
}

/* What a function calls: the subtrees of all its outermost calls laid over each other. */
export function callees(t: Tree, name: number): Tree {
  const tops = outermost(t, name);
  const b = builderFor(t, tops[0] ?? 0);
  const to = new Int32Array(t.n).fill(-1);
  const isTop = new Uint8Array(t.n);
  for (const i of tops) isTop[i] = 1;
  for (let i = 1; i < t.n; i++) {
    const above = to[t.parent[i]!]!;
    if (isTop[i]) to[i] = 0;
    else if (above >= 0) to[i] = b.child(above, t.name[i]!, () => frameOf(t, i));
    else continue;
    b.total(to[i]!, t.total[i]!, t.baseTotal?.[i] ?? 0);
    b.self(to[i]!, t.self[i]!, t.baseSelf?.[i] ?? 0);
  }
  return b.finish();
}

/* Who calls a function: up from all its outermost calls, each with that call's total. */
export function callers(t: Tree, name: number): Tree {
  const tops = outermost(t, name);
  const b = builderFor(t, tops[0] ?? 0);
  const depth = Math.max(64, Math.floor(workLimit / Math.max(1, tops.length)));
  for (const i of tops) {
    const value = t.total[i]!;
    const base = t.baseTotal?.[i] ?? 0;
    let at = 0;
    let left = depth;
    b.total(0, value, base);
    for (let k = t.parent[i]!; k > 0 && left-- > 0; k = t.parent[k]!) {
      const frame = k;
      at = b.child(at, t.name[k]!, () => frameOf(t, frame));
      b.total(at, value, base);
    }
    b.self(at, value, base);
  }
  return b.finish();
}

/* A function that calls itself at once becomes one frame. `around`: the root is a function, too. */
export function collapseRecursion(t: Tree, around = false): Tree {
  const b = builderFor(t);
  const to = new Int32Array(t.n);
  b.total(0, t.total[0]!, t.baseTotal?.[0] ?? 0);
  b.self(0, t.self[0]!, t.baseSelf?.[0] ?? 0);
  for (let i = 1; i < t.n; i++) {
    const parent = t.parent[i]!;
    if ((parent > 0 || around) && t.name[parent] === t.name[i]) {
      to[i] = to[parent]!;
    } else {
      to[i] = b.child(to[parent]!, t.name[i]!, () => frameOf(t, i));
      b.total(to[i]!, t.total[i]!, t.baseTotal?.[i] ?? 0);
    }
    b.self(to[i]!, t.self[i]!, t.baseSelf?.[i] ?? 0);
  }
  return b.finish();
}

/* A frame that does nothing but call one other is left out, except the first under the root. */
export function collapseChains(t: Tree): Tree {
  const kids = children(t);
  const b = builderFor(t);
  const to = new Int32Array(t.n);
  b.total(0, t.total[0]!, t.baseTotal?.[0] ?? 0);
  b.self(0, t.self[0]!, t.baseSelf?.[0] ?? 0);
  const onlyCalls = (i: number) =>
    kids.start[i + 1]! - kids.start[i]! === 1 && !t.self[i] && !t.baseSelf?.[i];
  for (let i = 1; i < t.n; i++) {
    const parent = t.parent[i]!;
    if (parent > 0 && onlyCalls(i)) {
      to[i] = to[parent]!;
      continue;
    }
    // siblings that were left out may hide equal names: the node's own number keeps them apart
    to[i] = b.child(to[parent]!, i, () => frameOf(t, i));
    b.total(to[i]!, t.total[i]!, t.baseTotal?.[i] ?? 0);
    b.self(to[i]!, t.self[i]!, t.baseSelf?.[i] ?? 0);
  }
  return b.finish();
}
