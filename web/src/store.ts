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

export function update(change: Partial<State>, how: "push" | "replace" = "push"): void {
  const next = { ...state, ...change };
  const before = toQuery(state);
  const after = toQuery(next);
  state = next;
  if (before === after) return;
  const url = after ? `?${after}` : location.pathname;
  if (how === "push") history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  for (const f of listeners) f();
}

addEventListener("popstate", () => {
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
