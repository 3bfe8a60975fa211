// Values as people read them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, formatPercent, formatRate, formatValue } from "../../src/units";

const cases: [number, string, string][] = [
  [0, "nanoseconds", "0 ns"],
  [999.7e3, "nanoseconds", "1 ms"],
  [1234567, "nanoseconds", "1.23 ms"],
  [1.5e9, "nanoseconds", "1.5 s"],
  [90e9, "nanoseconds", "1.5 min"],
  [2.5, "seconds", "2.5 s"],
  [12, "milliseconds", "12 ms"],
  [0, "bytes", "0 B"],
  [1023, "bytes", "1023 B"],
  [1536, "bytes", "1.5 KiB"],
  [-3 * 2 ** 20, "bytes", "-3 MiB"],
  [1234, "count", "1,234"],
  [12345, "count", "12.3 k"],
  [5e6, "objects", "5 M"],
];

for (const [value, unit, text] of cases)
  test(`${value} ${unit} is ${text}`, () => assert.equal(formatValue(value, unit), text));

test("time per second is processors", () => {
  assert.equal(formatRate(1.5e9, "nanoseconds"), "1.5 cores");
  assert.equal(formatRate(2e7, "nanoseconds"), "20 mcores");
  assert.equal(formatRate(2048, "bytes"), "2 KiB/s");
});

test("shares", () => {
  assert.equal(formatPercent(1, 3), "33.3%");
  assert.equal(formatPercent(1, 1), "100%");
  assert.equal(formatPercent(1, 1e6), "< 0.01%");
  assert.equal(formatPercent(1, 0), "–");
  assert.equal(formatCount(0), "0");
});
