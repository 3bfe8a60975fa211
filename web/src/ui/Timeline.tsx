// A time line: uPlot with our colours, dragging to choose a range, and what is under the pointer in words.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { useTheme } from "../theme";
import { clock, tick } from "../time";
import type { Lines } from "../timeline";

export interface TimelineProps {
  lines: Lines;
  format: (value: number) => string;
  label: string;
  height: number;
  onRange?: (from: number, to: number) => void;
  bare?: boolean; // no axes: for a small one in a grid
  sync?: string; // charts of one name share their cursor
  top?: number; // the axis reaches at least this far: charts beside each other have one scale
}

const lightLines = ["#0b6aa8", "#c4540a", "#1c7d5a", "#9a4a8f", "#8a6d00", "#5b53b5", "#b03045", "#3f6b75"];
const darkLines = ["#5fb3ea", "#f0975a", "#52c49b", "#d98bcc", "#d9bb4a", "#a59cf5", "#f07f8f", "#86bcc7"];

export function lineColor(i: number, dark: boolean): string {
  const list = dark ? darkLines : lightLines;
  return list[i % list.length]!;
}

/* A single point stands in the middle of ten minutes, not in years. */
export function timeRange(u: uPlot, min: number, max: number): [number, number] {
  const times = u.data[0];
  return times.length === 1 ? [times[0]! - 300, times[0]! + 300] : [min, max];
}

const powersOfTwo = Array.from({ length: 60 }, (_, i) => 2 ** i);

/* Both axes; times by the 24-hour clock, the day where a new one begins. */
export function axes(dark: boolean, format: (v: number) => string): uPlot.Axis[] {
  const stroke = dark ? "#98a2b0" : "#5a6472";
  const grid = { stroke: dark ? "#252a32" : "#eceef1", width: 1 };
  const font = "11px system-ui, sans-serif";
  const ticks = { show: false };
  return [
    {
      stroke,
      grid: { show: false },
      ticks,
      font,
      size: 24,
      gap: 4,
      space: 80,
      values: (_, list, __, ___, step) => list.map((at) => tick(at, step)),
    },
    {
      stroke,
      grid,
      ticks,
      font,
      size: 72,
      gap: 6,
      space: 28,
      ...(format(2 ** 20).endsWith("MiB") ? { incrs: powersOfTwo } : {}),
      values: (_, list) => list.map((v) => (v === 0 ? "0" : format(v))),
    },
  ];
}

function options(
  props: TimelineProps,
  width: number,
  dark: boolean,
  say: (text: string) => void,
): uPlot.Options {
  const { lines, format, bare } = props;
  return {
    width,
    height: props.height,
    padding: bare ? [4, 0, 2, 0] : [8, 20, 0, 0],
    legend: { show: false },
    cursor: {
      drag: { x: props.onRange !== undefined, y: false, setScale: false },
      points: { size: 5 },
      y: false,
      ...(props.sync ? { sync: { key: props.sync } } : {}),
    },
    scales: {
      x: { time: true, range: timeRange },
      y: {
        range: (_, min, max) => {
          const most = Math.max(max ?? 0, props.top ?? 0);
          return [Math.min(0, min ?? 0), most > 0 ? most * 1.08 : 1];
        },
      },
    },
    axes: bare ? [{ show: false }, { show: false }] : axes(dark, format),
    series: [
      {},
      ...lines.lines.map((line, i) => ({
        label: line.name,
        stroke: line.other ? (dark ? "#6c7684" : "#8d96a3") : lineColor(i, dark),
        width: 1.5,
        fill: lines.lines.length === 1 ? `${lineColor(i, dark)}22` : undefined,
        points: { size: 6, fill: lineColor(i, dark), filter: lonely(line.values) },
      })),
    ] as uPlot.Series[],
    hooks: {
      setCursor: [(u) => say(underCursor(u, lines, format))],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          const from = u.posToVal(u.select.left, "x");
          const to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          props.onRange?.(Math.floor(from), Math.ceil(to));
        },
      ],
      drawClear: [(u) => drawPartial(u, lines, dark)],
    },
  };
}

/* Points are drawn where no line reaches, so that a single value is seen. */
function lonely(values: (number | null | undefined)[]): uPlot.Series.Points.Filter {
  const alone = values.flatMap((v, i) =>
    typeof v === "number" &&
    (values[i - 1] === null || i === 0) &&
    (values[i + 1] ?? null) === null &&
    values[i + 1] !== undefined
      ? [i]
      : [],
  );
  return () => alone;
}

function underCursor(u: uPlot, lines: Lines, format: (v: number) => string): string {
  const i = u.cursor.idx;
  if (i === null || i === undefined || (u.cursor.left ?? -1) < 0) return "";
  const here = lines.lines
    .map((line) => ({ name: line.name, value: line.values[i] }))
    .filter((v): v is { name: string; value: number } => typeof v.value === "number")
    .sort((a, b) => b.value - a.value);
  const words = here
    .slice(0, 5)
    .map((v) => (v.name ? `${v.name.slice(0, 40)} ${format(v.value)}` : format(v.value)));
  if (here.length > 5) words.push(`${here.length - 5} more`);
  const note = lines.partial.includes(i) ? "   (only part of a step)" : "";
  return `${clock(lines.times[i]!)}   ${words.join(" · ") || "nothing"}${note}`;
}

/* Shades what leads to a step that is only partly there, so that its fall is not taken for one. */
function drawPartial(u: uPlot, { times, partial }: Lines, dark: boolean): void {
  const { ctx, bbox } = u;
  ctx.fillStyle = dark ? "#ffffff12" : "#0000000d";
  for (const i of partial) {
    const x0 = u.valToPos(times[Math.max(0, i - 1)]!, "x", true);
    const x1 = u.valToPos(times[i === 0 ? Math.min(1, times.length - 1) : i]!, "x", true);
    const left = Math.max(bbox.left, x0);
    ctx.fillRect(left, bbox.top, Math.min(bbox.left + bbox.width, x1) - left, bbox.height);
  }
}

export function Timeline(props: TimelineProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [text, say] = useState("");
  const { dark } = useTheme();
  const { lines } = props;
  const latest = useRef(props.onRange);
  latest.current = props.onRange; // of what is chosen now: it changes while the picture stays
  const onRange = (from: number, to: number) => latest.current?.(from, to);
  // Only these: the picture is made of these
  useLayoutEffect(() => {
    const element = box.current!;
    const data = [lines.times, ...lines.lines.map((line) => line.values)] as uPlot.AlignedData;
    plot.current = new uPlot(
      options(props.onRange ? { ...props, onRange } : props, element.clientWidth || 300, dark, say),
      data,
      element,
    );
    return () => plot.current?.destroy();
  }, [lines, dark, props.format, props.height, props.top]);
  useEffect(() => {
    const observer = new ResizeObserver(() =>
      plot.current?.setSize({ width: box.current!.clientWidth, height: props.height }),
    );
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, [props.height]);
  return (
    <div class={`timeline ${props.bare ? "bare" : ""}`} role="img" aria-label={props.label}>
      <div ref={box} />
      {!props.bare && (
        <div class="timeline-text" aria-hidden="true">
          {text}
        </div>
      )}
    </div>
  );
}
