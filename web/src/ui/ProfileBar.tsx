// A single profile's or a selection's ways out of here: the pprof line, download, speedscope.
import type { ComponentChildren } from "preact";
import { address, diffAddress, filterParams, profileAddress, profilePath } from "../api";
import { pprofCommand } from "../commands";
import { useTokens } from "../context";
import { baseSelection, fresh, type Selection, type State, selection } from "../state";
import { shownParts } from "../parts";
import { update } from "../store";
import { isRelative, seconds } from "../time";
import { CopyLine, TokenNote } from "./Copy";
import { Popover } from "./Popover";

/* The address outside of the page, times fixed, so that the line means the same tomorrow. */
export function absolute(s: Selection): string {
  return new URL(profileAddress(fixed(s)), location.href).href;
}

function fixed(s: Selection): Selection {
  const at = (text: string) => {
    const now = isRelative(text) ? seconds(text) : null;
    return now === null ? text : String(Math.floor(now)); // the server takes whole seconds at both ends
  };
  return { ...s, from: at(s.from), to: at(s.to) };
}

function absoluteDiff(s: State): string {
  const path = diffAddress(fixed(selection(s)), fixed(baseSelection(s)), { normalize: s.normalize });
  return new URL(path, location.href).href;
}

export function speedscopeAddress(s: Selection): string {
  const title = s.id ? s.id : `${s.service} ${s.type}`;
  return `speedscope/#profileURL=${encodeURIComponent(absolute(s))}&title=${encodeURIComponent(title)}`;
}

export function TakeHome({ s }: { s: State }) {
  const tokens = useTokens();
  const here = selection(s);
  if (!here.id && (!here.service || !here.type)) return null;
  const comparing = s.view === "compare";
  return (
    <Popover label="Take home ▾" title="Take the profile home" class="right">
      {() => (
        <div class="take">
          <p>Open it with Go's own tool:</p>
          <CopyLine
            text={pprofCommand(comparing ? absoluteDiff(s) : absolute(here), tokens)}
            label={comparing ? "the pprof line of the comparison" : "the pprof line"}
          />
          <TokenNote />
          <p class="row">
            {comparing ? (
              <a href={diffAddress(here, baseSelection(s), { normalize: s.normalize })} download="">
                Download pprof of the difference
              </a>
            ) : (
              <Ways s={s} />
            )}
          </p>
        </div>
      )}
    </Popover>
  );
}

/* What there is of a single selection. The picture is of what is shown, the rest of all of it. */
function Ways({ s }: { s: State }) {
  const here = selection(s);
  const trace = s.type === "trace";
  const shown = { format: "svg", sample_type: s.sample, granularity: s.by === "functions" ? "" : s.by };
  return (
    <>
      {!trace && (
        <a href={speedscopeAddress(here)} target="_blank" rel="noreferrer">
          Open in speedscope
        </a>
      )}
      <a href={profileAddress(here)} download="">
        Download pprof
      </a>
      {!trace &&
        shownParts(s.view === "function" ? { ...s, mode: "sandwich" } : s).map(([name, part]) => (
          <a
            key={name}
            href={profileAddress(here, { ...shown, ...filterParams(s), ...part })}
            title="The flame graph as a picture: as it is shown, with the filters that are set"
            target="_blank"
            rel="noreferrer"
          >
            {name === "callers" || name === "callees" ? `SVG of ${name}` : "SVG"}
          </a>
        ))}
      {s.type === "cpu" && (
        <a
          href={profileAddress(here, { format: "pgo" })}
          title="For go build -pgo, small enough to be committed"
          download="default.pgo"
        >
          PGO file
        </a>
      )}
    </>
  );
}

export function ProfileBar({ s, children }: { s: State; children?: ComponentChildren }) {
  return (
    <div class="profile-bar">
      <span>
        One profile: <code>{s.id}</code>
      </span>
      <a href={address(profilePath(s.id))} download="">
        Download
      </a>
      <button type="button" onClick={() => update({ id: "", ...fresh })}>
        Back to the range
      </button>
      <span class="grow" />
      {children}
    </div>
  );
}
