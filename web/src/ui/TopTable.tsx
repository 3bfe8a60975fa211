// The table of functions (lines, files): what each costs by itself (flat) and with all it calls (cum). In a
// comparison: before, after and the change.
import { useMemo, useState } from "preact/hooks";
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

const page = 150;

export function TopTable(props: TopTableProps) {
  const { rows, sort, query, baseTotal, format } = props;
  const [only, setOnly] = useState<Fate | "all">("all");
  const shown = useMemo(() => {
    const fitting = filterRows(rows, query);
    return sortRows(only === "all" ? fitting : fitting.filter((r) => fate(r) === only), sort);
  }, [rows, query, sort, only]);
  const [limit, setLimit] = useState(page);
  const hovered = useHovered();
  const columns: [Column, string, string][] =
    baseTotal === null
      ? [
          ["flat", "Self", "by itself (flat)"],
          ["cum", "Total", "with all it calls (cum)"],
        ]
      : [
          ["base", "Before", "by itself, before"],
          ["flat", "After", "by itself, after"],
          ["change", "Change", "by itself"],
        ];
  const most = useMemo(
    () => rows.reduce((m, r) => Math.max(m, Math.abs(r.flat), Math.abs(r.base_flat ?? 0)), 0),
    [rows],
  );
  return (
    <section class="table" aria-label="Table">
      {baseTotal !== null && <Fates rows={rows} only={only} onPick={setOnly} />}
      <div class="table-scroll" tabIndex={0} role="region" aria-label={`${props.what}s by cost`}>
        <table>
          <thead>
            <tr>
              <Head column="name" text={props.what} title="by name" {...props} />
              {columns.map(([column, text, title]) => (
                <Head key={column} column={column} text={text} title={title} {...props} />
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
          <button type="button" class="more" onClick={() => setLimit(limit + 1000)}>
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
  sort: string;
  onSort: (sort: string) => void;
}

function Head({ column, text, title, sort, onSort }: HeadProps) {
  const on = sort === column || sort === `-${column}`;
  const direction = !on
    ? undefined
    : sort.startsWith("-") === (column === "name")
      ? "descending"
      : "ascending";
  return (
    <th
      scope="col"
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

function Row({ r, most, lit, total, baseTotal, format, what, selected, onPick, onMenu }: RowProps) {
  const place = r.file ? `${r.file}${r.line ? `:${r.line}` : ""}` : "";
  const label = what === "Line" && r.line && !r.name.endsWith(`:${r.line}`) ? `${r.name}:${r.line}` : r.name;
  const title = `${label.slice(0, 300)}${place ? `\n${place}` : ""}`;
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
        <button type="button" title={title} onClick={() => onPick(r)}>
          <bdi>{shortName(label).slice(0, 300)}</bdi>
        </button>
        {baseTotal !== null && (fate(r) === "new" || fate(r) === "gone") && (
          <span class={`fate ${fate(r)}`}>{fate(r)}</span>
        )}
      </th>
      {baseTotal === null ? (
        <>
          <Value value={r.flat} of={total} most={most} format={format} />
          <Value value={r.cum} of={total} most={0} format={format} />
        </>
      ) : (
        <>
          <Value value={r.base_flat ?? 0} of={baseTotal} most={0} format={format} />
          <Value value={r.flat} of={total} most={0} format={format} />
          <td class={changeOf(r) > 0 ? "grew" : changeOf(r) < 0 ? "shrank" : ""}>
            {`${changeOf(r) > 0 ? "+" : ""}${format(changeOf(r))}`}
            <small>{r.base_flat ? formatPercent(changeOf(r), r.base_flat) : changeOf(r) ? "new" : ""}</small>
          </td>
        </>
      )}
    </tr>
  );
}

function Value({ value, of, most, format }: { value: number; of: number; most: number; format: Format }) {
  const share = most ? Math.round((Math.abs(value) / most) * 100) : 0;
  return (
    <td>
      {share > 0 && <i class="bar" style={{ width: `${share}%` }} />}
      {format(value)}
      <small>{formatPercent(value, of)}</small>
    </td>
  );
}
