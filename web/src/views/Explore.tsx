// Explore: the time line of a selection over its flame graph and table.
import type { Catalog } from "../catalog";
import { useFormat, useNamedSample } from "../catalog";
import { useServerSource } from "../source";
import { profileAddress } from "../api";
import { type State, selection } from "../state";
import { update } from "../store";
import { clock, describeRange } from "../time";
import { BasisChoice } from "../ui/BasisChoice";
import { Picture } from "../ui/Picture";
import { QueryBar } from "../ui/QueryBar";
import { SeriesPanel } from "../ui/SeriesPanel";
import { ProfileBar } from "../ui/ProfileBar";

export interface ViewProps {
  s: State;
  c: Catalog;
  round: number;
  onRefresh: () => void;
}

export function Explore({ s, c, round, onRefresh }: ViewProps) {
  const asked = useServerSource(s, { compare: false, tree: true, rows: s.layout !== "flame" });
  useNamedSample(s, c, asked);
  // Whether values add up is not known before: until then the picture counts as an old one
  const source = { ...asked, loading: asked.loading || c.unsure };
  const format = useFormat({
    sample: source.sample,
    seconds: source.seconds,
    profiles: source.profiles,
    cumulative: c.cumulative,
    rate: s.rate,
  });
  return (
    <>
      <QueryBar
        s={s}
        c={c}
        onRefresh={() => {
          onRefresh();
          source.again();
        }}
      />
      {s.id ? (
        <ProfileBar s={s}>{c.cumulative && source.seconds > 0 && <BasisChoice s={s} timed />}</ProfileBar>
      ) : (
        s.type !== "trace" && <SeriesPanel s={s} c={c} round={round} />
      )}
      {s.type === "trace" ? (
        <TraceNote s={s} />
      ) : (
        <Picture
          s={s}
          source={source}
          format={format}
          label={`${s.type} of ${s.service}, ${describeRange(s.from, s.to)}`}
          nothing={<Nothing s={s} c={c} />}
        />
      )}
    </>
  );
}

/* Nothing in this range: where is something? */
function Nothing({ s, c }: { s: State; c: Catalog }) {
  const type = c.types.value?.find((t) => t.type === s.type);
  return (
    <>
      {!type && c.types.error?.isNothing && (
        <p>
          Nothing of <bdi>{s.service.slice(0, 100)}</bdi> is stored.
        </p>
      )}
      {type && (
        <button
          type="button"
          onClick={() =>
            update({
              from: String(Math.floor(Date.parse(type.last) / 1000) - 3600),
              to: String(Math.ceil(Date.parse(type.last) / 1000)),
              labels: "",
              id: "",
            })
          }
        >
          Go to the newest profile ({clock(Date.parse(type.last) / 1000)})
        </button>
      )}
      {s.labels && (
        <button type="button" onClick={() => update({ labels: "" })}>
          Remove the label filters
        </button>
      )}
    </>
  );
}

function TraceNote({ s }: { s: State }) {
  return (
    <div class="empty">
      <strong>Execution traces are kept byte for byte and have no flame graph.</strong>
      {s.id ? (
        <a class="button" href={profileAddress(selection(s))}>
          Download it for go tool trace
        </a>
      ) : (
        <button type="button" onClick={() => update({ view: "profiles" })}>
          List them
        </button>
      )}
    </div>
  );
}
