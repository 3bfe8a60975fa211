// Compare: two ranges or two label sets of a service; what grew, what shrank.
import { useMemo } from "preact/hooks";
import { basisOf } from "../basis";
import { type Catalog, useLineFormat, useNamedSample } from "../catalog";
import { type Preset, presets, swap, synced } from "../presets";
import { scaled } from "../scaled";
import { type Source, useServerSource } from "../source";
import { closed, baseSelection, type Selection, type State, selection } from "../state";
import { update } from "../store";
import { linesOf, totals } from "../timeline";
import type { Series } from "../types";
import { formatPercent, formatRate, formatValue } from "../units";
import { BasisChoice } from "../ui/BasisChoice";
import { LabelBar } from "../ui/LabelBar";
import { ErrorNotice, Progress, Skeleton } from "../ui/Notice";
import { Picture } from "../ui/Picture";
import { QueryBar } from "../ui/QueryBar";
import { RangePicker } from "../ui/RangePicker";
import { useSeries } from "../ui/SeriesPanel";
import { Timeline } from "../ui/Timeline";
import type { ViewProps } from "./Explore";

export function Compare({ s: asItIs, c, round, onRefresh }: ViewProps) {
  // Single profiles are compared with each other only: one that was open before means its range here
  const single = asItIs.id && asItIs.baseId;
  const s = single ? asItIs : { ...asItIs, id: "", baseId: "" };
  const sort = s.sort === "flat" ? "change" : s.sort;
  const asked = useServerSource(s, { compare: true, tree: true, rows: s.layout !== "flame" });
  useNamedSample(s, c, asked);
  const before = useSeries({ ...baseSelection(s), id: "" }, s.sample, "", "", round);
  const after = useSeries({ ...selection(s), id: "" }, s.sample, "", "", round);
  const scale = useScale(s, c, before.value, after.value);
  // Nothing is shown before it is known what to divide by, or all numbers would jump
  const dividing = !s.id && (before.loading || after.loading);
  const waiting = !scale.known && dividing;
  const loading = asked.loading || dividing || c.unsure;
  const source = useMemo(
    () =>
      waiting
        ? { ...asked, tree: null, rows: null, loading: true }
        : scaled({ ...asked, loading }, scale.base),
    [
      asked.tree,
      asked.leaf,
      asked.callers,
      asked.callees,
      asked.rows,
      loading,
      asked.error,
      scale.base,
      waiting,
    ],
  );
  const { type, unit } = asked.sample;
  const format = useMemo(
    () => (v: number) =>
      scale.rate ? formatRate(v / scale.by, { type, unit }) : formatValue(v / scale.by, unit),
    [type, unit, scale.by, scale.rate],
  );
  const top = useMemo(
    () => Math.max(largest(before.value, s.rate), largest(after.value, s.rate)),
    [before.value, after.value, s.rate],
  );
  return (
    <>
      <QueryBar s={s} c={c} range={false} onRefresh={onRefresh}>
        <Presets s={s} c={c} timed={scale.timed} />
      </QueryBar>
      <div class="sides">
        <Side s={s} c={c} side="base" title="Before" here={baseSelection(s)} series={before} top={top} />
        <Side s={s} c={c} side="here" title="After" here={selection(s)} series={after} top={top} />
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

/* The highest value of a time line. */
function largest(a: Series | null, rate: boolean): number {
  const values = a ? linesOf(a, false, rate).lines.flatMap((l) => l.values) : [];
  return values.reduce<number>((most, v) => Math.max(most, v ?? 0), 0);
}

interface Scaling {
  base: number; // what the base's values are multiplied with
  by: number; // what all values are divided by
  rate: boolean;
  timed: boolean; // both sides say what time they cover
  known: boolean;
}

/* Sides of unlike length, or with unlike many profiles, are divided before they are compared (basis.ts). */
function useScale(s: State, c: Catalog, before: Series | null, after: Series | null): Scaling {
  return useMemo(() => {
    const plain = { base: 1, by: 1, rate: false, timed: true, known: before !== null && after !== null };
    if (!before || !after || s.id) return plain;
    const a = totals(after);
    const b = totals(before);
    const timed = Math.min(a.seconds, b.seconds) > 0;
    if (s.normalize) return { ...plain, timed };
    const basis = basisOf({ cumulative: c.cumulative, rate: s.rate }, timed ? 1 : 0);
    if (basis === "total" || !a.count || !b.count) return { ...plain, timed };
    return basis === "second"
      ? { base: a.seconds / b.seconds, by: a.seconds, rate: true, timed, known: true }
      : { base: a.count / b.count, by: a.count, rate: false, timed, known: true };
  }, [s.normalize, s.id, s.rate, c.cumulative, before, after]);
}

function Presets({ s, c, timed }: { s: State; c: Catalog; timed: boolean }) {
  return (
    <>
      <div class="chips" role="group" aria-label="Compare with">
        {presets(s, c.labels).map((p: Preset) => (
          <button
            key={p.text}
            type="button"
            onClick={() => update({ ...p.change, id: "", baseId: "", ...closed })}
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
      {c.cumulative && !s.id && <BasisChoice s={s} timed={timed} />}
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
  top: number;
}

function Side({ s, c, side, title, here, series, top }: SideProps) {
  const a = series.value;
  const lines = useMemo(() => (a ? linesOf(a, false, s.rate) : null), [a, s.rate]);
  const format = useLineFormat(a?.sample_type, lines?.basis ?? "second");
  const range = (from: string, to: string) =>
    update({ ...synced(s, side, from, to), ...closed, [side === "base" ? "baseId" : "id"]: "" });
  return (
    <section class={`side ${side}`} aria-label={title}>
      <div class="side-head">
        <h2>{title}</h2>
        <LabelBar
          name={title}
          text={here.labels}
          known={c.labels}
          onChange={(labels) => update({ [side === "base" ? "baseLabels" : "labels"]: labels, ...closed })}
        />
        <span class="grow" />
        <RangePicker name={title} from={here.from} to={here.to} onChange={range} />
      </div>
      <Progress on={series.loading} />
      {here.id && <p class="faint pad">One profile: {here.id}</p>}
      {series.error && !series.error.isNothing && <ErrorNotice error={series.error} again={series.again} />}
      {series.error?.isNothing && <div class="series-empty faint">No profiles in this range.</div>}
      {!series.error && !lines && <Skeleton rows={3} label="Loading the time line" />}
      {lines && (
        <Timeline
          lines={lines}
          format={format}
          height={96}
          top={top}
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
