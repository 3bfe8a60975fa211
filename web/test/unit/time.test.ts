// Ranges: relative and absolute times, moved and described.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeRange, seconds, shift, span, tick } from "../../src/time";

const now = 1_700_000_000;

test("times are read", () => {
  assert.equal(seconds("now", now), now);
  assert.equal(seconds("now-90m", now), now - 5400);
  assert.equal(seconds("now-1d12h", now), now - 36 * 3600);
  assert.equal(seconds("now+5m", now), now + 300);
  assert.equal(seconds("now-", now), null);
  assert.equal(seconds("1699999999", now), 1699999999);
  assert.equal(seconds("2023-11-14T22:13:20", now), now);
  assert.equal(seconds("2023-11-14T22:13:20Z", now), now);
  assert.equal(seconds("yesterday", now), null);
});

test("a moved time stays relative where it can", () => {
  assert.equal(shift("now", -3600, now), "now-1h");
  assert.equal(shift("now-1h", -86400, now), "now-25h");
  assert.equal(shift("now-1h", 3600, now), "now");
  assert.equal(shift("now-1h", 7200, now), String(now + 3600));
  assert.equal(shift("1700000000", 60, now), "1700000060");
});

test("marks on an axis", () => {
  const noon = new Date(2023, 10, 14, 12, 30).getTime() / 1000;
  assert.equal(tick(noon, 600), "12:30");
  assert.equal(tick(noon, 86400), "11-14");
  assert.equal(tick(noon, 30 * 86400), "2023-11");
  assert.equal(tick(noon, 366 * 86400), "2023-11");
});

test("ranges in words", () => {
  assert.equal(describeRange("now-1h", "now"), "Last 1 hour");
  assert.equal(describeRange("now-2h", "now"), "Last 2 h");
  assert.equal(span(3725), "1 h 2 min");
});
