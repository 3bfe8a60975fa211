// Compare: two ranges or two label sets of a service; what grew, what shrank.
import { useMemo } from "preact/hooks";
import { type Catalog, useLineFormat } from "../catalog";
import type { Tree } from "../flame/tree";
import { type Preset, presets, swap, synced } from "../presets";
import { type Source, useServerSource } from "../source";
import { baseSelection, type Selection, type State, selection } from "../state";
import { update } from "../store";
import { linesOf, totals } from "../timeline";
import type { Series } from "../types";
import { formatPercent, formatRate, formatValue } from "../units";
import { LabelBar } from "../ui/LabelBar";
import { ErrorNotice, Progress } from "../ui/Notice";
import { Picture } from "../ui/Picture";
import { QueryBar } from "../ui/QueryBar";
import { RangePicker } from "../ui/RangePicker";
import { useSeries } from "../ui/SeriesPanel";
import { Timeline } from "../ui/Timeline";
import type { ViewProps } from "./Explore";

export function Compare({ s, c, round, onRefresh }: ViewProps) {
  const sort = s.sort === "flat" ? "change" : s.sort;
  const asked = useServerSource(s, { compare: true, tree: true, rows: s.layout !== "flame" });
  const before = useSeries({ ...baseSelection(s), id: "" }, s.sample, "", "", round);
  const after = useSeries({ ...selection(s), id: "" }, s.sample, "", "", round);
  const scale = useScale(s, c, before.value, after.value);
  const source = useMemo(
    () => scaled(asked, scale.base),
    [asked.tree, asked.rows, asked.loading, asked.error, scale.base],
  );
  const unit = asked.sample.unit;
  const format = useMemo(
    () => (v: number) => (scale.rate ? formatRate(v / scale.by, unit) : formatValue(v / scale.by, unit)),
    [unit, scale.by, scale.rate],
  );
  return (
    <>
      <QueryBar s={s} c={c} range={false} onRefresh={onRefresh}>
        <Presets s={s} c={c} />
      </QueryBar>
      <div class="sides">
        <Side s={s} c={c} side="base" title="Before" here={baseSelection(s)} series={before} />
        <Side s={s} c={c} side="here" title="After" here={selection(s)} series={after} />
      </div>
      <Summary source={source} format={format} />
      <Picture
        s={{ ...s, sort }}
        source={source}
        format={format}
        label={`${s.type} of ${s.service}, before against after`}
        nothing={<p>One of the two sides has no profiles. Choose another range or label above.</p>}
      />
    </>
  );
}

interface Scaling {
  base: number; // what the base's values are multiplied with
  by: number; // what all values are divided by
  rate: boolean;
}

/* Two sides of unlike length are compared per second, those of states (memory in use) per profile. */
function useScale(s: State, c: Catalog, before: Series | null, after: Series | null): Scaling {
  return useMemo(() => {
    const plain = { base: 1, by: 1, rate: false };
    if (!before || !after || s.normalize || s.id) return plain;
    const a = totals(after);
    const b = totals(before);
    if (!c.cumulative)
      return a.count && b.count ? { base: a.count / b.count, by: a.count, rate: false } : plain;
    return s.rate && a.seconds && b.seconds
      ? { base: a.seconds / b.seconds, by: a.seconds, rate: true }
      : plain;
  }, [s.normalize, s.id, s.rate, c.cumulative, before, after]);
}

function scaled(source: Source, factor: number): Source {
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

function Presets({ s, c }: { s: State; c: Catalog }) {
  return (
    <>
      <div class="chips" role="group" aria-label="Compare with">
        {presets(s, c.labels).map((p: Preset) => (
          <button
            key={p.text}
            type="button"
            onClick={() => update({ ...p.change, id: "", baseId: "", root: "" })}
          >
            {p.text}
          </button>
        ))}
      </div>
      <button type="button" onClick={() => update(swap(s))} title="Before becomes after">
        ⇄ Swap
      </button>
      <label class="check">
        <input type="checkbox" checked={s.sync} onChange={(e) => update({ sync: e.currentTarget.checked })} />
        Same length
      </label>
      {c.cumulative && (
        <label class="check">
          <input
            type="checkbox"
            checked={s.rate}
            onChange={(e) => update({ rate: e.currentTarget.checked })}
          />
          Per second
        </label>
      )}
    </>
  );
}

interface SideProps {
  s: State;
  c: Catalog;
  side: "base" | "here";
  title: string;
  here: Selection;
  series: ReturnType<typeof useSeries>;
}

function Side({ s, c, side, title, here, series }: SideProps) {
  const a = series.value;
  const lines = useMemo(() => (a ? linesOf(a, false, s.rate) : null), [a, s.rate]);
  const format = useLineFormat(a?.sample_type.unit ?? "", a?.cumulative ?? true, s.rate);
  const range = (from: string, to: string) =>
    update({ ...synced(s, side, from, to), root: "", [side === "base" ? "baseId" : "id"]: "" });
  return (
    <section class={`side ${side}`} aria-label={title}>
      <div class="side-head">
        <h2>{title}</h2>
        <LabelBar
          name={title}
          text={here.labels}
          known={c.labels}
          onChange={(labels) => update({ [side === "base" ? "baseLabels" : "labels"]: labels, root: "" })}
        />
        <span class="grow" />
        <RangePicker name={title} from={here.from} to={here.to} onChange={range} />
      </div>
      <Progress on={series.loading} />
      {here.id && <p class="faint pad">One profile: {here.id}</p>}
      {series.error && !series.error.isNothing && <ErrorNotice error={series.error} again={series.again} />}
      {series.error?.isNothing && <div class="series-empty faint">No profiles in this range.</div>}
      {lines && (
        <Timeline
          lines={lines}
          format={format}
          height={96}
          label={`${title}: ${a ? totals(a).count : 0} profiles`}
          onRange={(from, to) => range(String(from), String(to))}
        />
      )}
    </section>
  );
}

function Summary({ source, format }: { source: Source; format: (v: number) => string }) {
  if (source.baseTotal === null) return null;
  const change = source.total - source.baseTotal;
  return (
    <p class="summary">
      <span>{`${format(source.baseTotal)} → ${format(source.total)}`}</span>
      <b class={change > 0 ? "grew" : change < 0 ? "shrank" : ""}>
        {`${change > 0 ? "+" : ""}${format(change)} (${formatPercent(change, source.baseTotal)})`}
      </b>
    </p>
  );
}
