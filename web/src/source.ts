// Where a picture (flame graph and table) comes from: the server's answers for a selection, a comparison of
// two, or a dropped file. The rest of the page doesn't care which.
import { useMemo, useRef } from "preact/hooks";
import {
  type ApiError,
  ApiError as Problem,
  api,
  bytes,
  diffAddress,
  filterParams,
  profileAddress,
} from "./api";
import type { Dropped } from "./dropped";
import { fromAnswer, type Tree } from "./flame/tree";
import { useLoad } from "./load";
import { noParts, nothingLeftOut, type Parts, useLocalParts, useServerParts } from "./parts";
import { decode, inflate } from "./pprof/reader";
import { sampleIndex, treeOf } from "./pprof/totree";
import { scaled } from "./scaled";
import { baseSelection, type State, selection } from "./state";
import { rowsOfTree } from "./table";
import type { SampleType, TopRow } from "./types";

export interface Source extends Parts {
  tree: Tree | null; // from the root down, whatever is shown
  rows: TopRow[] | null;
  total: number;
  baseTotal: number | null;
  sample: SampleType;
  sampleTypes: SampleType[];
  seconds: number; // that the profiles cover
  profiles: number;
  truncated: { nodes: number; value: number };
  missing: { rows: number; flat: number };
  loading: boolean;
  error: ApiError | null;
  again: () => void;
  rate?: boolean; // a dropped file against what is stored: both are shown per second
}

const nothing = {
  ...noParts,
  tree: null,
  rows: null,
  total: 0,
  baseTotal: null,
  sample: { type: "", unit: "" },
  sampleTypes: [],
  seconds: 0,
  profiles: 0,
  truncated: nothingLeftOut,
  missing: { rows: 0, flat: 0 },
};

const nodesWanted = 10_000;
const moreNodes = 100_000;

export interface Wanted {
  compare: boolean;
  tree: boolean;
  rows: boolean;
}

/* From the server. `service` and `type` empty: nothing is asked. */
export function useServerSource(s: State, want: Wanted): Source {
  const here = selection(s);
  const view = { sample_type: s.sample, granularity: s.by === "functions" ? "" : s.by, ...filterParams(s) };
  const address = (format: string, more: Record<string, string | number>) =>
    want.compare
      ? diffAddress(here, baseSelection(s), { format, normalize: s.normalize, ...view, ...more })
      : profileAddress(here, { format, ...view, ...more });
  const ready = here.id || (here.service && here.type && here.type !== "trace");
  const nodes = (more: boolean) => (more ? moreNodes : nodesWanted);
  const down = s.mode === "flame"; // what was opened belongs to the picture that is shown
  const flameUrl =
    ready && want.tree
      ? address("flamegraph", { max_nodes: nodes(down && s.more), root: down ? s.root : "" })
      : null;
  const flame = useLoad(flameUrl, (signal) => api.flame(flameUrl!, signal));
  const { all, ...parts } = useServerParts(
    s,
    ready ? (params) => address("flamegraph", { max_nodes: nodes(s.more), ...params }) : null,
  );
  const answer = flame.value;
  // A tree that is whole has the table in it; only of one that was cut the server is asked for the rows
  const whole = answer !== null && !flame.loading && !(down && s.root) && answer.truncated.nodes === 0;
  const asked = want.rows && !(want.tree && (flame.loading || whole || flame.error));
  const topUrl = ready && asked ? address("top", { rows: 1000 }) : null;
  const top = useLoad(topUrl, (signal) => api.top(topUrl!, signal));
  const tree = useMemo(() => (answer ? fromAnswer(answer) : null), [answer]);
  const own = useMemo(() => (tree && whole && want.rows ? rowsOfTree(tree) : null), [tree, whole, want.rows]);
  const fresh = own ? { rows: own, missing: nothing.missing } : top.value;
  const shown = useRef(fresh); // the old table stays until the new one is there
  shown.current = fresh ?? (tree ? shown.current : null);
  const facts = answer ?? all.find((one) => one.value)?.value;
  return {
    ...nothing,
    ...(facts
      ? {
          total: facts.total,
          baseTotal: facts.base_total_sum ?? null,
          sample: facts.sample_type,
          sampleTypes: facts.sample_types,
          seconds: facts.duration_nanos / 1e9,
          profiles: facts.profiles,
        }
      : {}),
    ...parts,
    truncated: answer?.truncated ?? nothingLeftOut,
    tree,
    rows: shown.current?.rows ?? null,
    missing: shown.current?.missing ?? nothing.missing,
    loading: flame.loading || top.loading || all.some((one) => one.loading),
    error: flame.error ?? top.error,
    again: () => {
      flame.again();
      top.again();
      for (const one of all) one.again();
    },
  };
}

/* From a dropped file, alone or against what is selected on the page. */
export function useDroppedSource(s: State, file: Dropped | null): Source {
  const url = file?.compare && s.service && s.type ? profileAddress(selection(s)) : null;
  const other = useLoad(url, async (signal) => decode(await inflate(await bytes(url!, signal))));
  const waiting = file?.compare === true && !other.value;
  const filters = JSON.stringify(filterParams(s));
  // Only these: the filters are compared by their text
  const made = useMemo(() => {
    if (!file || waiting) return { ...nothing, error: null };
    try {
      const sample = sampleIndex(file.profile, file.sample || s.sample);
      const base = file.compare && other.value ? other.value : null;
      const type = file.profile.sampleTypes[sample]!;
      const side = base && { profile: base, sample: sampleIndex(base, type.type) };
      // One file against many profiles: per second, or, where they don't say what they cover, by their shares
      const timed = base !== null && base.durationNanos > 0 && file.profile.durationNanos > 0;
      const normalize = base !== null && (s.normalize || !timed);
      const tree = treeOf({ profile: file.profile, sample }, side, s, s.by, normalize);
      const rate = timed && !normalize;
      const sides = {
        ...nothing,
        tree,
        rows: rowsOfTree(tree, true),
        total: tree.total[0]!,
        baseTotal: tree.baseTotal ? tree.baseTotal[0]! : null,
        sample: type,
        sampleTypes: file.profile.sampleTypes,
        seconds: file.profile.durationNanos / 1e9,
        profiles: 1,
        error: null,
        rate,
      };
      return rate ? scaled(sides, file.profile.durationNanos / base.durationNanos) : sides;
    } catch (e) {
      return { ...nothing, error: new Problem(400, e instanceof Error ? e.message : String(e)) };
    }
  }, [file, waiting, other.value, s.sample, s.by, s.normalize, filters]);
  const parts = useLocalParts(s, made.tree);
  return { ...made, ...parts, loading: other.loading, error: other.error ?? made.error, again: other.again };
}
