// The function under the pointer, wherever that is: the flame graph, the table and the lists light it up
// together. Kept apart from the page's state, since it changes with every movement.
import { useEffect, useState } from "preact/hooks";

type Listener = (name: string) => void;
const listeners = new Set<Listener>();
let hovered = "";

export function hover(name: string): void {
  if (name === hovered) return;
  hovered = name;
  for (const f of listeners) f(name);
}

export function onHover(f: Listener): () => void {
  listeners.add(f);
  return () => void listeners.delete(f);
}

export function useHovered(): string {
  const [name, set] = useState(hovered);
  useEffect(() => onHover(set), []);
  return name;
}
