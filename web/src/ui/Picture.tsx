// A flame graph and its table with everything around them: ways to look, search, filters, legend, menu, and
// what is said when there is nothing to see, too much, or not yet.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSourceLink } from "../context";
import { groupColors, legend as legendOf, palette } from "../flame/colors";
import type { Format } from "../flame/details";
import { FlameGraph } from "../flame/FlameGraph";
import { search as searchTree } from "../flame/search";
import { collapseChains, collapseRecursion } from "../flame/transform";
import { path, type Tree } from "../flame/tree";
import { type Link, menuOfNode, menuOfRow } from "../frameMenu";
import type { Part } from "../parts";
import type { Source } from "../source";
import { fresh, type Mode, type State, unfiltered } from "../state";
import { update } from "../store";
import { useTheme } from "../theme";
import { formatPercent } from "../units";
import { Divider } from "./Divider";
import { Menu, type MenuItem, type MenuProps } from "./Menu";
import { Empty, ErrorNotice, Progress, Skeleton } from "./Notice";
import { Options } from "./Options";
import { TopTable } from "./TopTable";

export interface PictureProps {
  s: State;
  source: Source;
  format: Format;
  label: string;
  nothing?: preact.ComponentChildren; // what helps when nothing is found
}

const modes: [Mode, string, string][] = [
  ["flame", "Flame graph", "from the first caller down"],
  ["sandwich", "Sandwich", "callers above one function, callees below"],
  ["leaf", "Leaf up", "where the cost arises, and who called it"],
];

type OpenMenu = Omit<MenuProps, "onClose">;

export function Picture({ s, source, format, label, nothing }: PictureProps) {
  const { tree } = source;
  const base = useMemo(() => reshape(tree, s.recursion, s.chains), [tree, s.recursion, s.chains]);
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const [walk, setWalk] = useState<{ n: number; step: 1 | -1 }>({ n: 0, step: 1 });
  const link = useSourceLink();
  const shared = {
    format,
    color: s.color,
    search: s.search,
    onZoom: (zoom: string) => update({ zoom }),
    walk,
  };
  const flameOf = (t: Tree, name: string, zoomable: boolean, flip: boolean) => (
    <FlameGraph
      {...shared}
      tree={t}
      label={`${name} of ${label}`}
      fill={s.mode !== "sandwich"}
      flip={flip}
      zoom={zoomable ? s.zoom : ""}
      onMenu={(i, x, y) =>
        setMenu({ x, y, title: t.names[t.name[i]!]!, items: itemsOf(t, i, s, link, rootOf(flip)) })
      }
      onOpen={(i) => openOther(t, i, s, rootOf(flip))}
    />
  );
  const showFlame = s.layout !== "table";
  const showTable = s.layout !== "flame";
  const what =
    s.by === "files" ? "File" : s.by === "lines" ? "Line" : s.by === "addresses" ? "Address" : "Function";
  const body = () => {
    if (source.error?.isNothing) return <Empty title="No profiles here.">{nothing}</Empty>;
    if (source.error) return <ErrorNotice error={source.error} again={source.again} />;
    if (!tree || !base) return source.loading ? <Skeleton rows={9} label="Loading the profile" /> : null;
    if (!tree.total[0] && tree.n <= 1)
      return (
        <Empty title="Nothing is left to show.">
          <p>The filters leave no sample, or every sample is zero.</p>
          <button type="button" onClick={() => update({ ...unfiltered, ...fresh })}>
            Remove the filters
          </button>
        </Empty>
      );
    return (
      <div class={`panes ${s.layout} ${source.loading ? "stale" : ""}`}>
        {showTable && source.rows && (
          <TopTable
            rows={source.rows}
            total={source.total}
            baseTotal={source.baseTotal}
            format={format}
            what={what}
            sort={s.sort}
            query={s.search}
            missing={source.missing}
            selected={s.mode === "sandwich" ? s.fn : ""}
            onSort={(sort) => update({ sort }, "replace")}
            onPick={(r) => update({ mode: "sandwich", fn: r.name, ...fresh })}
            onMenu={(r, x, y) => setMenu({ x, y, title: r.name, items: menuOfRow(r, s, link) })}
          />
        )}
        {showTable && !source.rows && <Skeleton rows={9} label="Loading the table" />}
        {showTable && showFlame && (
          <Divider
            key={tree.baseTotal ? "compare" : "explore"}
            name={tree.baseTotal ? "profefe-table-compared" : "profefe-table"}
            usual={tree.baseTotal ? 46 : 40}
          />
        )}
        {showFlame && (
          <section class="graph" aria-label="Flame graph">
            <Shape s={s} source={source} tree={base} format={format} flameOf={flameOf} />
            {!tree.baseTotal && <Legend tree={base} s={s} format={format} />}
            {tree.baseTotal && <DiffLegend />}
          </section>
        )}
      </div>
    );
  };
  return (
    <section class="picture" aria-label="Profile">
      <div class="toolbar">
        <div class="tabs" role="group" aria-label="Way to look">
          {modes.map(([mode, text, title]) => (
            <button
              key={mode}
              type="button"
              title={title}
              aria-pressed={s.mode === mode}
              onClick={() => update({ mode, ...fresh })}
            >
              {text}
            </button>
          ))}
        </div>
        <Search s={s} tree={base} format={format} onWalk={(step) => setWalk((w) => ({ n: w.n + 1, step }))} />
        <Options s={s} comparing={source.baseTotal !== null} />
      </div>
      <Filters s={s} />
      <Progress on={source.loading} />
      {body()}
      {menu && <Menu {...menu} onClose={() => setMenu(null)} />}
    </section>
  );
}

function reshape(tree: Tree | null, recursion: boolean, chains: boolean, around = false): Tree | null {
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

/* The menu of a frame, or of an "(other)". */
export function itemsOf(t: Tree, i: number, s: State, link: Link, key: RootKey): MenuItem[] {
  const run = () => openOther(t, i, s, key);
  return t.folded[i] ? [{ label: "Open it", hint: `${t.folded[i]} frames`, run }] : menuOfNode(t, i, s, link);
}

/* Asks the server for what an "(other)" holds: its caller becomes the root; where that is the root already, or
 * where frames are left out and so the way to it is not known, more frames are asked for. */
export function openOther(t: Tree, i: number, s: State, key: RootKey): void {
  const above = path(t, t.parent[i]!).map(encodeURIComponent).join(";");
  if (!above || s.recursion || s.chains) update({ more: true, zoom: "" });
  else update({ [key]: s[key] ? `${s[key]};${above}` : above, zoom: "" });
}

type FlameOf = (t: Tree, name: string, zoomable: boolean, flip: boolean) => preact.JSX.Element;

interface ShapeProps {
  s: State;
  source: Source;
  tree: Tree;
  format: Format;
  flameOf: FlameOf;
}

function Shape({ s, source, tree, format, flameOf }: ShapeProps) {
  if (s.mode === "sandwich") return <Sandwich s={s} source={source} format={format} flameOf={flameOf} />;
  if (s.mode === "leaf")
    return (
      <PartOf s={s} part={source.leaf} rootKey="root" format={format} again={source.again}>
        {(t) => flameOf(t, "Leaf up", true, false)}
      </PartOf>
    );
  return (
    <>
      <Crumbs s={s} rootKey="root" truncated={source.truncated} format={format} />
      {flameOf(tree, "Flame graph", true, false)}
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
        {(t) => flameOf(t, "Callers", false, true)}
      </PartOf>
      <h3>What it calls</h3>
      <PartOf {...shared} part={source.callees} rootKey="root">
        {(t) => flameOf(t, "Callees", true, false)}
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
          <button type="button" onClick={() => update({ [rootKey]: "", zoom: "", more: false })}>
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

interface SearchProps {
  s: State;
  tree: Tree | null;
  format: Format;
  onWalk: (step: 1 | -1) => void;
}

function Search({ s, tree, format, onWalk }: SearchProps) {
  const hits = useMemo(() => (tree ? searchTree(tree, s.search) : null), [tree, s.search]);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = () => input.current?.focus();
    addEventListener("profefe-search", focus);
    return () => removeEventListener("profefe-search", focus);
  }, []);
  const bad = s.search !== "" && tree !== null && hits === null;
  return (
    <div class="search">
      <input
        ref={input}
        type="search"
        aria-label="Search functions"
        aria-invalid={bad}
        placeholder="Search  ( / )"
        title="A part of a name, or /a regular expression/. Enter walks through the hits."
        value={s.search}
        spellcheck={false}
        onInput={(e) => update({ search: e.currentTarget.value }, "replace")}
        onKeyDown={(e) => {
          if (e.key === "Enter") onWalk(e.shiftKey ? -1 : 1);
          else if (e.key === "Escape") update({ search: "" }, "replace");
        }}
      />
      <output class="hits" aria-live="polite">
        {bad && "not a regular expression"}
        {hits &&
          tree &&
          `${hits.nodes.toLocaleString("en-US")} frames, ${format(hits.value)} (${formatPercent(hits.value, tree.total[0]!)})`}
      </output>
    </div>
  );
}

function Filters({ s }: { s: State }) {
  const all: [keyof typeof unfiltered, string][] = [
    ["focus", "focus"],
    ["ignore", "ignore"],
    ["hide", "hide"],
    ["show", "show"],
    ["showFrom", "show from"],
  ];
  const on = all.filter(([key]) => s[key]);
  if (!on.length) return null;
  return (
    <div class="filters">
      {on.map(([key, text]) => (
        <span class="chip" key={key}>
          <b>{text}</b>
          <bdi>{s[key].slice(0, 120)}</bdi>
          <button type="button" aria-label={`Remove ${text}`} onClick={() => update({ [key]: "", ...fresh })}>
            ×
          </button>
        </span>
      ))}
      {on.length > 1 && (
        <button type="button" class="plain" onClick={() => update({ ...unfiltered, ...fresh })}>
          Remove all
        </button>
      )}
    </div>
  );
}

function Legend({ tree, s, format }: { tree: Tree; s: State; format: Format }) {
  const { dark } = useTheme();
  const groups = useMemo(() => (s.color === "value" ? [] : legendOf(tree, s.color, 8)), [tree, s.color]);
  const p = palette(dark);
  const colorOf = useMemo(() => groupColors(tree, s.color, p), [tree, s.color, p]);
  if (s.color === "value")
    return (
      <div class="legend">
        <span>small</span>
        {p.heat.map((c) => (
          <i key={c} class="swatch" style={{ background: c }} />
        ))}
        <span>large share of the total</span>
      </div>
    );
  return (
    <div class="legend">
      {groups.map(({ group, self }) => (
        <button
          key={group}
          type="button"
          title={`${group}: ${format(self)} by itself. Search for it.`}
          onClick={() => update({ search: group === "(unknown)" ? "" : group }, "replace")}
        >
          <i class="swatch" style={{ background: group.startsWith("(") ? p.neutral : colorOf(group) }} />
          <bdi>{shorten(group)}</bdi>
        </button>
      ))}
    </div>
  );
}

function shorten(group: string): string {
  return group.length > 28 ? `…${group.slice(-27)}` : group;
}

function DiffLegend() {
  const { dark } = useTheme();
  const p = palette(dark);
  return (
    <div class="legend">
      <span>costs less</span>
      {[...p.less].reverse().map((c) => (
        <i key={c} class="swatch" style={{ background: c }} />
      ))}
      <i class="swatch" style={{ background: p.neutral }} />
      {p.more.map((c) => (
        <i key={c} class="swatch" style={{ background: c }} />
      ))}
      <span>costs more</span>
      <span class="faint">width: the mean of before and after</span>
    </div>
  );
}
