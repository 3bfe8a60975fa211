// A button that opens a small panel under itself; Escape and a click elsewhere close it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface PopoverProps {
  label: ComponentChildren;
  title: string;
  class?: string;
  children: (close: () => void) => ComponentChildren;
}

export function Popover({ label, title, children, class: extra }: PopoverProps) {
  const [open, set] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (e: Event) => {
      if (!box.current?.contains(e.target as Node)) set(false);
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    set(false);
    button.current?.focus();
  };
  return (
    <div
      class={`popover ${extra ?? ""}`}
      ref={box}
      onKeyDown={(e) => {
        if (e.key !== "Escape" || !open) return;
        e.stopPropagation();
        close();
      }}
    >
      <button
        type="button"
        ref={button}
        aria-expanded={open}
        aria-haspopup="dialog"
        title={title}
        onClick={() => set(!open)}
      >
        {label}
      </button>
      {open && (
        <div class="popover-panel" role="dialog" aria-label={title}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
