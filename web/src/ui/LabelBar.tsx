// The label filters as chips, and a field that completes keys, operators and values.
import { useId, useRef, useState } from "preact/hooks";
import { formatLabels, type LabelFilter, operators, parseLabels, parseTyped } from "../labels";
import type { LabelInfo } from "../types";

export interface LabelBarProps {
  text: string;
  known: LabelInfo[] | null;
  name?: string;
  onChange: (text: string) => void;
}

interface Suggestion {
  text: string;
  hint: string;
  filter: LabelFilter | null; // a whole one, ready to be used
}

export function LabelBar({ text, known, name, onChange }: LabelBarProps) {
  const filters = parseLabels(text);
  const box = useRef<HTMLDivElement>(null);
  return (
    <div class="labels" ref={box}>
      {filters.map((f, i) => (
        <span class="chip" key={`${f.key}${f.op}${f.value}`}>
          <bdi>
            {f.key}
            <b>{f.op}</b>
            {f.value}
          </bdi>
          <button
            type="button"
            aria-label={`Remove the filter ${f.key}${f.op}${f.value}`}
            onClick={(e) => {
              onChange(formatLabels(filters.filter((_, k) => k !== i)));
              if (e.detail === 0) box.current?.querySelector("input")?.focus(); // by key: the button is gone
            }}
          >
            ×
          </button>
        </span>
      ))}
      <Field known={known} name={name} onAdd={(f) => onChange(formatLabels([...filters, f]))} />
    </div>
  );
}

function suggest(typed: string, known: LabelInfo[]): Suggestion[] {
  const f = parseTyped(typed);
  if (!f) {
    const wanted = typed.trim().toLowerCase();
    const keys = known.filter((k) => k.key.toLowerCase().includes(wanted));
    return keys.map((k) => ({ text: `${k.key}=`, hint: `${k.values.length} values`, filter: null }));
  }
  const values = known.find((k) => k.key === f.key)?.values ?? [];
  const wanted = f.value.toLowerCase();
  const fits =
    f.op === "=~" || f.op === "!~" ? [] : values.filter((v) => v.value.toLowerCase().includes(wanted));
  return fits.map((v) => ({
    text: `${f.key}${f.op}${v.value}`,
    hint: `${v.count}`,
    filter: { ...f, value: v.value },
  }));
}

interface FieldProps {
  known: LabelInfo[] | null;
  name: string | undefined;
  onAdd: (f: LabelFilter) => void;
}

function Field({ known, name, onAdd }: FieldProps) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const id = useId();
  const list = open ? suggest(typed, known ?? []).slice(0, 12) : [];
  const take = (s: Suggestion) => {
    setAt(-1);
    if (s.filter) {
      setTyped("");
      setOpen(false);
      onAdd(s.filter);
    } else setTyped(s.text);
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      setOpen(true);
      if (list.length)
        setAt((at + (e.key === "ArrowDown" ? 1 : list.length - (at < 0 ? 0 : 1))) % list.length);
    } else if (e.key === "Enter") {
      const filter = parseTyped(typed);
      if (list[at]) take(list[at]);
      else if (filter) take({ text: typed, hint: "", filter });
    } else if (e.key === "Escape") setOpen(false);
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div class="label-field">
      <input
        type="text"
        role="combobox"
        aria-label={`${name ? `${name}: ` : ""}Label filter`}
        aria-expanded={list.length > 0}
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
        placeholder="label=value"
        title={`Operators: ${operators.join("  ")}`}
        value={typed}
        spellcheck={false}
        onInput={(e) => {
          setTyped(e.currentTarget.value);
          setOpen(true);
          setAt(-1);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div class={`suggestions ${list.length ? "" : "unseen"}`} role="listbox" id={id} aria-label="Labels">
        {list.map((s, i) => (
          <div
            key={s.text}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            onPointerDown={(e) => {
              e.preventDefault();
              take(s);
            }}
          >
            <bdi>{s.text}</bdi>
            <span class="faint">{s.hint}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
