// A small panel about the store: how much, how old, how fast. For those who may see it.
import { api } from "../api";
import { useRight } from "../context";
import { useLoad } from "../load";
import { ago, span } from "../time";
import { formatBytes, formatCount } from "../units";
import { ErrorNotice, Skeleton } from "./Notice";
import { Popover } from "./Popover";

export function StorePanel() {
  if (!useRight("admin")) return null;
  return (
    <Popover label="Store" title="The store" class="right">
      {() => <Contents />}
    </Popover>
  );
}

function Contents() {
  const store = useLoad("store", api.store);
  if (store.error) return <ErrorNotice error={store.error} again={store.again} />;
  const s = store.value;
  if (!s) return <Skeleton rows={5} label="Asking the store" />;
  const now = Date.parse(s.now) / 1000;
  const age = (text: string | null) => (text ? ago(Date.parse(text) / 1000, now) : "none yet");
  const rows: [string, string][] = [
    ["Profiles", formatCount(s.profiles)],
    ["On disk", formatBytes(s.bytes)],
    ["Each", s.profiles ? formatBytes(s.bytes / s.profiles) : "–"],
    ["Oldest", age(s.oldest)],
    ["Newest", age(s.newest)],
    ["Kept for", s.retention_seconds ? span(s.retention_seconds) : "ever"],
    ["Coming in", `${s.ingest_per_second.toFixed(s.ingest_per_second < 10 ? 2 : 0)} a second`],
    ["Partitions", formatCount(s.partitions)],
    ["Version", s.version],
  ];
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
