// Which time: the usual ranges, one of one's own, a step back or forth, twice as much.
import { useState } from "preact/hooks";
import { clock, describeRange, fromInput, isRelative, ranges, seconds, shift, toInput } from "../time";
import { Popover } from "./Popover";

export interface RangePickerProps {
  from: string;
  to: string;
  name?: string;
  onChange: (from: string, to: string) => void;
}

export function RangePicker({ from, to, name, onChange }: RangePickerProps) {
  const a = seconds(from) ?? 0;
  const b = seconds(to) ?? 0;
  const length = Math.max(1, b - a);
  const what = name ? `${name}: ` : "";
  return (
    <div class="range">
      <button
        type="button"
        class="icon"
        aria-label={`${what}Earlier`}
        title="Earlier"
        onClick={() => onChange(String(Math.round(a - length / 2)), String(Math.round(b - length / 2)))}
      >
        ‹
      </button>
      <Popover label={<span class="range-text">{describeRange(from, to)}</span>} title={`${what}Time range`}>
        {(close) => (
          <>
            <div class="chips">
              {ranges.map(([value, text]) => (
                <button
                  key={value}
                  type="button"
                  aria-pressed={from === value && to === "now"}
                  onClick={() => {
                    onChange(value, "now");
                    close();
                  }}
                >
                  {text}
                </button>
              ))}
            </div>
            <Custom from={a} to={b} onChange={onChange} close={close} />
            {isRelative(from) && (
              <p class="faint">
                {clock(a)} – {clock(b)}, and moves on with time
              </p>
            )}
          </>
        )}
      </Popover>
      <button
        type="button"
        class="icon"
        aria-label={`${what}Later`}
        title="Later"
        disabled={to === "now"}
        onClick={() => onChange(String(Math.round(a + length / 2)), String(Math.round(b + length / 2)))}
      >
        ›
      </button>
      <button
        type="button"
        class="icon"
        aria-label={`${what}Zoom out`}
        title="Twice as long"
        onClick={() =>
          to === "now" && isRelative(from)
            ? onChange(shift(from, -length), "now")
            : onChange(String(Math.round(a - length / 2)), String(Math.round(b + length / 2)))
        }
      >
        −
      </button>
    </div>
  );
}

interface CustomProps {
  from: number;
  to: number;
  onChange: (from: string, to: string) => void;
  close: () => void;
}

function Custom({ from, to, onChange, close }: CustomProps) {
  const [a, setA] = useState(toInput(from));
  const [b, setB] = useState(toInput(to));
  const wrong = !fromInput(a) || !fromInput(b) || Number(fromInput(a)) > Number(fromInput(b));
  return (
    <form
      class="range-form"
      onSubmit={(e) => {
        e.preventDefault();
        if (wrong) return;
        onChange(fromInput(a)!, fromInput(b)!);
        close();
      }}
    >
      <label>
        From
        <input type="datetime-local" step="1" value={a} onInput={(e) => setA(e.currentTarget.value)} />
      </label>
      <label>
        To
        <input type="datetime-local" step="1" value={b} onInput={(e) => setB(e.currentTarget.value)} />
      </label>
      <button type="submit" disabled={wrong}>
        {wrong ? "The end comes before the start" : "Use this range"}
      </button>
    </form>
  );
}
