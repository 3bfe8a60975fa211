// The state and its address: what is written is read again, and only what differs is written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaults, fromQuery, toQuery } from "../../src/state";

test("the defaults need no query", () => {
  assert.equal(toQuery(defaults), "");
  assert.deepEqual(fromQuery(""), defaults);
});

test("everything survives the way through the address", () => {
  const state = {
    ...defaults,
    view: "compare" as const,
    service: "shop & söhne",
    labels: "host=web%201,region!=eu",
    from: "1700000000",
    to: "now-5m",
    search: "/a+b?/",
    focus: "^main\\.(x|y)$",
    grid: true,
    sync: false,
    baseLabels: "version=1",
  };
  assert.deepEqual(fromQuery(toQuery(state)), state);
});

test("unknown words and parameters are ignored", () => {
  assert.deepEqual(fromQuery("view=nonsense&mode=&color=pink&utm_source=x"), defaults);
});
