// The keys, as a dialog.
import { useEffect, useRef } from "preact/hooks";

const keys: [string, string][] = [
  ["/", "search"],
  ["Enter, Shift Enter", "in the search: next, previous hit"],
  ["0", "show the whole graph again"],
  ["← → ↑ ↓", "move from frame to frame"],
  ["+ or Enter", "zoom to the frame"],
  ["-", "zoom out by one"],
  ["Shift F10 or menu key", "menu of the frame"],
  ["1 2 3", "explore, compare, profiles"],
  ["t", "light or dark"],
  ["Esc", "close, or clear the search"],
  ["?", "this list"],
];

export function Help({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={onClose}>
      <h2 id="help-title">Keys</h2>
      <dl class="facts">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="faint">
        In the flame graph a click zooms, a right click offers more. Dragging over the time line chooses a
        range. A pprof file can be dropped anywhere.
      </p>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
