// The line between table and graph: dragged, or moved by arrow keys, it shares out the room; a double click gives
// the usual shares back. Remembered by this browser, not in the link: it is about a screen and not about a profile.
import { useRef } from "preact/hooks";

const least = 20; // percent
const most = 80;

function stored(name: string): number | null {
  try {
    const share = Number(localStorage.getItem(name));
    return share >= least && share <= most ? share : null;
  } catch {
    return null; // storage may be forbidden
  }
}

function store(name: string, share: number | null): void {
  try {
    if (share === null) localStorage.removeItem(name);
    else localStorage.setItem(name, share.toFixed(1));
  } catch {
    // then it holds until the page is left
  }
}

/* `name` is under which the share of the left pane is remembered, `usual` what it is without. */
export function Divider({ name, usual }: { name: string; usual: number }) {
  const box = useRef<HTMLDivElement | null>(null);
  const set = (share: number | null) => {
    const now = share === null ? usual : Math.min(most, Math.max(least, share));
    box.current?.parentElement?.style.setProperty("--left", `${now}%`);
    box.current?.setAttribute("aria-valuenow", now.toFixed(0));
    return now;
  };
  const now = () => Number(box.current?.getAttribute("aria-valuenow"));
  return (
    <div
      ref={(element) => {
        if (!element || box.current === element) return;
        box.current = element;
        set(stored(name));
      }}
      class="divider"
      role="separator"
      aria-orientation="vertical"
      aria-label="Share of the table"
      aria-valuemin={least}
      aria-valuemax={most}
      tabIndex={0}
      title="Drag to share out the room; a double click gives the usual shares back"
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId);
        e.preventDefault();
      }}
      onPointerMove={(e) => {
        if (!e.currentTarget.hasPointerCapture(e.pointerId)) return;
        const room = e.currentTarget.parentElement!.getBoundingClientRect();
        store(name, set(((e.clientX - room.left) / room.width) * 100));
      }}
      onDblClick={() => {
        set(null);
        store(name, null);
      }}
      onKeyDown={(e) => {
        if (e.key !== "ArrowLeft" && e.key !== "ArrowRight") return;
        store(name, set(now() + (e.key === "ArrowRight" ? 2 : -2)));
        e.preventDefault();
        e.stopPropagation();
      }}
    />
  );
}
