// The table of functions (lines, files): what each costs by itself (flat) and with all it calls (cum). In a
// comparison: before, after and the change.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Format } from "../flame/details";
import { shortName } from "../flame/tree";
import { hover, useHovered } from "../hover";
import { type Column, changeOf, type Fate, fate, filterRows, nextSort, sortRows } from "../table";
import type { TopRow } from "../types";
import { formatPercent } from "../units";

export interface TopTableProps {
  rows: TopRow[];
  total: number;
  baseTotal: number | null;
  format: Format;
  what: string; // "Function", "Line", "File"
  sort: string;
  query: string;
  missing: { rows: number; flat: number };
  selected: string;
  onSort: (sort: string) => void;
  onPick: (row: TopRow) => void;
  onMenu: (row: TopRow, x: number, y: number) => void;
}

const page = 40; // rows made at first; more come before they are scrolled to

/* Column, title, what it is, and whether its values have a column of shares beside them. */
type Heading = [Column, string, string, boolean];
const alone: Heading[] = [
  ["flat", "Self", "by itself (flat)", true],
  ["cum", "Total", "with all it calls (cum)", true],
];
const compared: Heading[] = [
  ["base", "Before", "by itself, before", false],
  ["flat", "After", "by itself, after", false],
  ["change", "Change", "by itself", true],
];

export function TopTable(props: TopTableProps) {
  const { rows, sort, query, baseTotal, format } = props;
  const [only, setOnly] = useState<Fate | "all">("all");
  const sorted = useMemo(() => sortRows(rows, sort), [rows, sort]);
  const shown = useMemo(() => {
    const fitting = filterRows(sorted, query);
    return only === "all" ? fitting : fitting.filter((r) => fate(r) === only);
  }, [sorted, query, only]);
  const [limit, setLimit] = useState(page);
  const box = useRef<HTMLDivElement>(null);
  const scrolled = useRef(false);
  // Only these: another list begins at its top
  useEffect(() => {
    setLimit(page);
    if (box.current && scrolled.current) box.current.scrollTop = 0;
    scrolled.current = false;
  }, [sorted, only, query]);
  const hovered = useHovered();
  const columns = baseTotal === null ? alone : compared;
  const most = useMemo(() => rows.reduce((m, r) => Math.max(m, Math.abs(measure(r, sort))), 0), [rows, sort]);
  return (
    <section class="table" aria-label="Table">
      {baseTotal !== null && <Fates rows={rows} only={only} onPick={setOnly} />}
      <div
        class="table-scroll"
        ref={box}
        tabIndex={0}
        role="region"
        aria-label={`${props.what}s by cost`}
        onScroll={(e) => {
          const { scrollTop, clientHeight, scrollHeight } = e.currentTarget;
          scrolled.current = true;
          if (scrollHeight - scrollTop < 3 * clientHeight && limit < shown.length) setLimit(limit + 200);
        }}
      >
        <table class={baseTotal === null ? "alone" : "compared"}>
          <colgroup>
            <col />
            {columns.map(([column, , , shares]) => (
              <>
                <col key={column} class="value" />
                {shares && <col key={`${column} share`} class="share" />}
              </>
            ))}
          </colgroup>
          <thead>
            <tr>
              <Head column="name" text={props.what} title="by name" span={1} {...props} />
              {columns.map(([column, text, title, shares]) => (
                <Head
                  key={column}
                  column={column}
                  text={text}
                  title={title}
                  span={shares ? 2 : 1}
                  {...props}
                />
              ))}
            </tr>
          </thead>
          <tbody onMouseLeave={() => hover("")}>
            {shown.slice(0, limit).map((r) => (
              <Row
                key={`${r.name}\0${r.file}\0${r.line}`}
                r={r}
                most={most}
                lit={r.name === hovered}
                {...props}
              />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p class="faint pad">Nothing here matches.</p>}
        {shown.length > limit && (
          <button type="button" class="more" onClick={() => setLimit(limit + 500)}>
            {`${limit} of ${shown.length.toLocaleString("en-US")}: show more`}
          </button>
        )}
        {props.missing.rows > 0 && (
          <p class="faint pad">
            {`${props.missing.rows.toLocaleString("en-US")} smaller rows are left out, together ${format(props.missing.flat)}.`}
          </p>
        )}
      </div>
    </section>
  );
}

interface FatesProps {
  rows: TopRow[];
  only: Fate | "all";
  onPick: (only: Fate | "all") => void;
}

/* What became of the functions, with how many of each. */
function Fates({ rows, only, onPick }: FatesProps) {
  const counts = useMemo(() => {
    const n = { all: rows.length, grew: 0, shrank: 0, new: 0, gone: 0, same: 0 };
    for (const r of rows) n[fate(r)]++;
    return n;
  }, [rows]);
  const all = ["all", "grew", "shrank", "new", "gone"] as const;
  return (
    <div class="fates">
      <div class="tabs" role="group" aria-label="What became of them">
        {all.map((f) => (
          <button key={f} type="button" aria-pressed={only === f} onClick={() => onPick(f)}>
            {`${f} ${counts[f]}`}
          </button>
        ))}
      </div>
    </div>
  );
}

interface HeadProps {
  column: Column;
  text: string;
  title: string;
  span: number;
  sort: string;
  onSort: (sort: string) => void;
}

function Head({ column, text, title, span, sort, onSort }: HeadProps) {
  const on = sort === column || sort === `-${column}`;
  const direction = !on
    ? undefined
    : sort.startsWith("-") === (column === "name")
      ? "descending"
      : "ascending";
  return (
    <th
      scope="col"
      colSpan={span}
      aria-sort={
        direction === "ascending" && column !== "name"
          ? sort.startsWith("-")
            ? "ascending"
            : "descending"
          : direction
      }
    >
      <button type="button" title={`Sort ${title}`} onClick={() => onSort(nextSort(sort, column))}>
        {text}
        <span aria-hidden="true">{on ? (sort.startsWith("-") ? " ▴" : " ▾") : ""}</span>
      </button>
    </th>
  );
}

type RowProps = TopTableProps & { r: TopRow; most: number; lit: boolean };

function Row({ r, most, lit, total, baseTotal, format, what, sort, selected, onPick, onMenu }: RowProps) {
  const place = r.file ? `${r.file}${r.line ? `:${r.line}` : ""}` : "";
  const label = what === "Line" && r.line && !r.name.endsWith(`:${r.line}`) ? `${r.name}:${r.line}` : r.name;
  const title = `${label.slice(0, 300)}${place ? `\n${place}` : ""}`;
  const change = changeOf(r);
  const towards = change > 0 ? "grew" : change < 0 ? "shrank" : "";
  return (
    <tr
      class={`${lit ? "lit" : ""} ${selected === r.name ? "selected" : ""}`}
      onMouseEnter={() => hover(r.name)}
      onContextMenu={(e) => {
        e.preventDefault();
        onMenu(r, e.clientX, e.clientY);
      }}
    >
      <th scope="row">
        <Bar share={most ? Math.abs(measure(r, sort)) / most : 0} class={baseTotal === null ? "" : towards} />
        <div class="function">
          <Name label={label} title={title} onPick={() => onPick(r)} />
          {baseTotal !== null && (fate(r) === "new" || fate(r) === "gone") && (
            <span class={`fate ${fate(r)}`}>{fate(r)}</span>
          )}
        </div>
      </th>
      {baseTotal === null ? (
        <>
          <Value value={r.flat} of={total} format={format} />
          <Value value={r.cum} of={total} format={format} />
        </>
      ) : (
        <>
          <td title={formatPercent(r.base_flat ?? 0, baseTotal)}>{format(r.base_flat ?? 0)}</td>
          <td title={formatPercent(r.flat, total)}>{format(r.flat)}</td>
          <td class={towards}>{signed(change, format)}</td>
          <td class={`share ${towards}`}>
            {r.base_flat ? signed(change, (v) => formatPercent(v, r.base_flat!)) : ""}
          </td>
        </>
      )}
    </tr>
  );
}

/* What the bar of a row is as long as: what the table is sorted by. */
function measure(r: TopRow, sort: string): number {
  const column = sort.replace("-", "");
  if (column === "change") return changeOf(r);
  if (column === "base") return r.base_flat ?? 0;
  return column === "cum" ? r.cum : r.flat;
}

function signed(value: number, format: (v: number) => string): string {
  return `${value > 0 ? "+" : ""}${format(value)}`;
}

function Bar({ share, class: color }: { share: number; class: string }) {
  const width = Math.min(100, share * 100);
  return width >= 0.5 ? <i class={`bar ${color}`} style={{ width: `${width.toFixed(1)}%` }} /> : null;
}

/* Path and function. They stand from right to left in a box of one line that wraps: a path that has no room beside
 * its function is on the second line, out of sight. */
function Name({ label, title, onPick }: { label: string; title: string; onPick: () => void }) {
  const name = shortName(label);
  const path = label.slice(0, label.length - name.length);
  return (
    <button type="button" title={title} aria-label={label.slice(0, 300)} onClick={onPick}>
      <bdi>{name.slice(0, 300)}</bdi>
      {path && <bdi class="path">{path.slice(0, 300)}</bdi>}
    </button>
  );
}

function Value({ value, of, format }: { value: number; of: number; format: Format }) {
  return (
    <>
      <td title={format.whole?.(value)}>{format(value)}</td>
      <td class="share">{formatPercent(value, of)}</td>
    </>
  );
}
