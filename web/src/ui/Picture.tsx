// A flame graph and its table with everything around them: ways to look, search, filters, legend, menu, and
// what is said when there is nothing to see, too much, or not yet.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSourceLink } from "../context";
import { groupColors, legend as legendOf, palette } from "../flame/colors";
import type { Format } from "../flame/details";
import { FlameGraph } from "../flame/FlameGraph";
import { literal, search as searchTree } from "../flame/search";
import type { Tree } from "../flame/tree";
import { menuOfRow } from "../frameMenu";
import type { Source } from "../source";
import { fresh, type Mode, type State, unfiltered } from "../state";
import { update } from "../store";
import { useTheme } from "../theme";
import { formatPercent } from "../units";
import { Divider } from "./Divider";
import { Menu, type MenuProps } from "./Menu";
import { Empty, ErrorNotice, Progress, Skeleton } from "./Notice";
import { Options } from "./Options";
import { itemsOf, openOther, reshape, rootOf, Shape, zoomOf } from "./Shape";
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
    walk,
  };
  const flameOf = (t: Tree, name: string, flip: boolean) => (
    <FlameGraph
      {...shared}
      tree={t}
      label={`${name} of ${label}`}
      fill={s.mode !== "sandwich"}
      flip={flip}
      zoom={s[zoomOf(flip)]}
      onZoom={(zoom) => update({ [zoomOf(flip)]: zoom })}
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
  const filtered = (Object.keys(unfiltered) as (keyof typeof unfiltered)[]).some((key) => s[key]);
  const body = () => {
    if (source.error?.isNothing) return <Empty title="No profiles here.">{nothing}</Empty>;
    if (source.error) return <ErrorNotice error={source.error} again={source.again} />;
    if (!tree || !base) return source.loading ? <Skeleton rows={9} label="Loading the profile" /> : null;
    if (!tree.total[0] && tree.n <= 1)
      return (
        <Empty title={filtered ? "Nothing is left to show." : "No samples"}>
          <p>
            {filtered
              ? "The filters leave no sample, or every sample is zero."
              : `Nothing was sampled, or every value of ${source.sample.type} is zero. Another sample type may have values.`}
          </p>
          {filtered && (
            <button type="button" onClick={() => update({ ...unfiltered, ...fresh })}>
              Remove the filters
            </button>
          )}
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
            sort={source.baseTotal === null && /^-?(base|change)$/.test(s.sort) ? "flat" : s.sort}
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
  const remove = (change: Partial<State>, e: MouseEvent) => {
    update({ ...change, ...fresh });
    if (e.detail !== 0) return;
    // by key: the button is gone, and where filters are set is the nearest place
    const picture = (e.currentTarget as HTMLElement).closest(".picture");
    picture?.querySelector<HTMLElement>(".toolbar .popover > button")?.focus();
  };
  return (
    <div class="filters">
      {on.map(([key, text]) => (
        <span class="chip" key={key}>
          <b>{text}</b>
          <bdi>{s[key].slice(0, 120)}</bdi>
          <button type="button" aria-label={`Remove ${text}`} onClick={(e) => remove({ [key]: "" }, e)}>
            ×
          </button>
        </span>
      ))}
      {on.length > 1 && (
        <button type="button" class="plain" onClick={(e) => remove(unfiltered, e)}>
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
  const entry = (group: string) => (
    <>
      <i class="swatch" style={{ background: group.startsWith("(") ? p.neutral : colorOf(group) }} />
      <bdi>{shorten(group)}</bdi>
    </>
  );
  // The search looks at names, and these begin with the package: files and binaries are only named
  return (
    <div class="legend">
      {groups.map(({ group, self }) =>
        s.color === "package" && !group.startsWith("(") ? (
          <button
            key={group}
            type="button"
            title={`${group}: ${format(self)} by itself. Search for it.`}
            onClick={() => update({ search: literal(group) }, "replace")}
          >
            {entry(group)}
          </button>
        ) : (
          <span key={group} class="entry" title={`${group}: ${format(self)} by itself`}>
            {entry(group)}
          </span>
        ),
      )}
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
