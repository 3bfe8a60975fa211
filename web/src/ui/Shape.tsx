// The graphs of a picture: the flame graph, leaf up, or a sandwich, each with what is said above it; and how an
// "(other)" in them opens.
import { useMemo } from "preact/hooks";
import type { Format } from "../flame/details";
import { collapseChains, collapseRecursion } from "../flame/transform";
import { path, type Tree } from "../flame/tree";
import { type Link, menuOfNode } from "../frameMenu";
import type { Part } from "../parts";
import type { Source } from "../source";
import type { State } from "../state";
import { update } from "../store";
import type { MenuItem } from "./Menu";
import { Empty, ErrorNotice, Skeleton } from "./Notice";

export function reshape(tree: Tree | null, recursion: boolean, chains: boolean, around = false): Tree | null {
  let t = tree;
  if (t && recursion) t = collapseRecursion(t, around);
  if (t && chains) t = collapseChains(t);
  return t;
}

type RootKey = "root" | "rootUp";

/* Callers stand above their function, their root at the foot. */
export function rootOf(flip: boolean): RootKey {
  return flip ? "rootUp" : "root";
}

export function zoomOf(flip: boolean): "zoom" | "zoomUp" {
  return flip ? "zoomUp" : "zoom";
}

/* The menu of a frame, or of an "(other)". */
export function itemsOf(t: Tree, i: number, s: State, link: Link, key: RootKey): MenuItem[] {
  const run = () => openOther(t, i, s, key);
  return t.folded[i] ? [{ label: "Open it", hint: `${t.folded[i]} frames`, run }] : menuOfNode(t, i, s, link);
}

/* Asks the server for what an "(other)" holds: its caller becomes the root; where that is the root already, or
 * where frames are left out and so the way to it is not known, more frames are asked for. */
export function openOther(t: Tree, i: number, s: State, key: RootKey): void {
  const above = path(t, t.parent[i]!).map(encodeURIComponent).join(";");
  const whole = { zoom: "", zoomUp: "" };
  if (!above || s.recursion || s.chains) update({ more: true, ...whole });
  else update({ [key]: s[key] ? `${s[key]};${above}` : above, ...whole });
}

type FlameOf = (t: Tree, name: string, flip: boolean) => preact.JSX.Element;

interface ShapeProps {
  s: State;
  source: Source;
  tree: Tree;
  format: Format;
  flameOf: FlameOf;
}

export function Shape({ s, source, tree, format, flameOf }: ShapeProps) {
  if (s.mode === "sandwich") return <Sandwich s={s} source={source} format={format} flameOf={flameOf} />;
  if (s.mode === "leaf")
    return (
      <PartOf s={s} part={source.leaf} rootKey="root" format={format} again={source.again}>
        {(t) => flameOf(t, "Leaf up", false)}
      </PartOf>
    );
  return (
    <>
      <Crumbs s={s} rootKey="root" truncated={source.truncated} format={format} />
      {flameOf(tree, "Flame graph", false)}
    </>
  );
}

type SandwichProps = Omit<ShapeProps, "tree">;

export function Sandwich({ s, source, format, flameOf }: SandwichProps) {
  if (!s.fn) return <Empty title="Choose a function: a row of the table, or a frame's menu." />;
  const shared = { s, format, again: source.again };
  const isAbsent = (part: Part | null, root: string) => !root && part?.error?.isNothing;
  if (isAbsent(source.callers, s.rootUp) || isAbsent(source.callees, s.root))
    return <Empty title="This function is not in the profile." />;
  return (
    <div class="sandwich">
      <h3>
        Callers of <bdi class="name">{s.fn.slice(0, 300)}</bdi>
      </h3>
      <PartOf {...shared} part={source.callers} rootKey="rootUp">
        {(t) => flameOf(t, "Callers", true)}
      </PartOf>
      <h3>What it calls</h3>
      <PartOf {...shared} part={source.callees} rootKey="root">
        {(t) => flameOf(t, "Callees", false)}
      </PartOf>
    </div>
  );
}

interface PartProps {
  s: State;
  part: Part | null;
  rootKey: RootKey;
  format: Format;
  again: () => void;
  children: (tree: Tree) => preact.JSX.Element;
}

function PartOf({ s, part, rootKey, format, again, children }: PartProps) {
  const around = s.mode === "sandwich" && !s[rootKey];
  const tree = useMemo(
    () => reshape(part?.tree ?? null, s.recursion, s.chains, around),
    [part?.tree, s.recursion, s.chains, around],
  );
  return (
    <>
      <Crumbs s={s} rootKey={rootKey} truncated={part?.truncated} format={format} />
      {part?.error && !part.error.isNothing && <ErrorNotice error={part.error} again={again} />}
      {part?.error?.isNothing && <Empty title="What was opened is not in this profile." />}
      {!tree && !part?.error && <Skeleton rows={5} label="Loading the stacks" />}
      {tree && children(tree)}
    </>
  );
}

interface CrumbsProps {
  s: State;
  rootKey: RootKey;
  truncated: Part["truncated"] | undefined;
  format: Format;
}

function Crumbs({ s, rootKey, truncated, format }: CrumbsProps) {
  const { nodes, value } = truncated ?? { nodes: 0, value: 0 };
  const root = s[rootKey];
  return (
    <>
      {root && (
        <div class="crumbs">
          <span>
            Opened under <bdi>{lastName(root)}</bdi>
          </span>
          <button type="button" onClick={() => update({ [rootKey]: "", zoom: "", zoomUp: "", more: false })}>
            Back to the whole
          </button>
        </div>
      )}
      {nodes > 0 && (
        <div class="crumbs faint">
          {`${nodes.toLocaleString("en-US")} small frames (${format(value)}) are folded into “(other)”: click one to open it.`}
        </div>
      )}
    </>
  );
}

function lastName(root: string): string {
  const last = root.slice(root.lastIndexOf(";") + 1);
  try {
    return decodeURIComponent(last).slice(0, 200);
  } catch {
    return last.slice(0, 200);
  }
}
