// What is shown instead of, or above, a picture: an error with what to do about it, nothing found, still
// loading, not everything shown.
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api";

export function ErrorNotice({ error, again }: { error: ApiError; again: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <strong>
        {error.status === 0 || error.status >= 500 ? "That didn't work." : "The server refused this."}
      </strong>
      <span class="notice-text">
        <bdi>{error.message}</bdi>
        {(error.status === 422 || error.status === 504) && (
          <div class="faint">A shorter range or a label filter needs less.</div>
        )}
      </span>
      {error.requestId && <span class="faint">request {error.requestId}</span>}
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty" role="status">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/* A thin line that moves while something is under way; the old picture stays, paler. */
export function Progress({ on }: { on: boolean }) {
  return <div class={`progress ${on ? "on" : ""}`} role="status" aria-label={on ? "Loading" : ""} />;
}

export function Skeleton({ rows, label }: { rows: number; label: string }) {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} class={`bone bone-${i % 5}`} />
      ))}
    </div>
  );
}
