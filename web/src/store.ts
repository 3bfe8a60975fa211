// The state as the page lives with it: read from the address, written back to it, followed by views. A change
// makes an entry in the history unless it is one of many small ones (typing).
import { useEffect, useState } from "preact/hooks";
import { fromQuery, type State, toQuery } from "./state";

type Listener = () => void;
const listeners = new Set<Listener>();
let state = fromQuery(location.search);

export function current(): State {
  return state;
}

export function linkTo(change: Partial<State>): string {
  const q = toQuery({ ...state, ...change });
  return q ? `?${q}` : "./";
}

const pause = 200; // milliseconds without typing before the address is written
let waiting: ReturnType<typeof setTimeout> | undefined;

function addressOf(query: string): string {
  return query ? `?${query}` : location.pathname;
}

/* Writing the address with every letter makes browsers look for the icon again, and some refuse it after a while. */
function writeSoon(): void {
  clearTimeout(waiting);
  waiting = setTimeout(writeNow, pause);
}

function writeNow(): void {
  if (waiting === undefined) return;
  clearTimeout(waiting);
  waiting = undefined;
  history.replaceState(null, "", addressOf(toQuery(state)));
}

addEventListener("pagehide", writeNow);

export function update(change: Partial<State>, how: "push" | "replace" = "push"): void {
  const next = { ...state, ...change };
  const before = toQuery(state);
  const after = toQuery(next);
  if (before === after) return;
  if (how === "push") {
    writeNow();
    history.pushState(null, "", addressOf(after));
  }
  state = next;
  if (how === "replace") writeSoon();
  for (const f of listeners) f();
}

addEventListener("popstate", () => {
  clearTimeout(waiting);
  waiting = undefined;
  state = fromQuery(location.search);
  for (const f of listeners) f();
});

export function useStateOfPage(): State {
  const [, bump] = useState(0);
  useEffect(() => {
    const f = () => bump((n) => n + 1);
    listeners.add(f);
    return () => void listeners.delete(f);
  }, []);
  return state;
}

/* An <a> that changes the state here, and still opens in a new tab by the usual ways. */
export function follow(change: Partial<State>) {
  return {
    href: linkTo(change),
    onClick: (e: MouseEvent) => {
      if (e.metaKey || e.ctrlKey || e.shiftKey || e.button !== 0) return;
      e.preventDefault();
      update(change);
    },
  };
}
