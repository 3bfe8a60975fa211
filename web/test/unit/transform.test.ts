// Other ways to look at a tree keep its numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callees, callers, collapseChains, collapseRecursion, leafUp } from "../../src/flame/transform";
import { rowsOfTree } from "../../src/table";
import { dump, tree } from "../support/trees";

test("leaf up: self values with their callers below", () => {
  const t = leafUp(tree("a;b;c 3", "a;c 2", "a 1"));
  assert.equal(t.total[0], 6);
  assert.deepEqual(dump(t), ["c 5 0", "a 1 1", "c;b 3 0", "c;a 2 2", "c;b;a 3 3"]);
});

test("a sandwich has the function's total on both sides, recursion counted once", () => {
  const t = tree("m;f;g;f;x 4", "m;h;f 2", "m;x 1");
  const f = t.names.indexOf("f");
  assert.equal(callers(t, f).total[0], 6);
  assert.equal(callees(t, f).total[0], 6);
  assert.deepEqual(dump(callers(t, f)), ["m 4 4", "h 2 0", "h;m 2 2"]);
  assert.deepEqual(dump(callees(t, f)), ["g 4 0", "g;f 4 0", "g;f;x 4 4"]);
});

test("direct recursion and chains collapse, totals stay", () => {
  const t = collapseRecursion(tree("m;f;f;f;x 4", "m;f 2"));
  assert.deepEqual(dump(t), ["m 6 0", "m;f 6 2", "m;f;x 4 4"]);
  const c = collapseChains(tree("m;a;b;c 3", "m;a;b;d 1"));
  assert.deepEqual(dump(c), ["m 4 0", "m;b 4 0", "m;b;c 3 3", "m;b;d 1 1"]);
});

test("rows: flat adds up to the total, cum counts recursion once", () => {
  const rows = rowsOfTree(tree("m;f;g;f;x 4", "m;h;f 2", "m;x 1"), true);
  const by = Object.fromEntries(rows.map((r) => [r.name, [r.flat, r.cum]]));
  assert.deepEqual(by, { x: [5, 5], f: [2, 6], m: [0, 7], g: [0, 4], h: [0, 2] });
  assert.equal(
    rows.reduce((n, r) => n + r.flat, 0),
    7,
  );
});

test("a single chain of 10,000 frames is walked without recursion", () => {
  const chain = Array.from({ length: 10_000 }, (_, i) => `f${i}`).join(";");
  const t = tree(`${chain} 5`);
  assert.equal(t.n, 10_001);
  assert.equal(leafUp(t).n, 10_001);
  assert.equal(collapseChains(t).n, 3);
  assert.equal(rowsOfTree(t).length, 10_000);
  assert.equal(callers(t, t.names.indexOf("f9999")).n, 10_000);
});

test("rows of a dropped file are by name, the server's by all that it says of a frame", () => {
  const t = tree("m;f 1", "n;f 2");
  for (let i = 1; i < t.n; i++) t.line[i] = i;
  const flat = (byName: boolean) =>
    rowsOfTree(t, byName)
      .filter((r) => r.name === "f")
      .map((r) => r.flat);
  assert.deepEqual([flat(true), flat(false)], [[3], [2, 1]]);
});
