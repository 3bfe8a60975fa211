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
  [0, "count", "0"],
  [-12345, "count", "-12.3 k"],
  [9.2e18, "count", "9.2 E"],
  [0.4, "nanoseconds", "0.4 ns"],
  [0.001, "bytes", "< 0.01 B"],
  [-0.001, "count", "> -0.01"],
  [9.999, "seconds", "10 s"],
  [99.99e6, "nanoseconds", "100 ms"],
  [-1.5e9, "nanoseconds", "-1.5 s"],
  [2 ** 63, "nanoseconds", "106,752 d"],
  [2 ** 63, "bytes", "8192 PiB"],
];

for (const [value, unit, text] of cases)
  test(`${value} ${unit} is ${text}`, () => assert.equal(formatValue(value, unit), text));

test("time per second is processors", () => {
  assert.equal(formatRate(1.5e9, { type: "cpu", unit: "nanoseconds" }), "1.5 cores");
  assert.equal(formatRate(2e7, { type: "cpu", unit: "nanoseconds" }), "20 mcores");
  assert.equal(formatRate(2048, { type: "cpu", unit: "bytes" }), "2 KiB/s");
  const cores: [number, string][] = [
    [0, "0 cores"],
    [1, "1 core"],
    [-1, "-1 core"],
    [0.9996, "1 core"],
    [0.09996, "0.1 cores"],
    [0.001, "1 mcore"],
    [1e-9, "< 0.01 mcores"],
    [-0.5, "-0.5 cores"],
    [123456, "123 k cores"],
  ];
  for (const [value, text] of cores) assert.equal(formatRate(value, { type: "cpu", unit: "seconds" }), text);
  assert.equal(formatRate(2.5e8, { type: "delay", unit: "nanoseconds" }), "250 ms/s");
  assert.equal(formatRate(0, { type: "cpu", unit: "count" }), "0/s");
  assert.equal(formatRate(0.25, { type: "cpu", unit: "objects" }), "0.25/s");
});

test("shares", () => {
  assert.equal(formatPercent(1, 3), "33.3%");
  assert.equal(formatPercent(1, 1), "100%");
  assert.equal(formatPercent(1, 1e6), "< 0.01%");
  assert.equal(formatPercent(1, 0), "–");
  assert.equal(formatPercent(-1, 1e6), "> -0.01%");
  assert.equal(formatPercent(9.999, 100), "10.0%");
  assert.equal(formatPercent(2, 1), "200%");
  assert.equal(formatPercent(12345, 10), "123,450%");
  assert.equal(formatCount(0), "0");
});
