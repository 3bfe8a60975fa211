// Calls of the server's API. Every address is relative, so the page works under any prefix.
import { access } from "./access";
import { bodyOf } from "./http";
import type { FilterSet, Selection } from "./state";
import type {
  FlameAnswer,
  LabelInfo,
  ProfileMeta,
  SampleTypeInfo,
  Series,
  StoreInfo,
  TopAnswer,
  TypeInfo,
  UiConfig,
} from "./types";

export { ApiError } from "./http";

type Params = Record<string, string | number | boolean | null | undefined>;

export function query(params: Params): string {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(params))
    if (value !== null && value !== undefined && value !== "" && value !== false) q.set(key, String(value));
  return q.toString();
}

export function address(path: string, params: Params = {}): string {
  const q = query(params);
  return `api/0/${path}${q ? `?${q}` : ""}`;
}

async function body<T>(url: string, signal?: AbortSignal): Promise<T> {
  return bodyOf<T>(await access.call(url, signal));
}

export async function bytes(url: string, signal?: AbortSignal): Promise<Uint8Array> {
  return new Uint8Array(await (await access.call(url, signal)).arrayBuffer());
}

/* What a selection is called in a query: a single profile by its id, or a range. */
export function selectionParams(s: Selection): Params {
  return { service: s.service, type: s.type, from: s.from, to: s.to, labels: s.labels };
}

export function filterParams(f: FilterSet): Params {
  return { focus: f.focus, ignore: f.ignore, hide: f.hide, show: f.show, show_from: f.showFrom };
}

export function profilePath(id: string): string {
  return `profiles/${encodeURIComponent(id)}`;
}

/* Where a selection's merged profile is, or the single one. */
export function profileAddress(s: Selection, params: Params = {}): string {
  return s.id
    ? address(profilePath(s.id), params)
    : address("profiles/merge", { ...selectionParams(s), ...params });
}

export function diffAddress(s: Selection, base: Selection, params: Params): string {
  if (s.id && base.id) return address("profiles/diff", { id: s.id, base_id: base.id, ...params });
  return address("profiles/diff", {
    ...selectionParams(s),
    base_service: base.service === s.service ? "" : base.service,
    base_from: base.from,
    base_to: base.to,
    base_labels: base.labels,
    ...params,
  });
}

export const api = {
  services: (signal?: AbortSignal) => body<string[]>(address("services"), signal),
  types: (service: string, signal?: AbortSignal) => body<TypeInfo[]>(address("types", { service }), signal),
  sampleTypes: (service: string, type: string, signal?: AbortSignal) =>
    body<SampleTypeInfo[]>(address("sample_types", { service, type }), signal),
  labels: (s: Selection, signal?: AbortSignal) =>
    body<LabelInfo[]>(
      address("labels", { service: s.service, type: s.type, from: s.from, to: s.to }),
      signal,
    ),
  series: (s: Selection, params: Params, signal?: AbortSignal) =>
    body<Series>(address("series", { ...selectionParams(s), ...params }), signal),
  find: (s: Selection, limit: number, signal?: AbortSignal) =>
    body<ProfileMeta[]>(address("profiles", { ...selectionParams(s), limit, totals: true }), signal),
  flame: (url: string, signal?: AbortSignal) => body<FlameAnswer>(url, signal),
  top: (url: string, signal?: AbortSignal) => body<TopAnswer>(url, signal),
  store: (signal?: AbortSignal) => body<StoreInfo>(address("store"), signal),
  config: (signal?: AbortSignal) => body<UiConfig>(address("ui/config"), signal),
};
