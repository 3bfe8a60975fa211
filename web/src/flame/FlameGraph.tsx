// The flame graph as a component: a canvas as large as the viewport, over it the pointer and the keyboard,
// beside it a mirror of the focused row in the DOM for screen readers, below it a bar that says what is under
// the pointer. It draws by itself when something changes; Preact only renders it when the picture is another.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { hover, onHover } from "../hover";
import type { ColorBy } from "../state";
import { useTheme } from "../theme";
import { nodeColors, palette } from "./colors";
import { type Details, details, type Format, runDetails } from "./details";
import { type Direction, largestOf, neighbours, step } from "./interact";
import { layout } from "./layout";
import { draw, pick, rowHeight, rowTop, type Scene } from "./render";
import { nextHit, search } from "./search";
import { findHash, pathHash, type Tree } from "./tree";

export interface FlameProps {
  tree: Tree;
  label: string; // for screen readers: what is shown
  format: Format;
  color: ColorBy;
  search: string;
  zoom: string; // hash of the zoomed frame's path
  onZoom: (hash: string) => void;
  onMenu: (node: number, x: number, y: number) => void;
  onOpen: (node: number) => void; // an "(other)"
  walk?: { n: number; step: 1 | -1 }; // each change walks to the next hit
  fill?: boolean; // as tall as the room there is, instead of as the graph
  flip?: boolean; // the root at the bottom: callers above a function
}

const font = '12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const arrows: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export function FlameGraph(props: FlameProps) {
  const { tree, color } = props;
  const { dark } = useTheme();
  const l = useMemo(() => layout(tree), [tree]);
  const p = palette(dark);
  const colors = useMemo(() => nodeColors(tree, color, p), [tree, color, p]);
  const hits = useMemo(() => search(tree, props.search), [tree, props.search]);
  const zoom = useMemo(() => findHash(tree, props.zoom), [tree, props.zoom]);
  const names = useMemo(() => new Map(tree.names.map((name, i) => [name, i])), [tree]);

  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const bar = useRef<(d: Details | null) => void>(() => {});
  const [focus, setFocus] = useState(-1);
  const scene = useRef<Scene>({
    layout: l,
    colors,
    palette: p,
    zoom,
    top: 0,
    width: 0,
    height: 0,
    ratio: 1,
    hits,
    hover: -1,
    focus,
    font,
    flip: props.flip === true,
  });
  Object.assign(scene.current, { layout: l, colors, palette: p, zoom, hits, focus });

  const frame = useRef(0);
  const paint = useCallback(() => {
    cancelAnimationFrame(frame.current);
    frame.current = 0;
    const element = canvas.current;
    const ctx = element?.getContext("2d");
    if (!element || !ctx || !scene.current.width) return;
    draw(ctx, scene.current);
    element.dataset.drawn = String(Number(element.dataset.drawn ?? 0) + 1);
  }, []);
  const redraw = useCallback(() => {
    if (!frame.current) frame.current = requestAnimationFrame(paint);
  }, [paint]);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  useLayoutEffect(() => {
    const element = canvas.current!;
    const box = scroller.current!;
    const fit = () => {
      const s = scene.current;
      s.ratio = devicePixelRatio || 1;
      s.width = box.clientWidth;
      const before = s.height;
      s.height = box.clientHeight;
      if (s.flip && before) s.top = box.scrollTop = Math.max(0, s.top + before - s.height); // its foot stays
      element.width = Math.round(s.width * s.ratio);
      element.height = Math.round(s.height * s.ratio);
      element.style.width = `${s.width}px`;
      element.style.height = `${s.height}px`;
      paint();
    };
    const observer = new ResizeObserver(fit);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(redraw);

  const reveal = useCallback((i: number) => {
    const box = scroller.current!;
    const s = scene.current;
    s.height = box.clientHeight;
    const y = rowTop(s, s.layout.depth[i]!);
    if (y >= 0 && y + rowHeight <= s.height) return;
    s.top = Math.max(0, s.top + y - (s.flip ? s.height - rowHeight : s.height / 3));
    box.scrollTop = s.top;
  }, []);

  // Only these: a new picture has no focus, and begins at its zoom
  useEffect(() => {
    setFocus(-1);
    bar.current(null);
    reveal(zoom);
  }, [tree]);

  useEffect(
    () =>
      onHover((name) => {
        scene.current.hover = names.get(name) ?? -1;
        redraw();
      }),
    [names, redraw],
  );

  const zoomTo = (i: number) => {
    if (tree.folded[i]! > 0) props.onOpen(i);
    else {
      props.onZoom(i > 0 ? pathHash(tree, i) : "");
      reveal(i);
    }
  };

  // Only these: walks when asked to, not when the picture changes
  useEffect(() => {
    if (!props.walk?.n || !hits) return;
    const i = nextHit(tree, l.order, hits, focus < 0 ? 0 : focus, props.walk.step);
    if (i < 0) return;
    if (zoom && !(l.x[i]! >= l.x[zoom]! && l.x[i]! < l.x[zoom]! + l.w[zoom]!)) props.onZoom("");
    setFocus(i);
    reveal(i);
    bar.current(details(tree, i, props.format));
  }, [props.walk?.n]);

  const under = (e: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    return pick(scene.current, e.clientX - box.left, e.clientY - box.top);
  };
  const onMove = (e: MouseEvent) => {
    const { node, run } = under(e);
    scroller.current!.classList.toggle("over", node >= 0);
    hover(node > 0 && !run ? tree.names[tree.name[node]!]! : "");
    if (node >= 0) bar.current(run ? runDetails(l, run, props.format) : details(tree, node, props.format));
  };
  const onClick = (e: MouseEvent) => {
    const { node, run } = under(e);
    if (node < 0) return;
    if (run) zoomTo(tree.parent[largestOf(l, run)]!);
    else zoomTo(node === zoom ? tree.parent[node]! : node);
  };
  const onContextMenu = (e: MouseEvent) => {
    const { node, run } = under(e);
    if (node <= 0) return;
    e.preventDefault();
    props.onMenu(run ? largestOf(l, run) : node, e.clientX, e.clientY);
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const at = focus < 0 ? zoom : focus;
    let direction = arrows[e.key];
    if (props.flip && direction === "up") direction = "down";
    else if (props.flip && direction === "down") direction = "up";
    if (direction) {
      const next = focus < 0 ? at : step(l, at, direction);
      setFocus(next);
      reveal(next);
      bar.current(details(tree, next, props.format));
    } else if (e.key === "Enter" || e.key === "+") zoomTo(at);
    else if (e.key === "-") zoomTo(zoom > 0 ? tree.parent[zoom]! : 0);
    else if (e.key === "ContextMenu" || (e.key === "F10" && e.shiftKey)) {
      const box = canvas.current!.getBoundingClientRect();
      const y = box.top + rowTop(scene.current, l.depth[at]!) + rowHeight;
      if (at > 0) props.onMenu(at, box.left + 40, y);
    } else return;
    e.preventDefault();
    e.stopPropagation();
  };

  return (
    <div class={`flame ${props.fill ? "fill" : ""}`}>
      <div
        class="flame-scroll"
        ref={scroller}
        role="tree"
        tabIndex={0}
        aria-label={`${props.label}. Arrow keys move, Enter zooms, 0 resets.`}
        aria-activedescendant={focus >= 0 ? `frame-${focus}` : undefined}
        onScroll={(e) => {
          scene.current.top = e.currentTarget.scrollTop;
          redraw();
        }}
        onMouseMove={onMove}
        onMouseLeave={() => {
          hover("");
          bar.current(focus >= 0 ? details(tree, focus, props.format) : null);
        }}
        onClick={onClick}
        onContextMenu={onContextMenu}
        onKeyDown={onKeyDown}
      >
        <canvas ref={canvas} aria-hidden="true" data-frames={tree.n} data-zoom={zoom} />
        <Mirror
          tree={tree}
          nodes={neighbours(l, Math.max(focus, 0), 12)}
          focus={focus}
          format={props.format}
          depth={l.depth}
        />
        <div class="flame-space" style={{ height: `${l.rows * rowHeight}px` }} aria-hidden="true" />
      </div>
      <DetailBar connect={bar} rest={restText(tree, props)} />
    </div>
  );
}

function restText(t: Tree, props: FlameProps): string {
  const { format } = props;
  const whole = format.whole ? ` (${format.whole(t.total[0]!)})` : "";
  const n = t.n - 1;
  return `${format(t.total[0]!)}${whole} in ${n.toLocaleString("en-US")} ${n === 1 ? "frame" : "frames"}`;
}

interface MirrorProps {
  tree: Tree;
  nodes: number[];
  focus: number;
  format: Format;
  depth: Int32Array;
}

/* The row of the focused frame as elements that a screen reader can read; out of sight. */
function Mirror({ tree, nodes, focus, format, depth }: MirrorProps) {
  return (
    <>
      {nodes.map((i) => {
        const d = details(tree, i, format);
        return (
          <div
            key={i}
            id={`frame-${i}`}
            role="treeitem"
            class="unseen"
            tabIndex={-1}
            aria-level={depth[i]! + 1}
            aria-selected={i === focus}
          >
            {`${d.name}, ${d.parts.join(", ")}`}
          </div>
        );
      })}
    </>
  );
}

/* The end of a long path says more than its beginning. */
function tail(place: string): string {
  return place.length > 60 ? `…${place.slice(-59)}` : place;
}

function DetailBar({ connect, rest }: { connect: { current: (d: Details | null) => void }; rest: string }) {
  const [d, set] = useState<Details | null>(null);
  connect.current = set;
  return (
    <div class="details">
      {d ? (
        <>
          <div class="details-head">
            <bdi class="details-name">{d.name.slice(0, 400)}</bdi>
            {d.place && <bdi class="details-place">{tail(d.place)}</bdi>}
          </div>
          <span class="details-values">{d.parts.join(" · ")}</span>
        </>
      ) : (
        <span class="details-rest">{rest}</span>
      )}
    </div>
  );
}
