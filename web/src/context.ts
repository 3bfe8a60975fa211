// What the whole page knows once: the server's settings for it, and who it is used by.
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { access, mayDo, type Session } from "./access";
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

/* Who is signed in, and whether the form is wanted; again whenever that changes. */
export function useAccess(): { session: Session | null; asking: boolean } {
  const [, bump] = useState(0);
  useEffect(() => access.listen(() => bump((n) => n + 1)), []);
  return { session: access.session, asking: access.asking };
}

/* Whether to show what needs this right. Not before it is known. */
export function useRight(right: string): boolean {
  const config = useContext(ConfigContext);
  const { session } = useAccess();
  return config !== null && mayDo(right, config.auth, session);
}

/* Whether lines to copy need a token. */
export function useTokens(): boolean {
  return useContext(ConfigContext)?.auth === true;
}
