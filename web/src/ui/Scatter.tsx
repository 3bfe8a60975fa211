// Profiles as points, value by time; a click opens the nearest one, dragging chooses a range. The list below
// it offers the same to the keyboard.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import type { Point } from "../points";
import { useTheme } from "../theme";
import { clock } from "../time";
import { axes, lineColor, timeRange } from "./Timeline";

export interface ScatterProps {
  points: Point[];
  format: (v: number) => string;
  onOpen: (p: Point) => void;
  onRange: (from: number, to: number) => void;
}

export function Scatter({ points, format, onOpen, onRange }: ScatterProps) {
  const box = useRef<HTMLDivElement>(null);
  const [text, say] = useState("");
  const { dark } = useTheme();
  const handlers = useRef({ onOpen, onRange });
  handlers.current = { onOpen, onRange };
  useLayoutEffect(() => {
    const element = box.current!;
    const known = points.filter((p) => p.value !== null);
    let dragged = false;
    const plot = new uPlot(
      {
        width: element.clientWidth || 300,
        height: 150,
        padding: [8, 20, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 9 }, y: false },
        scales: {
          x: { time: true, range: timeRange },
          y: { range: (_, min, max) => [Math.min(0, min ?? 0), max > 0 ? max * 1.08 : 1] },
        },
        axes: axes(dark, format),
        series: [
          {},
          {
            paths: () => null,
            stroke: lineColor(0, dark),
            points: { show: true, size: 6, fill: lineColor(0, dark) },
          },
        ],
        hooks: {
          setCursor: [
            (u) => {
              const p = known[u.cursor.idx ?? -1];
              say(
                p && (u.cursor.left ?? -1) >= 0
                  ? `${clock(p.at)}   ${format(p.value!)}   click opens it`
                  : "",
              );
            },
          ],
          setSelect: [
            (u) => {
              if (u.select.width < 4) return;
              dragged = true;
              const from = u.posToVal(u.select.left, "x");
              const to = u.posToVal(u.select.left + u.select.width, "x");
              handlers.current.onRange(Math.floor(from), Math.ceil(to));
            },
          ],
        },
      },
      [known.map((p) => p.at), known.map((p) => p.value)],
      element,
    );
    const click = () => {
      const p = known[plot.cursor.idx ?? -1];
      if (p && !dragged) handlers.current.onOpen(p);
      dragged = false;
    };
    plot.over.addEventListener("click", click);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 150 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [points, dark, format]);
  return (
    <div
      class="timeline scatter"
      role="img"
      aria-label={`${points.length} profiles, value by time; the list below holds the same`}
    >
      <div ref={box} />
      <div class="timeline-text" aria-hidden="true">
        {text}
      </div>
    </div>
  );
}
