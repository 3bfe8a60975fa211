// A menu at a point: for the right click and the menu key. Arrow keys move in it, Escape closes it and gives
// the focus back.
import { Fragment } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

export interface MenuItem {
  label: string;
  run: () => void;
  hint?: string;
  apart?: boolean; // a line above it
}

export interface MenuProps {
  x: number;
  y: number;
  title: string;
  items: MenuItem[];
  onClose: () => void;
}

const most = 38;

/* The end of a path says more than its beginning. */
function tail(hint: string): string {
  return hint.length > most ? `…${hint.slice(1 - most)}` : hint;
}

export function Menu({ x, y, title, items, onClose }: MenuProps) {
  const box = useRef<HTMLDivElement>(null);
  const before = useRef(document.activeElement as HTMLElement | null);
  useLayoutEffect(() => {
    const element = box.current!;
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
    element.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
    element.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    return () => before.current?.focus({ preventScroll: true });
  }, [x, y]);
  useEffect(() => {
    const outside = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) onClose();
    };
    addEventListener("pointerdown", outside);
    addEventListener("resize", onClose);
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("resize", onClose);
    };
  }, [onClose]);
  const onKeyDown = (e: KeyboardEvent) => {
    const all = [...box.current!.querySelectorAll<HTMLElement>("[role=menuitem]")];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (e.key === "Escape" || e.key === "Tab") onClose();
    else if (e.key === "ArrowDown") all[(at + 1) % all.length]?.focus();
    else if (e.key === "ArrowUp") all[(at + all.length - 1) % all.length]?.focus();
    else if (e.key === "Home") all[0]?.focus();
    else if (e.key === "End") all[all.length - 1]?.focus();
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div
      class="menu"
      role="menu"
      aria-label={title.slice(0, 200)}
      ref={box}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      <div class="menu-title" aria-hidden="true">
        <bdi>{title.slice(0, 300)}</bdi>
      </div>
      {items.map((item) => (
        <Fragment key={item.label}>
          {item.apart && <hr />}
          <button
            type="button"
            role="menuitem"
            tabIndex={-1}
            title={item.hint && item.hint.length > most ? item.hint.slice(0, 1000) : undefined}
            onClick={() => {
              onClose();
              item.run();
            }}
          >
            <span>{item.label}</span>
            {item.hint && <bdi class="faint">{tail(item.hint)}</bdi>}
          </button>
        </Fragment>
      ))}
    </div>
  );
}
