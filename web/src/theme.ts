// Light or dark: by the system's preference, or as chosen here and remembered.
import { useEffect, useState } from "preact/hooks";

export type Theme = "auto" | "light" | "dark";
const key = "profefe.theme";
const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function remembered(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

let theme = remembered();

export function isDark(): boolean {
  return theme === "dark" || (theme === "auto" && system.matches);
}

function apply(): void {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const f of listeners) f();
}

export function setTheme(next: Theme): void {
  theme = next;
  try {
    if (next === "auto") localStorage.removeItem(key);
    else localStorage.setItem(key, next);
  } catch {
    // then it lasts until the page is left
  }
  apply();
}

export function startTheme(): void {
  system.addEventListener("change", apply);
  apply();
}

export function useTheme(): { dark: boolean; theme: Theme } {
  const [, bump] = useState(0);
  useEffect(() => {
    const f = () => bump((n) => n + 1);
    listeners.add(f);
    return () => void listeners.delete(f);
  }, []);
  return { dark: isDark(), theme };
}
