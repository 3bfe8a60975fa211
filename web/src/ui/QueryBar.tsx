// The selection: service, type, sample type in words, labels, time.
import type { ComponentChildren } from "preact";
import { type Catalog, chooseService } from "../catalog";
import { closed, fresh, type State } from "../state";
import { update } from "../store";
import { explain, typeTitle } from "../units";
import { LabelBar } from "./LabelBar";
import { RangePicker } from "./RangePicker";

export interface QueryBarProps {
  s: State;
  c: Catalog;
  range?: boolean; // with labels and time: a comparison has its own
  onRefresh: () => void;
  children?: ComponentChildren;
}

export function QueryBar({ s, c, range = true, onRefresh, children }: QueryBarProps) {
  const services = c.services.value ?? [];
  const known = services.includes(s.service) || !s.service;
  return (
    <div class="query" role="group" aria-label="What to look at">
      <select
        aria-label="Service"
        class="service"
        value={s.service}
        onChange={(e) => chooseService(s, e.currentTarget.value)}
      >
        {!known && <option value={s.service}>{s.service}</option>}
        {services.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <Types s={s} c={c} />
      <SampleTypes s={s} c={c} />
      {range && (
        <>
          <LabelBar text={s.labels} known={c.labels} onChange={(labels) => update({ labels, ...fresh })} />
          <span class="grow" />
          <RangePicker
            from={s.from}
            to={s.to}
            onChange={(from, to) => update({ from, to, id: "", ...closed })}
          />
        </>
      )}
      {children}
      {!range && <span class="grow" />}
      <button type="button" class="icon" aria-label="Refresh" title="Load again" onClick={onRefresh}>
        ↻
      </button>
    </div>
  );
}

function Types({ s, c }: { s: State; c: Catalog }) {
  const types = (c.types.value ?? []).map((t) => t.type);
  const all = s.type && !types.includes(s.type) ? [...types, s.type] : types;
  return (
    <div class="tabs" role="group" aria-label="Profile type">
      {all.map((type) => (
        <button
          key={type}
          type="button"
          aria-pressed={type === s.type}
          onClick={() => update({ type, sample: "", id: "", baseId: "", ...fresh })}
        >
          {typeTitle(type)}
        </button>
      ))}
    </div>
  );
}

function SampleTypes({ s, c }: { s: State; c: Catalog }) {
  if (!c.sampleTypes.length) return null;
  const chosen = c.sampleTypes.find((t) => t.type === s.sample) ?? c.sampleTypes.find((t) => t.default);
  return (
    <select
      aria-label="Sample type"
      class="sample"
      title={chosen ? explain(chosen.type) : ""}
      value={chosen?.type ?? ""}
      onChange={(e) => update({ sample: e.currentTarget.value, ...fresh })}
    >
      {c.sampleTypes.map((t) => (
        <option key={t.type} value={t.type}>
          {explain(t.type) ? `${t.type}: ${explain(t.type)}` : `${t.type} (${t.unit})`}
        </option>
      ))}
    </select>
  );
}
