// The less used ways to look: granularity, colours, what to collapse, what to show, pprof's filters.
import { type ColorBy, fresh, type Granularity, type State } from "../state";
import { update } from "../store";
import { Popover } from "./Popover";

interface ChoiceProps<T extends string> {
  name: string;
  value: T;
  all: [T, string][];
  onPick: (value: T) => void;
}

function Choice<T extends string>({ name, value, all, onPick }: ChoiceProps<T>) {
  return (
    <div class="choice" role="group" aria-label={name}>
      <span>{name}</span>
      <div class="tabs">
        {all.map(([v, text]) => (
          <button key={v} type="button" aria-pressed={v === value} onClick={() => onPick(v)}>
            {text}
          </button>
        ))}
      </div>
    </div>
  );
}

interface CheckProps {
  text: string;
  on: boolean;
  onChange: (on: boolean) => void;
}

function Check({ text, on, onChange }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(e) => onChange(e.currentTarget.checked)} />
      {text}
    </label>
  );
}

export function Options({ s, comparing }: { s: State; comparing: boolean }) {
  return (
    <Popover label="View ▾" title="View options" class="right">
      {() => (
        <>
          <Choice<State["layout"]>
            name="Show"
            value={s.layout}
            all={[
              ["both", "Both"],
              ["flame", "Graph"],
              ["table", "Table"],
            ]}
            onPick={(layout) => update({ layout })}
          />
          <Choice<Granularity>
            name="Frames are"
            value={s.by}
            all={[
              ["functions", "functions"],
              ["lines", "lines"],
              ["files", "files"],
              ["addresses", "addresses"],
            ]}
            onPick={(by) => update({ by, ...fresh })}
          />
          {!comparing && (
            <Choice<ColorBy>
              name="Colour by"
              value={s.color}
              all={[
                ["package", "package"],
                ["file", "file"],
                ["binary", "binary"],
                ["value", "value"],
              ]}
              onPick={(color) => update({ color }, "replace")}
            />
          )}
          <Check
            text="Collapse direct recursion"
            on={s.recursion}
            onChange={(recursion) => update({ recursion, zoom: "" })}
          />
          <Check
            text="Collapse chains of single calls"
            on={s.chains}
            onChange={(chains) => update({ chains, zoom: "" })}
          />
          {comparing && (
            <Check
              text="Scale both sides to the same total"
              on={s.normalize}
              onChange={(normalize) => update({ normalize })}
            />
          )}
          <FilterForm s={s} />
        </>
      )}
    </Popover>
  );
}

function FilterForm({ s }: { s: State }) {
  const fields: [keyof State & ("focus" | "ignore" | "hide" | "show" | "showFrom"), string, string][] = [
    ["focus", "Focus", "only stacks in which this occurs"],
    ["ignore", "Ignore", "no stacks in which this occurs"],
    ["hide", "Hide", "frames that are taken out"],
    ["show", "Show", "the only frames that stay"],
    ["showFrom", "Show from", "nothing above these"],
  ];
  return (
    <form
      class="filter-form"
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        const change: Partial<State> = { ...fresh };
        for (const [key] of fields) {
          const text = data.get(key);
          change[key] = typeof text === "string" ? text.trim() : "";
        }
        update(change);
      }}
    >
      {fields.map(([key, text, hint]) => (
        <label key={key} title={hint}>
          <span>{text}</span>
          <input name={key} type="text" defaultValue={s[key]} placeholder={hint} spellcheck={false} />
        </label>
      ))}
      <button type="submit">Apply filters</button>
    </form>
  );
}
