// Where frames lie, what is found at a point, and where keys lead.
import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../src/flame/interact";
import { firstEndingBehind, layout, nodeAt } from "../../src/flame/layout";
import { type Scene, pick } from "../../src/flame/render";
import { literal, nextHit, search } from "../../src/flame/search";
import { findHash, path, pathHash } from "../../src/flame/tree";
import { tree } from "../support/trees";

const t = tree("m;a;x 4", "m;a;y 2", "m;b 3", "n 1");
const l = layout(t);
const at = (row: number, x: number) => path(t, nodeAt(l, row, x)).join(";");

test("children lie under their parent, largest first", () => {
  assert.equal(l.rows, 4);
  assert.deepEqual(
    [at(1, 0), at(1, 9), at(2, 5.9), at(2, 6), at(3, 0), at(3, 5)],
    ["m", "n", "m;a", "m;b", "m;a;x", "m;a;y"],
  );
  assert.equal(nodeAt(l, 3, 7), -1);
  assert.equal(nodeAt(l, 9, 0), -1);
});

test("bisection agrees with looking at every frame", () => {
  const wide = layout(tree(...Array.from({ length: 500 }, (_, i) => `f${i} ${(i * 7919) % 97}`)));
  const row = Array.from(wide.order.subarray(wide.rowStart[1], wide.rowStart[2]));
  for (let x = -1; x < wide.w[0]! + 1; x += 37.3) {
    const slow = row.findIndex((i) => wide.x[i]! + wide.w[i]! > x);
    const fast = firstEndingBehind(wide, 1, x) - wide.rowStart[1]!;
    assert.equal(fast, slow < 0 ? row.length : slow);
  }
});

test("hashes of paths find the frame again", () => {
  for (let i = 1; i < t.n; i++) assert.equal(findHash(t, pathHash(t, i)), i);
  assert.equal(findHash(t, "nonsense"), 0);
});

test("narrow frames are one run that says how many it holds", () => {
  const many = tree("big 100000", ...Array.from({ length: 300 }, (_, i) => `s${i} 1`));
  const ml = layout(many);
  const s = { layout: ml, zoom: 0, top: 0, width: 1000, height: 100, flip: false } as Scene;
  const wide = pick(s, 10, 25);
  assert.deepEqual(path(many, wide.node), ["big"]);
  assert.equal(wide.run, null);
  const found = pick(s, 998.5, 25);
  assert.equal(found.run?.count, 300);
  assert.equal(pick(s, 10, 70).node, -1);
});

test("arrow keys", () => {
  const node = (p: string) =>
    Array.from({ length: t.n }, (_, i) => i).find((i) => path(t, i).join(";") === p)!;
  assert.equal(step(l, node("m;a"), "down"), node("m;a;x"));
  assert.equal(step(l, node("m;a;x"), "right"), node("m;a;y"));
  assert.equal(step(l, node("m;a;y"), "right"), node("m;a;y"));
  assert.equal(step(l, node("m;a;y"), "up"), node("m;a"));
  assert.equal(step(l, 0, "up"), 0);
});

test("search counts what is under a hit once, and walks", () => {
  const r = tree("m;foo;FOO 4", "m;bar 2", "foo 1");
  const hits = search(r, "foo")!;
  assert.deepEqual([hits.nodes, hits.value], [3, 5]);
  assert.equal(search(r, "/^fo{2}$/")?.nodes, 3);
  assert.equal(search(r, "/(/"), null);
  const paths = tree("/usr/c++/map.h;/usr/c++/x.h 1");
  assert.equal(search(paths, literal("/usr/c++/map.h"))?.nodes, 1);
  assert.equal(literal("foo(*"), "foo(*");
  const rl = layout(r);
  const walked = [0, 1, 2].reduce<number[]>(
    (list) => [...list, nextHit(r, rl.order, hits, list[list.length - 1] ?? 0, 1)],
    [],
  );
  assert.equal(new Set(walked).size, 3);
});
