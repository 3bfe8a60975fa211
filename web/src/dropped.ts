// A pprof file that was dropped on the page: looked at here, sent nowhere.
import { useEffect, useState } from "preact/hooks";
import { decode, inflate, type Profile } from "./pprof/reader";

export interface Dropped {
  name: string;
  profile: Profile;
  compare: boolean; // with what is selected, instead of alone
  sample: string; // sample type of the file that is shown; empty: that of the page where the file has it
}

const listeners = new Set<() => void>();
let dropped: Dropped | null = null;
let problem = "";
let turn = 0; // of the last file taken: an earlier, larger one that is read later is not shown any more

function tell(): void {
  for (const f of listeners) f();
}

/* `compare`: dropped where something is being compared. */
export async function take(file: File, compare: boolean): Promise<void> {
  const own = ++turn;
  try {
    const bytes = await inflate(new Uint8Array(await file.arrayBuffer()));
    if (own !== turn) return;
    dropped = { name: file.name, profile: decode(bytes), compare, sample: "" };
    problem = "";
  } catch (e) {
    if (own !== turn) return;
    problem = `${file.name}: ${e instanceof Error ? e.message : "this is not a pprof profile"}`;
  }
  tell();
}

export function putAway(): void {
  dropped = null;
  problem = "";
  turn++;
  tell();
}

/* The file that was shown before stays. */
export function closeProblem(): void {
  problem = "";
  tell();
}

export function chooseSample(sample: string): void {
  if (dropped) dropped = { ...dropped, sample };
  tell();
}

export function compareDropped(compare: boolean): void {
  if (dropped) dropped = { ...dropped, compare };
  tell();
}

export function useDropped(): { dropped: Dropped | null; problem: string } {
  const [, bump] = useState(0);
  useEffect(() => {
    const f = () => bump((n) => n + 1);
    listeners.add(f);
    return () => void listeners.delete(f);
  }, []);
  return { dropped, problem };
}
