// One function: what it costs over time, who calls it, what it calls, which of its lines.
import { useMemo, useState } from "preact/hooks";
import { api, filterParams, profileAddress } from "../api";
import { useFormat, useLineFormat, useNamedSample } from "../catalog";
import { useSourceLink } from "../context";
import type { Format } from "../flame/details";
import { FlameGraph } from "../flame/FlameGraph";
import { exactly } from "../frameMenu";
import { useLoad } from "../load";
import { useServerSource } from "../source";
import { fresh, type State, selection } from "../state";
import { update } from "../store";
import type { TopRow } from "../types";
import { formatPercent } from "../units";
import { Menu, type MenuProps } from "../ui/Menu";
import { Empty, ErrorNotice, Progress, Skeleton } from "../ui/Notice";
import { itemsOf, openOther, rootOf, Sandwich, zoomOf } from "../ui/Shape";
import { QueryBar } from "../ui/QueryBar";
import { functionLines, useSeries } from "../ui/SeriesPanel";
import { useTheme } from "../theme";
import { lineColor, Timeline } from "../ui/Timeline";
import type { ViewProps } from "./Explore";

export function FunctionView({ s, c, round, onRefresh }: ViewProps) {
  const focused: State = { ...s, focus: exactly(s.fn), by: "functions", mode: "sandwich" };
  const around: State = { ...focused, focus: "" };
  const source = useServerSource(around, { compare: false, tree: false, rows: false });
  useNamedSample(s, c, source);
  const series = useSeries({ ...selection(s), id: "" }, s.sample, "", s.fn, round);
  const linesUrl = s.fn
    ? profileAddress(selection(s), {
        format: "top",
        granularity: "lines",
        rows: 0,
        sample_type: s.sample,
        ...filterParams(focused),
      })
    : null;
  const rows = useLoad(linesUrl, (signal) => api.top(linesUrl!, signal));
  const format = useFormat({
    sample: source.sample,
    seconds: source.seconds,
    profiles: source.profiles,
    cumulative: c.cumulative,
    rate: s.rate,
  });
  const lines = useMemo(
    () => (series.value ? functionLines(series.value, s.rate) : null),
    [series.value, s.rate],
  );
  const lineFormat = useLineFormat(series.value?.sample_type, lines?.basis ?? "second");
  const [menu, setMenu] = useState<Omit<MenuProps, "onClose"> | null>(null);
  const link = useSourceLink();
  return (
    <>
      <QueryBar s={s} c={c} onRefresh={onRefresh} />
      <div class="function-head">
        <h2>
          <bdi class="name">{s.fn.slice(0, 600) || "No function chosen"}</bdi>
        </h2>
        <button type="button" onClick={() => update({ view: "explore", fn: "", mode: "flame", ...fresh })}>
          Back to the whole profile
        </button>
      </div>
      {!s.fn && <Empty title="Choose a function in the table or the flame graph of Explore." />}
      {s.fn && (
        <>
          <Progress on={series.loading || source.loading} />
          {series.error && <ErrorNotice error={series.error} again={series.again} />}
          {lines && (
            <Timeline
              lines={lines}
              format={lineFormat}
              height={118}
              label={`Total and self of ${s.fn.slice(0, 200)} over time`}
              onRange={(from, to) => update({ from: String(from), to: String(to) })}
            />
          )}
          {lines && <Legend />}
          <div class="function-panes">
            <LineList
              rows={rows.value?.rows ?? null}
              fn={s.fn}
              total={rows.value?.total ?? 0}
              format={format}
            />
            <Sandwich
              s={around}
              source={source}
              format={format}
              flameOf={(t, name, flip) => (
                <FlameGraph
                  tree={t}
                  label={name}
                  format={format}
                  color={s.color}
                  search={s.search}
                  flip={flip}
                  zoom={s[zoomOf(flip)]}
                  onZoom={(zoom) => update({ [zoomOf(flip)]: zoom })}
                  onOpen={(i) => openOther(t, i, s, rootOf(flip))}
                  onMenu={(i, x, y) =>
                    setMenu({
                      x,
                      y,
                      title: t.names[t.name[i]!]!,
                      items: itemsOf(t, i, s, link, rootOf(flip)),
                    })
                  }
                />
              )}
            />
          </div>
        </>
      )}
      {menu && <Menu {...menu} onClose={() => setMenu(null)} />}
    </>
  );
}

function Legend() {
  const { dark } = useTheme();
  return (
    <div class="legend">
      <i class="swatch" style={{ background: lineColor(0, dark) }} /> with all it calls
      <i class="swatch" style={{ background: lineColor(1, dark) }} /> by itself
    </div>
  );
}

interface LineListProps {
  rows: TopRow[] | null;
  fn: string;
  total: number;
  format: Format;
}

/* The function's own lines: rows by line also hold other functions' on the same stacks. */
function LineList({ rows, fn, total, format }: LineListProps) {
  const link = useSourceLink();
  if (!rows) return <Skeleton rows={5} label="Loading lines" />;
  const own = rows
    .filter((r) => r.name === fn || r.name.startsWith(`${fn}:`) || r.name.startsWith(`${fn} `))
    .sort((a, b) => a.line - b.line);
  return (
    <section class="lines" aria-label="Lines" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col" colSpan={2}>
              Self
            </th>
            <th scope="col" colSpan={2}>
              Total
            </th>
          </tr>
        </thead>
        <tbody>
          {own.map((r) => {
            const url = link(r.file, r.line);
            const text = `${r.file.slice(r.file.lastIndexOf("/") + 1)}:${r.line}`;
            return (
              <tr key={`${r.file}:${r.line}`}>
                <th scope="row" title={`${r.file}:${r.line}`}>
                  {url ? (
                    <a href={url} target="_blank" rel="noreferrer">
                      <bdi>{text}</bdi>
                    </a>
                  ) : (
                    <bdi>{text}</bdi>
                  )}
                </th>
                <td title={format.whole?.(r.flat)}>{format(r.flat)}</td>
                <td class="share">{formatPercent(r.flat, total)}</td>
                <td title={format.whole?.(r.cum)}>{format(r.cum)}</td>
                <td class="share">{formatPercent(r.cum, total)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {!own.length && <p class="faint pad">Its lines are not known.</p>}
    </section>
  );
}
