// The same stacks laid otherwise: from the leaf up, and callers and callees of one function. The server makes them
// from all stacks; of a dropped file they are made here, from its tree.
import { useMemo } from "preact/hooks";
import { ApiError, api } from "./api";
import { callees, callers, leafUp } from "./flame/transform";
import { fromAnswer, type Tree } from "./flame/tree";
import { type Loaded, useLoad } from "./load";
import type { State } from "./state";
import type { FlameAnswer } from "./types";

export interface Part {
  tree: Tree | null;
  truncated: { nodes: number; value: number };
  loading: boolean;
  error: ApiError | null;
}

/* null: not asked for. */
export interface Parts {
  leaf: Part | null;
  callers: Part | null;
  callees: Part | null;
}

type PartName = keyof Parts;

export const noParts: Parts = { leaf: null, callers: null, callees: null };
export const nothingLeftOut = { nodes: 0, value: 0 };

/* What the API calls the pictures that are shown, by name: one, or the two of a sandwich. */
export function shownParts(s: State): ["flame" | PartName, Record<string, string>][] {
  if (s.mode === "leaf") return [["leaf", { direction: "up", root: s.root }]];
  if (s.mode !== "sandwich" || !s.fn) return [["flame", { root: s.root }]];
  return [
    ["callers", { function: s.fn, direction: "up", root: s.rootUp }],
    ["callees", { function: s.fn, root: s.root }],
  ];
}

interface ServerParts extends Parts {
  all: Loaded<FlameAnswer>[];
}

/* `address` completes a call for a flame graph; null: nothing can be asked. */
export function useServerParts(
  s: State,
  address: ((params: Record<string, string>) => string) | null,
): ServerParts {
  const shown = new Map(shownParts(s));
  const url = (name: PartName) => {
    const params = shown.get(name);
    return params && address ? address(params) : null;
  };
  const leaf = usePart(url("leaf"));
  const up = usePart(url("callers"));
  const down = usePart(url("callees"));
  return {
    leaf: leaf.part,
    callers: up.part,
    callees: down.part,
    all: [down.loaded, up.loaded, leaf.loaded],
  };
}

function usePart(url: string | null): { part: Part | null; loaded: Loaded<FlameAnswer> } {
  const loaded = useLoad(url, (signal) => api.flame(url!, signal));
  const { value, loading, error } = loaded;
  const tree = useMemo(() => (value ? fromAnswer(value) : null), [value]);
  const asked = url !== null;
  const part = useMemo(
    () => (asked ? { tree, truncated: value?.truncated ?? nothingLeftOut, loading, error } : null),
    [asked, tree, loading, error],
  );
  return { part, loaded };
}

/* From a tree that is whole. */
export function useLocalParts(s: State, tree: Tree | null): Parts {
  return useMemo(() => {
    if (!tree) return noParts;
    if (s.mode === "leaf") return { ...noParts, leaf: made(leafUp(tree)) };
    if (s.mode !== "sandwich" || !s.fn) return noParts;
    const name = tree.names.indexOf(s.fn);
    return {
      ...noParts,
      callers: name < 0 ? absent : made(callers(tree, name)),
      callees: name < 0 ? absent : made(callees(tree, name)),
    };
  }, [tree, s.mode, s.fn]);
}

const absent: Part = {
  tree: null,
  truncated: nothingLeftOut,
  loading: false,
  error: new ApiError(404, "nothing found"),
};

function made(tree: Tree): Part {
  return { tree, truncated: nothingLeftOut, loading: false, error: null };
}
