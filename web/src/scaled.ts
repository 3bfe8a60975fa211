// A comparison whose base is multiplied, so that unlike sides can be held against each other.
import type { Tree } from "./flame/tree";
import type { Part, Parts } from "./parts";
import type { Source } from "./source";

type Sides = Pick<Source, "tree" | "rows" | "baseTotal"> & Partial<Parts>;

function scaledTree(tree: Tree | null, factor: number): Tree | null {
  const times = (list: Float64Array | null) => list && list.map((v) => v * factor);
  return tree && { ...tree, baseSelf: times(tree.baseSelf), baseTotal: times(tree.baseTotal) };
}

function scaledPart(part: Part | null | undefined, factor: number): Part | null {
  return part ? { ...part, tree: scaledTree(part.tree, factor) } : null;
}

export function scaled<S extends Sides>(source: S, factor: number): S {
  if (factor === 1 || !source.tree?.baseTotal) return source;
  const rows =
    source.rows?.map((r) => ({
      ...r,
      base_flat: (r.base_flat ?? 0) * factor,
      base_cum: (r.base_cum ?? 0) * factor,
    })) ?? null;
  return {
    ...source,
    tree: scaledTree(source.tree, factor),
    leaf: scaledPart(source.leaf, factor),
    callers: scaledPart(source.callers, factor),
    callees: scaledPart(source.callees, factor),
    rows,
    baseTotal: (source.baseTotal ?? 0) * factor,
  };
}
