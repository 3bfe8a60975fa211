// The pprof reader, against files that the tests write, and against what is none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, inflate } from "../../src/pprof/reader";
import { sampleIndex, treeOf } from "../../src/pprof/totree";
import { unfiltered } from "../../src/state";
import { encode, gzipped } from "../support/pprof";
import { dump, profile } from "../support/trees";

test("what was written is read", async () => {
  const bytes = gzipped({
    types: [
      ["alloc_objects", "count"],
      ["inuse_space", "bytes"],
    ],
    samples: [
      { stack: ["main", "work"], values: [3, -4096] },
      { stack: [], values: [1, 2 ** 40] },
    ],
    timeNanos: 1_700_000_000_000_000_000n,
  });
  const p = decode(await inflate(bytes));
  assert.deepEqual(
    p.sampleTypes.map((t) => t.type),
    ["alloc_objects", "inuse_space"],
  );
  assert.deepEqual(
    p.samples.map((s) => s.values),
    [
      [3, -4096],
      [1, 2 ** 40],
    ],
  );
  assert.equal(
    p.functions
      .map((f) => f.name)
      .sort()
      .join(),
    "main,work",
  );
  assert.equal(p.mappings[0]?.file, "/bin/test");
  assert.equal(p.timeNanos, 1_700_000_000_000_000_000);
  assert.equal(sampleIndex(p, ""), 1);
  assert.equal(sampleIndex(p, "alloc_objects"), 0);
});

test("plain bytes are taken as they are", async () => {
  const raw = encode({ samples: [{ stack: ["a"], values: [1] }] });
  assert.equal(await inflate(raw), raw);
});

test("what is no profile is refused with a reason", () => {
  assert.throws(() => decode(new Uint8Array()), /not a pprof profile/);
  assert.throws(() => decode(Buffer.from("hello, world")), /pprof|cut off/);
  const whole = encode({ samples: [{ stack: ["a", "b"], values: [1] }] });
  assert.throws(() => decode(whole.subarray(0, whole.length - 1)), /cut off/);
  const refused = Array.from(whole, (_, n) => n).filter((n) => {
    try {
      decode(whole.subarray(0, n));
    } catch (e) {
      return e instanceof Error;
    }
    return false; // cut between two strings: a shorter profile
  });
  assert.ok(refused.length > whole.length * 0.9);
});

test("focus, ignore, hide, show and show from mean what they mean to pprof", () => {
  const p = profile("main;a;x 1", "main;b;x 2", "main;b;y 4", "other 8");
  const with_ = (f: Partial<typeof unfiltered>) =>
    dump(treeOf({ profile: p, sample: 0 }, null, { ...unfiltered, ...f }, "functions"));
  assert.deepEqual(with_({ focus: "^b\n" }), ["main 6 0", "main;b 6 0", "main;b;y 4 4", "main;b;x 2 2"]);
  assert.deepEqual(with_({ ignore: "main" }), ["other 8 8"]);
  assert.deepEqual(with_({ hide: "^b\n|^a\n", ignore: "other" }), ["main 7 0", "main;y 4 4", "main;x 3 3"]);
  assert.deepEqual(with_({ show: "x" }), ["x 3 3"]);
  assert.deepEqual(with_({ showFrom: "^b\n" }), ["b 6 0", "b;y 4 4", "b;x 2 2"]);
  assert.throws(() => with_({ focus: "(" }), /not a regular expression/);
});

test("build ids, but none of what stands in several builds", () => {
  const of = (buildId: string, ...names: string[]) => ({
    profile: decode(encode({ buildId, samples: names.map((name) => ({ stack: [name], values: [1] })) })),
    sample: 0,
  });
  const t = treeOf(of("0a1b", "old", "both"), of("2c3d", "both", "new"), unfiltered, "functions");
  const ids = Array.from(t.name, (name, i) => [t.names[name], t.buildIds[t.binary[i]!]]);
  assert.deepEqual(Object.fromEntries(ids), { root: "", old: "0a1b", both: "", new: "2c3d" });
  assert.ok(t.binaries.every((file) => file === "" || file === "/bin/test"));
  assert.equal(t.binaries.length, t.buildIds.length);
});

test("two profiles beside each other, scaled when asked", () => {
  const here = { profile: profile("m;a 10", "m;c 10"), sample: 0 };
  const base = { profile: profile("m;a 1", "m;b 3"), sample: 0 };
  const t = treeOf(here, base, unfiltered, "functions");
  assert.deepEqual([t.total[0], t.baseTotal?.[0]], [20, 4]);
  const scaled = treeOf(here, base, unfiltered, "functions", true);
  assert.deepEqual([scaled.total[0], scaled.baseTotal?.[0]], [20, 20]);
});
