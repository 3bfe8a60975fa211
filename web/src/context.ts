// What the whole page knows once: the server's settings for it.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { UiConfig } from "./types";

export const ConfigContext = createContext<UiConfig | null>(null);

/* The address of a source line by the server's template; null without one, or without a file. */
export function sourceLink(config: UiConfig | null, file: string, line: number): string | null {
  if (!config?.source_url || !file) return null;
  const path = file.split("/").map(encodeURIComponent).join("/");
  const url = config.source_url
    .replaceAll("{file}", path.replace(/^\/+/, ""))
    .replaceAll("{line}", String(line || 1));
  return /^https?:\/\//.test(url) ? url : null;
}

export function useSourceLink(): (file: string, line: number) => string | null {
  const config = useContext(ConfigContext);
  return (file, line) => sourceLink(config, file, line);
}
