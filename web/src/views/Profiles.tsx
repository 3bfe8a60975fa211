// Profiles: the single ones, as points over time and as a list; open one, take it home.
import { useMemo, useState } from "preact/hooks";
import { address, api, profileAddress, profilePath } from "../api";
import { pprofCommand } from "../commands";
import { useTokens } from "../context";
import { useLoad } from "../load";
import { type Point, pointsOf, unitOf } from "../points";
import { fresh, type State, selection } from "../state";
import { follow, update } from "../store";
import { clock } from "../time";
import { formatValue, profilesText } from "../units";
import { CopyLine, TokenNote } from "../ui/Copy";
import { Empty, ErrorNotice, Progress, Skeleton } from "../ui/Notice";
import { absolute, speedscopeAddress } from "../ui/ProfileBar";
import { QueryBar } from "../ui/QueryBar";
import { Scatter } from "../ui/Scatter";
import type { ViewProps } from "./Explore";

const most = 5000; // that are listed and drawn

export function Profiles({ s, c, round, onRefresh }: ViewProps) {
  const here = { ...selection(s), id: "" };
  const ready = s.service && s.type;
  const list = useLoad(ready ? JSON.stringify([here, round]) : null, (signal) =>
    api.find(here, most + 1, signal),
  );
  const shown = useMemo(() => list.value?.slice(-most) ?? [], [list.value]);
  const points = useMemo(() => pointsOf(shown, s.sample), [shown, s.sample]);
  const unit = useMemo(() => unitOf(shown, s.sample), [shown, s.sample]);
  const format = useMemo(() => (v: number) => formatValue(v, unit), [unit]);
  return (
    <>
      <QueryBar s={s} c={c} onRefresh={onRefresh} />
      <Progress on={list.loading} />
      {list.error?.isNothing && <Empty title="No profiles in this range." />}
      {list.error && !list.error.isNothing && <ErrorNotice error={list.error} again={list.again} />}
      {list.loading && !list.value && <Skeleton rows={8} label="Loading profiles" />}
      {list.value && (
        <>
          {points.some((p) => p.value !== null) && (
            <Scatter
              points={points}
              format={format}
              onOpen={(p) => update({ view: "explore", id: p.profile.id, ...fresh })}
              onRange={(a, b) => update({ from: String(a), to: String(b) })}
            />
          )}
          <List s={s} points={points} cut={list.value.length > most} format={format} />
        </>
      )}
    </>
  );
}

interface ListProps {
  s: State;
  points: Point[];
  cut: boolean; // there are older ones
  format: (v: number) => string;
}

function List({ s, points, cut, format }: ListProps) {
  const [limit, setLimit] = useState(100);
  const [picked, setPicked] = useState("");
  const newest = useMemo(() => [...points].reverse(), [points]);
  const trace = s.type === "trace";
  const tokens = useTokens();
  const all = selection({ ...s, id: "" });
  return (
    <div class="profiles">
      <p class="faint pad">
        {cut
          ? `The newest ${most.toLocaleString("en-US")} of this range; a shorter one shows the rest.`
          : profilesText(points.length)}
      </p>
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col" class="number">
              Value
            </th>
            <th scope="col">Labels</th>
            <th scope="col">Id</th>
            <th scope="col">
              <span class="unseen">What to do with it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {newest.slice(0, limit).map((p) => {
            const one = { ...selection(s), id: p.profile.id };
            return (
              <tr key={p.profile.id} class={s.baseId === p.profile.id ? "selected" : ""}>
                <td>
                  <a {...follow({ view: "explore", id: p.profile.id, ...fresh })}>{clock(p.at)}</a>
                </td>
                <td class="number" title={covers(p)}>
                  {p.value === null ? "" : format(p.value)}
                </td>
                <td class="label-list">
                  <Labels profile={p} />
                </td>
                <td>
                  <code>{p.profile.id}</code>
                </td>
                <td>
                  <div class="row">
                    <button
                      type="button"
                      aria-expanded={picked === p.profile.id}
                      onClick={() => setPicked(picked === p.profile.id ? "" : p.profile.id)}
                    >
                      pprof
                    </button>
                    {!trace && (
                      <a href={speedscopeAddress(one)} target="_blank" rel="noreferrer">
                        speedscope
                      </a>
                    )}
                    {!trace && <CompareLink s={s} id={p.profile.id} />}
                    <a href={address(profilePath(p.profile.id))} download="">
                      download
                    </a>
                    {picked === p.profile.id && (
                      <>
                        <CopyLine text={pprofCommand(absolute(one), tokens)} label="the pprof line" />
                        <TokenNote />
                      </>
                    )}
                  </div>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {points.length > limit && (
        <button type="button" class="more" onClick={() => setLimit(limit + 500)}>
          {`${limit} of ${points.length}: show more`}
        </button>
      )}
      <div class="pad">
        <p class="faint">All of them, merged:</p>
        {!trace && (
          <>
            <CopyLine text={pprofCommand(absolute(all), tokens)} label="the pprof line of all" />
            <TokenNote />
          </>
        )}
        {!trace && <a href={profileAddress(all)}>download merged</a>}
      </div>
    </div>
  );
}

function covers(p: Point): string {
  return p.seconds ? `over ${formatValue(p.seconds, "seconds")}` : "";
}

/* First the one to compare with, then the other. */
function CompareLink({ s, id }: { s: State; id: string }) {
  if (!s.baseId) return <a {...follow({ baseId: id })}>compare</a>;
  if (s.baseId === id) return <a {...follow({ baseId: "" })}>not this one</a>;
  return <a {...follow({ view: "compare", id, ...fresh })}>compare with it</a>;
}

function Labels({ profile }: { profile: Point }) {
  return (
    <>
      {(profile.profile.labels ?? []).map((l) => (
        <bdi class="label" key={`${l.key}=${l.value}`}>
          {l.key}={l.value.slice(0, 80)}
        </bdi>
      ))}
    </>
  );
}
