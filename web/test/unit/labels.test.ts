// Label filters: the API's text, with escapes that keep operators and commas apart from values.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatLabels,
  type LabelFilter,
  parseLabels,
  parseTyped,
  withLabel,
  withoutLabel,
} from "../../src/labels";

test("filters survive, whatever stands in them", () => {
  const filters: LabelFilter[] = [
    { key: "host", op: "=", value: "web-1" },
    { key: "a=b", op: "!=", value: "x,y" },
    { key: "path", op: "=~", value: "/api/.*!" },
    { key: "z", op: "!~", value: "~tilde" },
    { key: "eq", op: "=", value: "~not a regex" },
    { key: "empty", op: "=", value: "" },
    { key: "ключ", op: "=", value: "🙂 %20" },
  ];
  assert.deepEqual(parseLabels(formatLabels(filters)), filters);
});

test("a value that begins like an operator is escaped", () => {
  assert.equal(formatLabels([{ key: "k", op: "=", value: "~x" }]), "k=%7Ex");
});

test("a + that stands in a link belongs to a pattern, and is a space elsewhere", () => {
  assert.deepEqual(parseLabels("host=~web-.+,v=a+b"), [
    { key: "host", op: "=~", value: "web-.+" },
    { key: "v", op: "=", value: "a b" },
  ]);
});

test("typed filters", () => {
  assert.deepEqual(parseTyped(" host = web 1 "), { key: "host", op: "=", value: "web 1" });
  assert.deepEqual(parseTyped("host!~a.*"), { key: "host", op: "!~", value: "a.*" });
  assert.equal(parseTyped("host"), null);
  assert.equal(parseTyped("=x"), null);
});

test("one label replaced, one taken away", () => {
  assert.equal(withLabel("a=1,b=2", "a", "3"), "b=2,a=3");
  assert.equal(withoutLabel("a=1,b=2,a!=4", "a"), "b=2");
});
