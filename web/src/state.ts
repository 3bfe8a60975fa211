// What the page shows, and how that stands in its address: everything that a link should bring back is here
// and nowhere else. Only what differs from the defaults is written.

export type View = "explore" | "compare" | "profiles" | "function";
export type Mode = "flame" | "sandwich" | "leaf";
export type ColorBy = "package" | "file" | "binary" | "value";
export type Granularity = "functions" | "files" | "lines" | "addresses";

/* What pprof calls focus, ignore, hide, show and show_from: regular expressions over names. */
export interface FilterSet {
  focus: string;
  ignore: string;
  hide: string;
  show: string;
  showFrom: string;
}

/* Which profiles: a range of a service's, or a single one. */
export interface Selection {
  service: string;
  type: string;
  from: string;
  to: string;
  labels: string;
  id: string;
}

export interface State extends FilterSet {
  view: View;
  service: string;
  type: string;
  sample: string; // sample type; empty: the profile's default
  labels: string; // as the API takes them
  from: string; // unix seconds or now-1h
  to: string;
  id: string; // a single profile instead of the range
  group: string; // label that splits the time line
  grid: boolean; // a small time line for each value instead of one with many lines
  rate: boolean; // per second or per profile instead of total (basis.ts)
  mode: Mode;
  fn: string; // function of the sandwich and of the function view
  search: string;
  zoom: string; // hash of the zoomed frame's path
  zoomUp: string; // the same among callers
  root: string; // path of names under which "(other)" was opened
  rootUp: string; // the same among callers
  more: boolean; // ten times as many frames, where "(other)" lies right under the root
  by: Granularity;
  color: ColorBy;
  recursion: boolean; // collapse direct recursion
  chains: boolean; // collapse chains of single callees
  layout: "both" | "flame" | "table";
  sort: string; // column of the table, "-" before it: ascending
  baseFrom: string;
  baseTo: string;
  baseLabels: string;
  baseId: string;
  sync: boolean; // both ranges of a comparison keep one length
  normalize: boolean;
}

export const defaults: State = {
  view: "explore",
  service: "",
  type: "",
  sample: "",
  labels: "",
  from: "now-1h",
  to: "now",
  id: "",
  group: "",
  grid: false,
  rate: true,
  mode: "flame",
  fn: "",
  search: "",
  zoom: "",
  zoomUp: "",
  root: "",
  rootUp: "",
  more: false,
  focus: "",
  ignore: "",
  hide: "",
  show: "",
  showFrom: "",
  by: "functions",
  color: "package",
  recursion: false,
  chains: false,
  layout: "both",
  sort: "flat",
  baseFrom: "now-2h",
  baseTo: "now-1h",
  baseLabels: "",
  baseId: "",
  sync: true,
  normalize: false,
};

const names: Partial<Record<keyof State, string>> = {
  sample: "sample_type",
  search: "q",
  by: "granularity",
  showFrom: "show_from",
  zoomUp: "zoom_up",
  rootUp: "root_up",
  baseFrom: "base_from",
  baseTo: "base_to",
  baseLabels: "base_labels",
  baseId: "base_id",
};

const words: Partial<Record<keyof State, readonly string[]>> = {
  view: ["explore", "compare", "profiles", "function"],
  mode: ["flame", "sandwich", "leaf"],
  by: ["functions", "files", "lines", "addresses"],
  color: ["package", "file", "binary", "value"],
  layout: ["both", "flame", "table"],
};

const keys = Object.keys(defaults) as (keyof State)[];

export function toQuery(state: State): string {
  const q = new URLSearchParams();
  for (const key of keys) {
    const value = state[key];
    if (value === defaults[key]) continue;
    q.set(names[key] ?? key, typeof value === "boolean" ? (value ? "1" : "0") : value);
  }
  return q.toString();
}

export function fromQuery(text: string): State {
  const q = new URLSearchParams(text);
  const state: Record<string, string | boolean> = { ...defaults };
  for (const key of keys) {
    const value = q.get(names[key] ?? key);
    if (value === null) continue;
    if (typeof defaults[key] === "boolean") state[key] = value === "1";
    else if (!words[key] || words[key].includes(value)) state[key] = value;
  }
  return state as unknown as State;
}

export function selection(s: State): Selection {
  const { service, type, from, to, labels, id } = s;
  return { service, type, from, to, labels, id };
}

/* The other side of a comparison. */
export function baseSelection(s: State): Selection {
  return {
    service: s.service,
    type: s.type,
    from: s.baseFrom,
    to: s.baseTo,
    labels: s.baseLabels,
    id: s.baseId,
  };
}

/* What belongs to one picture and means nothing in another. */
export const closed: Partial<State> = { root: "", rootUp: "" };
export const fresh: Partial<State> = { zoom: "", zoomUp: "", ...closed, more: false };
export const unfiltered: FilterSet = { focus: "", ignore: "", hide: "", show: "", showFrom: "" };
