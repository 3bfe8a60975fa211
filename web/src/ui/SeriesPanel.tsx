// The time line of a selection: one line, a line for each value of a label, or a small time line for each.
import { useMemo } from "preact/hooks";
import { api } from "../api";
import { type Basis, basisOfSeries } from "../basis";
import { type Catalog, useLineFormat } from "../catalog";
import { type Loaded, useLoad } from "../load";
import { closed, type Selection, type State, selection } from "../state";
import { update } from "../store";
import { withLabel } from "../labels";
import { useTheme } from "../theme";
import { seconds } from "../time";
import { type Lines, linesOf, totals } from "../timeline";
import type { Series } from "../types";
import { profilesText } from "../units";
import { BasisChoice } from "./BasisChoice";
import { ErrorNotice, Progress, Skeleton } from "./Notice";
import { lineColor, Timeline } from "./Timeline";

/* The series of a selection. `group` splits it, `fn` asks for one function's cost. */
export function useSeries(
  here: Selection,
  sample: string,
  group: string,
  fn: string,
  round: number,
): Loaded<Series> {
  const ready = here.service && here.type && here.type !== "trace";
  const key = ready ? JSON.stringify([here, sample, group, fn, round]) : null;
  return useLoad(key, (signal) =>
    api.series(here, { sample_type: sample, group_by: group, function: fn }, signal),
  );
}

export interface SeriesPanelProps {
  s: State;
  c: Catalog;
  round: number;
}

export function SeriesPanel({ s, c, round }: SeriesPanelProps) {
  const series = useSeries({ ...selection(s), id: "" }, s.sample, s.group, "", round);
  const a = series.value;
  // Only these: the range is what it was when the answer came
  const lines = useMemo(() => {
    const range = { from: seconds(s.from) ?? 0, to: seconds(s.to) ?? Infinity };
    return a ? linesOf(a, s.group !== "", s.rate, "all", range) : null;
  }, [a, s.group, s.rate]);
  const basis = a ? basisOfSeries(a, s.rate) : "second";
  const format = useLineFormat(a?.sample_type, basis);
  const count = a ? totals(a).count : 0;
  const onRange = (from: number, to: number) =>
    update({ from: String(from), to: String(to), id: "", ...closed });
  return (
    <section class="series" aria-label="Over time">
      <div class="series-head">
        <span class="faint">{a && profilesText(count) + note(a.cumulative, basis)}</span>
        <span class="grow" />
        <label class="inline">
          split by
          <select
            aria-label="Split by label"
            value={s.group}
            onChange={(e) =>
              update({ group: e.currentTarget.value, grid: s.grid && e.currentTarget.value !== "" })
            }
          >
            <option value="">nothing</option>
            {s.group && !c.labels?.some((l) => l.key === s.group) && (
              <option value={s.group}>{s.group}</option>
            )}
            {(c.labels ?? []).map((l) => (
              <option key={l.key} value={l.key}>
                {l.key}
              </option>
            ))}
          </select>
        </label>
        {s.group && (
          <button type="button" aria-pressed={s.grid} onClick={() => update({ grid: !s.grid })}>
            Grid
          </button>
        )}
        {c.cumulative && <BasisChoice s={s} timed={!a || basisOfSeries(a, true) === "second"} />}
      </div>
      <Progress on={series.loading && a !== null} />
      {series.error && !series.error.isNothing && <ErrorNotice error={series.error} again={series.again} />}
      {series.error?.isNothing && <div class="series-empty faint">No profiles in this range.</div>}
      {!series.error && !lines && <Skeleton rows={3} label="Loading the time line" />}
      {lines && s.grid && s.group && <Grid s={s} lines={lines} format={format} onRange={onRange} />}
      {lines && !(s.grid && s.group) && (
        <>
          <Timeline
            lines={lines}
            format={format}
            height={118}
            label={describe(s, lines, format)}
            onRange={onRange}
          />
          {s.group && <LineLegend s={s} lines={lines} />}
        </>
      )}
    </section>
  );
}

/* What the values are, where the buttons don't say it. */
function note(cumulative: boolean, basis: Basis): string {
  if (!cumulative) return ", mean of each step";
  return basis === "profile" ? ", their mean at each step" : "";
}

function describe(s: State, lines: Lines, format: (v: number) => string): string {
  const all = lines.lines.flatMap((l) => l.values).filter((v): v is number => typeof v === "number");
  if (!all.length) return "Time line without values";
  return `${s.type} of ${s.service} over time, from ${format(Math.min(...all))} to ${format(Math.max(...all))}. Choose the range above, or drag over it.`;
}

const named = 22; // lines that the legend names

function LineLegend({ s, lines }: { s: State; lines: Lines }) {
  const { dark } = useTheme();
  return (
    <div class="legend">
      {lines.lines.slice(0, named).map((line, i) => (
        <button
          key={line.name}
          type="button"
          disabled={line.other || line.value === null}
          title={line.other ? "All the rest" : `Only ${s.group}=${line.name}`}
          onClick={() => update({ labels: withLabel(s.labels, s.group, line.value!), group: "" })}
        >
          <i class="swatch" style={{ background: line.other ? "#8d96a3" : lineColor(i, dark) }} />
          <bdi>{line.name.slice(0, 60) || "(empty)"}</bdi>
        </button>
      ))}
      {lines.lines.length > named && (
        <button type="button" title="All of them, each by itself" onClick={() => update({ grid: true })}>
          {`and ${lines.lines.length - named} more`}
        </button>
      )}
    </div>
  );
}

interface GridProps {
  s: State;
  lines: Lines;
  format: (v: number) => string;
  onRange: (from: number, to: number) => void;
}

function Grid({ s, lines, format, onRange }: GridProps) {
  const each = useMemo(() => lines.lines.map((line) => ({ ...lines, lines: [line] })), [lines]);
  return (
    <div class="grid">
      {each.map((one) => {
        const line = one.lines[0]!;
        const values = line.values.filter((v): v is number => typeof v === "number");
        const mean = values.length ? line.sum / values.length : 0;
        return (
          <div class="cell" key={line.name}>
            <button
              type="button"
              class="plain"
              disabled={line.other || line.value === null}
              onClick={() =>
                update({ labels: withLabel(s.labels, s.group, line.value!), group: "", grid: false })
              }
            >
              <bdi>{line.name.slice(0, 60) || "(empty)"}</bdi>
              <span class="faint">{`⌀ ${format(mean)}`}</span>
            </button>
            <Timeline
              lines={one}
              format={format}
              height={56}
              label={`${line.name}: mean ${format(mean)}`}
              onRange={onRange}
              bare
              sync="grid"
            />
          </div>
        );
      })}
    </div>
  );
}

/* One function's self and total as two lines. */
export function functionLines(a: Series, rate: boolean): Lines {
  const name = (l: Lines, text: string) => l.lines.map((line) => ({ ...line, name: text }));
  const total = linesOf(a, false, rate, "total");
  const self = linesOf(a, false, rate, "self");
  return { ...total, lines: [...name(total, "total"), ...name(self, "self")] };
}
