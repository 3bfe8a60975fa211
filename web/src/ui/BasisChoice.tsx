// Divided, or the total (basis.ts): for time lines, flame graph and table alike.
import type { State } from "../state";
import { update } from "../store";

/* `timed`: the profiles say what time they cover. */
export function BasisChoice({ s, timed }: { s: State; timed: boolean }) {
  const why = timed
    ? "Per second of what the profiles cover: however many were taken"
    : "The mean of a profile: however many were taken. They don't say what time they cover.";
  return (
    <div class="tabs" role="group" aria-label="Values">
      <button type="button" title={why} aria-pressed={s.rate} onClick={() => update({ rate: true })}>
        {timed ? "per second" : "per profile"}
      </button>
      <button
        type="button"
        title="All profiles of the range summed up, as go tool pprof prints it"
        aria-pressed={!s.rate}
        onClick={() => update({ rate: false })}
      >
        total
      </button>
    </div>
  );
}
