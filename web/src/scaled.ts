// A comparison whose base is multiplied, so that unlike sides can be held against each other.
import type { Tree } from "./flame/tree";
import type { Source } from "./source";

type Sides = Pick<Source, "tree" | "rows" | "baseTotal">;

export function scaled<S extends Sides>(source: S, factor: number): S {
  if (factor === 1 || !source.tree?.baseTotal) return source;
  const times = (list: Float64Array | null) => list && list.map((v) => v * factor);
  const tree: Tree = {
    ...source.tree,
    baseSelf: times(source.tree.baseSelf),
    baseTotal: times(source.tree.baseTotal),
  };
  const rows =
    source.rows?.map((r) => ({
      ...r,
      base_flat: (r.base_flat ?? 0) * factor,
      base_cum: (r.base_cum ?? 0) * factor,
    })) ?? null;
  return { ...source, tree, rows, baseTotal: (source.baseTotal ?? 0) * factor };
}
