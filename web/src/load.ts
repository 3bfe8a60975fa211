// Loading: a hook that asks for something whenever its key changes, gives the last question up, and keeps what
// was there until the new answer is in.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api";

export interface Loaded<T> {
  value: T | null; // the last answer, also while a new one is awaited
  error: ApiError | null;
  loading: boolean;
  again: () => void;
}

/* `key` says what is asked for; null: nothing. */
export function useLoad<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, set] = useState<Omit<Loaded<T>, "again">>({
    value: null,
    error: null,
    loading: key !== null,
  });
  const [round, bump] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  // Only these: `round` asks the same again
  useEffect(() => {
    if (key === null) {
      set({ value: null, error: null, loading: false });
      return;
    }
    const controller = new AbortController();
    set((s) => ({ ...s, loading: true }));
    latest.current(controller.signal).then(
      (value) => {
        if (!controller.signal.aborted) set({ value, error: null, loading: false });
      },
      (e: unknown) => {
        if (controller.signal.aborted) return;
        const error = e instanceof ApiError ? e : new ApiError(0, e instanceof Error ? e.message : String(e));
        set({ value: null, error, loading: false });
      },
    );
    return () => controller.abort();
  }, [key, round]);
  const again = useCallback(() => bump((n) => n + 1), []);
  return { ...state, again };
}
