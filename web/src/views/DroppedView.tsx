// A dropped file, looked at alone or against what is selected.
import { useFormat } from "../catalog";
import { chooseSample, compareDropped, type Dropped, putAway } from "../dropped";
import { useDroppedSource } from "../source";
import type { State } from "../state";
import { update } from "../store";
import { Picture } from "../ui/Picture";

export function DroppedView({ s, file }: { s: State; file: Dropped }) {
  const source = useDroppedSource(s, file);
  const format = useFormat({
    sample: source.sample,
    seconds: source.seconds,
    profiles: 1,
    cumulative: true,
    rate: source.rate === true, // alone: what go tool pprof prints of the file
  });
  const can = s.service !== "" && s.type !== "" && s.type !== "trace";
  return (
    <>
      <div class="profile-bar dropped">
        <span>
          File <bdi class="name">{file.name}</bdi>, shown here and stored nowhere
        </span>
        <select
          aria-label="Sample type of the file"
          value={source.sample.type}
          onChange={(e) => {
            chooseSample(e.currentTarget.value);
            update({ zoom: "", zoomUp: "" });
          }}
        >
          {file.profile.sampleTypes.map((t) => (
            <option key={t.type} value={t.type}>
              {t.type} ({t.unit})
            </option>
          ))}
        </select>
        {can && (
          <button type="button" aria-pressed={file.compare} onClick={() => compareDropped(!file.compare)}>
            Compare with {s.service} {s.type}
          </button>
        )}
        {file.compare && source.tree && (
          <span class="faint">{source.rate ? "both per second" : "both scaled to one total"}</span>
        )}
        <button type="button" onClick={putAway}>
          Put it away
        </button>
      </div>
      <Picture
        s={file.compare && s.sort === "flat" ? { ...s, sort: "change" } : s}
        source={source}
        format={format}
        label={file.name}
      />
    </>
  );
}
