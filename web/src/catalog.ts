// What there is to choose from for the selection: services, types, sample types, labels. Chooses for whoever
// has not: the first service, CPU where there is one.
import { useEffect, useMemo } from "preact/hooks";
import { api } from "./api";
import { type Basis, basisOf } from "./basis";
import type { Format } from "./flame/details";
import { type Loaded, useLoad } from "./load";
import type { Source } from "./source";
import { defaults, fresh, type State, selection, unfiltered } from "./state";
import { update } from "./store";
import { seconds } from "./time";
import type { LabelInfo, SampleType, SampleTypeInfo, TypeInfo } from "./types";
import { formatRate, formatValue } from "./units";

export interface Catalog {
  services: Loaded<string[]>;
  types: Loaded<TypeInfo[]>;
  samples: Loaded<SampleTypeInfo[]>;
  sampleTypes: SampleTypeInfo[];
  labels: LabelInfo[] | null;
  cumulative: boolean;
  unsure: boolean; // whether that is so: not known yet, or not to be had
}

export function useCatalog(s: State, round: number): Catalog {
  const services = useLoad(`services ${round}`, api.services);
  const known = s.service !== "";
  const types = useLoad(known ? `${s.service} ${round}` : null, (signal) => api.types(s.service, signal));
  const both = known && s.type !== "";
  const samples = useLoad(both ? `${s.service}\n${s.type}` : null, (signal) =>
    api.sampleTypes(s.service, s.type, signal),
  );
  const here = { ...selection(s), ...wholeRange(s) };
  const labels = useLoad(both ? JSON.stringify({ ...here, labels: "" }) : null, (signal) =>
    api.labels(here, signal),
  );
  useEffect(() => {
    if (!s.service && services.value?.[0]) update({ service: services.value[0] }, "replace");
  }, [s.service, services.value]);
  useEffect(() => {
    if (!s.service || types.loading || !types.value?.length) return;
    const words = types.value.map((t) => t.type);
    const missed = guess === s.service && s.type !== "" && !words.includes(s.type);
    if (guess === s.service) guess = "";
    if (s.type && !missed) return;
    update(
      { type: words.includes("cpu") ? "cpu" : (words.find((t) => t !== "trace") ?? words[0]!) },
      "replace",
    );
  }, [s.service, s.type, types.value, types.loading]);
  const sampleTypes = samples.value ?? [];
  const chosen = sampleTypes.find((t) => t.type === s.sample) ?? sampleTypes.find((t) => t.default);
  return {
    services,
    types,
    samples,
    sampleTypes,
    labels: labels.value,
    cumulative: chosen?.cumulative ?? true,
    unsure: samples.loading || !samples.value,
  };
}

/* A profile may say itself what it shows when nothing is asked for: /debug/pprof/allocs does, Java's do. The index knows
 * nothing of that. So what the picture shows is then named, and time line, lists and units are of the same. */
export function useNamedSample(s: State, { samples }: Catalog, shown: Source): void {
  const type = shown.loading ? "" : shown.sample.type;
  const known = samples.loading ? null : samples.value;
  useEffect(() => {
    if (s.sample || !known?.some((t) => t.type === type && !t.default)) return;
    update({ sample: type }, "replace");
  }, [s.sample, type, known]);
}

/* The service whose type was taken over from the one before it, which may not be among its types. */
let guess = "";

/* Another service. Most likely it has the same types: its profiles are asked for before that is known. */
export function chooseService(s: State, service: string): void {
  guess = service;
  update({
    ...fresh,
    ...unfiltered,
    service,
    sample: "",
    labels: "",
    baseLabels: "",
    group: "",
    grid: false,
    id: "",
    baseId: "",
    fn: "",
    mode: defaults.mode,
    view: s.view === "function" ? "explore" : s.view,
  });
}

/* In a comparison: of both sides, since labels of either are to choose from. */
function wholeRange(s: State): { from: string; to: string } {
  const at = (text: string) => seconds(text) ?? 0;
  if (s.view !== "compare") return { from: s.from, to: s.to };
  return {
    from: at(s.baseFrom) < at(s.from) ? s.baseFrom : s.from,
    to: at(s.baseTo) > at(s.to) ? s.baseTo : s.to,
  };
}

export interface Scale {
  sample: SampleType;
  seconds: number;
  profiles: number;
  cumulative: boolean;
  rate: boolean;
}

/* How the values of a merged profile are shown (basis.ts), with the total beside it where that says more. */
export function useFormat({ sample, seconds, profiles, cumulative, rate }: Scale): Format {
  const { type, unit } = sample;
  return useMemo(() => {
    const whole = (v: number) => formatValue(v, unit);
    const basis = basisOf({ cumulative, rate }, seconds);
    if (basis === "second")
      return Object.assign((v: number) => formatRate(v / seconds, { type, unit }), { whole });
    if (basis === "total" || profiles < 2) return whole;
    const mean = (v: number) => formatValue(v / profiles, unit);
    return cumulative ? Object.assign(mean, { whole }) : mean;
  }, [type, unit, seconds, profiles, cumulative, rate]);
}

/* The same for values that are already divided: the time line's. */
export function useLineFormat(sample: SampleType | undefined, basis: Basis): (value: number) => string {
  const { type, unit } = sample ?? { type: "", unit: "" };
  return useMemo(
    () => (v: number) => (basis === "second" ? formatRate(v, { type, unit }) : formatValue(v, unit)),
    [type, unit, basis],
  );
}
