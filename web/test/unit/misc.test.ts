// Smaller parts: time lines, points, presets, the table's order, links to sources.
import assert from "node:assert/strict";
import { test } from "node:test";
import { basisOf } from "../../src/basis";
import { sourceLink } from "../../src/context";
import { change, changeColor, palette } from "../../src/flame/colors";
import { packageOf, shortName } from "../../src/flame/tree";
import { pointsOf, unitOf } from "../../src/points";
import { byVersion, presets, swap, synced } from "../../src/presets";
import { defaults } from "../../src/state";
import { fate, filterRows, nextSort, sortRows } from "../../src/table";
import { bridge, linesOf, totals } from "../../src/timeline";
import type { ProfileMeta, Series, TopRow } from "../../src/types";

const series: Series = {
  sample_type: { type: "cpu", unit: "nanoseconds" },
  cumulative: true,
  start: 1000,
  step: 10,
  points: 4,
  groups: [{ value: null, sum: [10, 0, 30, 0], count: [1, 0, 3, 0], duration: [2, 0, 5, 0] }],
  truncated: false,
};

test("cumulative values add up or are per second, instantaneous ones are means", () => {
  assert.deepEqual(linesOf(series, false, false).lines[0]?.values, [10, undefined, 30, null]);
  assert.deepEqual(linesOf(series, false, true).lines[0]?.values, [5, undefined, 6, null]);
  assert.equal(linesOf(series, false, true).basis, "second");
  const heap = { ...series, cumulative: false };
  assert.deepEqual(linesOf(heap, false, true).lines[0]?.values, [10, undefined, 10, null]);
  assert.deepEqual(totals(series), { count: 4, seconds: 7 });
});

test("profiles that don't say what they cover are shown by their mean", () => {
  const groups = [{ ...series.groups[0]!, duration: [0, 0, 5, 0] }];
  const lines = linesOf({ ...series, groups }, false, true);
  assert.deepEqual([lines.basis, lines.lines[0]?.values], ["profile", [10, undefined, 10, null]]);
  assert.deepEqual(linesOf({ ...series, groups }, false, false).lines[0]?.values, [10, undefined, 30, null]);
  assert.equal(basisOf({ cumulative: true, rate: true }, 0), "profile");
  assert.equal(basisOf({ cumulative: false, rate: false }, 9), "profile");
});

test("totals of steps that the range cuts are told apart, rates need not be", () => {
  const range = { from: 1005, to: 1039 };
  assert.deepEqual(linesOf(series, false, false, "all", range).partial, [0, 3]);
  assert.deepEqual(linesOf(series, false, false, "all", { from: 1000, to: 1040 }).partial, []);
  assert.deepEqual(linesOf(series, false, true, "all", range).partial, []);
});

test("a gap is where profiles are missing, not where a step is empty", () => {
  const v = [1, null, 1, null, 1, null, null, null, null, null, null, null, 1];
  const b = bridge(v);
  assert.equal(b[1], undefined);
  assert.equal(b[6], null);
  const slowThenFast = [1, null, null, null, null, 1, null, null, null, null, 1, 1, 1, 1, 1, 1];
  assert.ok(!bridge(slowThenFast).includes(null));
});

test("a profile's value is its total of the sample type", () => {
  const meta = (id: string, cpu: number | null): ProfileMeta => ({
    id,
    type: "cpu",
    service: "s",
    created_at: "2026-11-22T10:00:00.5Z",
    duration_nanos: 10e9,
    totals: [
      { type: "samples", unit: "count", value: 7 },
      { type: "cpu", unit: "nanoseconds", value: cpu },
    ],
  });
  const trace = { ...meta("c", 0), duration_nanos: null, totals: null };
  const all = [trace, meta("a", 70), meta("b", null)];
  assert.deepEqual(
    pointsOf(all, "").map((p) => [p.at % 60, p.value, p.seconds]),
    [
      [0.5, null, 0],
      [0.5, 70, 10],
      [0.5, null, 10],
    ],
  );
  assert.deepEqual(
    pointsOf(all, "samples").map((p) => p.value),
    [null, 7, 7],
  );
  assert.equal(pointsOf(all, "inuse_space")[1]?.value, null);
  assert.deepEqual([unitOf(all, ""), unitOf(all, "samples"), unitOf([], "")], ["nanoseconds", "count", ""]);
});

test("presets compare with earlier and with the version before", () => {
  assert.deepEqual(["1.10", "1.9", "1.2"].sort(byVersion), ["1.2", "1.9", "1.10"]);
  const labels = [
    {
      key: "version",
      values: [
        { value: "1.10", count: 1 },
        { value: "1.9", count: 1 },
      ],
      truncated: false,
    },
  ];
  const list = presets(defaults, labels);
  assert.equal(list[0]?.change.baseFrom, "now-2h");
  assert.equal(list[2]?.change.baseTo, "now-1d");
  const version = list[list.length - 1]!;
  assert.equal(version.text, "version: 1.9 → 1.10");
  assert.deepEqual([version.change.labels, version.change.baseLabels], ["version=1.10", "version=1.9"]);
});

test("swapping twice changes nothing, synced ranges have one length", () => {
  const s = { ...defaults, from: "100", to: "200", baseFrom: "0", baseTo: "50", labels: "a=1" };
  const back = { ...s, ...swap(s) };
  assert.deepEqual({ ...back, ...swap(back) }, s);
  assert.deepEqual(synced(s, "here", "100", "130"), { from: "100", to: "130", baseFrom: "20" });
  assert.deepEqual(synced({ ...s, sync: false }, "base", "1", "2"), { baseFrom: "1", baseTo: "2" });
});

test("rows are sorted, filtered and told apart", () => {
  const row = (name: string, flat: number, base: number): TopRow => ({
    name,
    file: "",
    line: 0,
    flat,
    cum: flat,
    base_flat: base,
    base_cum: base,
  });
  const rows = [row("b", 1, 0), row("a", 5, 9), row("c", 0, 2), row("d", 3, 3)];
  assert.equal(
    sortRows(rows, "flat")
      .map((r) => r.name)
      .join(""),
    "adbc",
  );
  assert.equal(
    sortRows(rows, "-flat")
      .map((r) => r.name)
      .join(""),
    "cbda",
  );
  assert.equal(
    sortRows(rows, "change")
      .map((r) => r.name)
      .join(""),
    "acbd",
  );
  assert.equal(
    sortRows(rows, "name")
      .map((r) => r.name)
      .join(""),
    "abcd",
  );
  assert.deepEqual(rows.map(fate), ["new", "shrank", "gone", "same"]);
  assert.equal(filterRows(rows, "/a|c/").length, 2);
  assert.equal(nextSort("flat", "flat"), "-flat");
});

test("names: package and short form", () => {
  assert.equal(packageOf("github.com/a/b.v2/c.(*T).M"), "github.com/a/b.v2/c");
  assert.equal(packageOf("std::vector::push"), "std::vector");
  assert.equal(packageOf("main"), "");
  assert.equal(shortName("net/http.(*conn).serve"), "http.(*conn).serve");
  assert.equal(shortName("slices.SortFunc[a/b.T]"), "slices.SortFunc[a/b.T]");
});

test("source links are escaped, and only to the web", () => {
  const config = { source_url: "https://git.example/x/{file}#L{line}", base_path: "/", auth: false };
  assert.equal(sourceLink(config, "/src/a b.go", 7), "https://git.example/x/src/a%20b.go#L7");
  assert.equal(sourceLink({ ...config, source_url: "javascript:alert({line})" }, "a", 1), null);
  assert.equal(sourceLink(config, "", 1), null);
});

test("changes go from blue over grey to orange", () => {
  const p = palette(false);
  assert.equal(change(0, 5), -1);
  assert.equal(change(5, 0), 1);
  assert.equal(changeColor(change(5, 5), p), p.neutral);
  assert.equal(changeColor(-1, p), p.less[3]);
  assert.equal(changeColor(1, p), p.more[3]);
});
