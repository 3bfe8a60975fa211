// Loading: a hook that asks for something whenever its key changes, gives the last question up, and keeps what
// was there until the new answer is in.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { access } from "./access";
import { ApiError } from "./http";

export interface Loaded<T> {
  value: T | null; // the last answer, also while a new one is awaited
  error: ApiError | null;
  loading: boolean;
  again: () => void;
}

interface Answer<T> {
  value: T | null;
  error: ApiError | null;
  to: string | null; // the question
}

/* `key` says what is asked for; null: nothing. The question goes out as soon as the page knows it, not after the
 * next paint; from then on what is there counts as the answer to an older one. */
export function useLoad<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [answer, set] = useState<Answer<T>>({ value: null, error: null, to: null });
  const [round, bump] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const question = key === null ? null : `${round} ${key}`;
  // Only this: `round` asks the same again
  useLayoutEffect(() => {
    if (question === null) {
      set({ value: null, error: null, to: null });
      return;
    }
    const controller = new AbortController();
    latest.current(controller.signal).then(
      (value) => {
        if (!controller.signal.aborted) set({ value, error: null, to: question });
      },
      (e: unknown) => {
        if (controller.signal.aborted) return;
        const error = e instanceof ApiError ? e : new ApiError(0, e instanceof Error ? e.message : String(e));
        set({ value: null, error, to: question });
      },
    );
    return () => controller.abort();
  }, [question]);
  const again = useCallback(() => bump((n) => n + 1), []);
  const refused = answer.error?.wantsToken === true;
  useEffect(() => (refused ? access.whenSignedIn(again) : undefined), [refused]);
  if (question === null) return { value: null, error: null, loading: false, again };
  return { value: answer.value, error: answer.error, loading: answer.to !== question, again };
}
