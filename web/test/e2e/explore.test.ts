// Explore, with real profiles of a Go program and an hour of made ones whose numbers are known.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import {
  clean,
  colors,
  launch,
  open,
  painted,
  parameter,
  pointInRow,
  untilParameter,
} from "../support/browser";
import { goProfiles, Server } from "../support/server";
import { fromAnswer } from "../../src/flame/tree";
import { rowsOfTree } from "../../src/table";
import type { FlameAnswer, TopAnswer, TopRow } from "../../src/types";

let server: Server;
let browser: Browser;
const minutes = Array.from({ length: 30 }, (_, i) => i * 2 + 1);

before(async () => {
  server = await Server.start("-web.source-url=https://git.example/{file}#L{line}");
  for (const ago of minutes)
    await server.pushMade("shop", `host=web-${ago % 3},version=${ago > 30 ? "1.9" : "1.10"}`, ago * 60, {
      buildId: "c0ffee01",
      samples: [
        { stack: ["main.main", "net/http.serve", "shop.search"], values: [30e6] },
        { stack: ["main.main", "net/http.serve", "shop.cart", "shop.price"], values: [20e6] },
        { stack: ["main.main", "runtime.gc"], values: [10e6] },
      ],
    });
  for (const [type, bytes] of goProfiles()) await server.push("workload", type, "host=a", bytes);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("the first service opens by itself, its numbers add up", async () => {
  const { page, problems } = await open(browser, server.origin);
  assert.equal(await painted(page), 7);
  assert.ok((await colors(page)) > 5);
  await untilParameter(page, "service", "shop");
  await page.getByText("30 profiles").waitFor();
  const row = page.getByRole("row", { name: /shop\.search/ });
  assert.match(await row.innerText(), /30 mcores\s*50\.0%/);
  assert.match(await page.locator(".details").first().innerText(), /60 mcores \(1\.8 s\) in 6 frames/);
  clean(problems);
});

test("real profiles of Go: cpu, heap, goroutines", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=workload`);
  assert.ok((await painted(page)) > 5);
  await page
    .getByRole("button", { name: "main.hash" })
    .or(page.getByRole("button", { name: "sha256.block" }))
    .first()
    .waitFor();
  await page.getByRole("button", { name: "Heap", exact: true }).click();
  await untilParameter(page, "type", "heap");
  await page.getByRole("combobox", { name: "Sample type" }).selectOption("alloc_space");
  await untilParameter(page, "sample_type", "alloc_space");
  await page.getByRole("row", { name: /main\.allocate/ }).waitFor();
  assert.match(await page.getByRole("row", { name: /main\.allocate/ }).innerText(), /MiB/);
  await page.getByRole("button", { name: "Goroutines" }).click();
  await page.getByRole("row", { name: /gopark/ }).waitFor();
  clean(problems);
});

test("a click zooms, back undoes it, a deep link brings it again", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const serve = await pointInRow(page, 2, 0.3);
  await page.mouse.move(serve.x, serve.y);
  await page.locator(".details-name", { hasText: "net/http.serve" }).waitFor();
  await page.mouse.click(serve.x, serve.y);
  await untilParameter(page, "zoom", /./);
  const link = page.url();
  const other = await open(browser, link);
  await painted(other.page);
  assert.notEqual(await other.page.locator(".flame canvas").first().getAttribute("data-zoom"), "0");
  await page.goBack();
  await untilParameter(page, "zoom", null);
  await page.locator('.flame canvas[data-zoom="0"]').waitFor();
  await page.goForward();
  await untilParameter(page, "zoom", /./);
  await page.keyboard.press("0");
  await untilParameter(page, "zoom", null);
  clean(problems);
});

test("search marks, totals and walks", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  await page.keyboard.press("/");
  await page.keyboard.type("shop.");
  await page.getByText("3 frames, 50 mcores (83.3%)").waitFor();
  assert.equal(await page.getByRole("row", { name: /runtime\.gc/ }).count(), 0);
  await page.keyboard.press("Enter");
  await page.locator(".details-name", { hasText: "shop." }).waitFor();
  await page.locator("[role=treeitem][aria-selected=true]").waitFor({ state: "attached" });
  await untilParameter(page, "q", "shop.");
  await page.locator("input[type=search]").fill("/(/");
  await page.getByText("not a regular expression").waitFor();
  clean(problems);
});

test("right click: focus, ignore, sandwich, and the way back", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const cart = await pointInRow(page, 3, 0.7);
  await page.mouse.click(cart.x, cart.y, { button: "right" });
  const menu = page.getByRole("menu");
  assert.equal(await menu.getByText("shop.cart").innerText(), "shop.cart");
  for (const item of [
    "Focus",
    "Ignore",
    "Hide",
    "Show from",
    "Copy name",
    "Copy stack",
    "Copy file",
    "Copy build id",
    "Show addresses",
    "Open the source",
  ])
    assert.equal(await menu.getByRole("menuitem", { name: item }).count(), 1, item);
  const heights = await menu.getByRole("menuitem").evaluateAll((items) =>
    items.map((item) => {
      const box = item.getBoundingClientRect();
      const text = item.firstElementChild!.getBoundingClientRect();
      return Math.round(text.top + text.height / 2 - box.top - box.height / 2);
    }),
  );
  assert.deepEqual([...new Set(heights)], [0]);
  await page.keyboard.press("Escape");
  await menu.waitFor({ state: "detached" });
  await page.mouse.click(cart.x, cart.y, { button: "right" });
  await menu.getByRole("menuitem", { name: "Focus" }).click();
  await untilParameter(page, "focus", "^shop\\.cart$");
  await page.getByText("20 mcores (600 ms) in 4 frames").waitFor();
  await page.getByRole("button", { name: "Remove focus" }).click();
  await page.getByText("60 mcores (1.8 s) in 6 frames").waitFor();
  await page.getByRole("button", { name: "net/http.serve", exact: true }).click();
  await page.getByText("Callers of").waitFor();
  assert.equal(parameter(page, "mode"), "sandwich");
  assert.equal(await page.locator(".sandwich canvas").count(), 2);
  clean(problems);
});

test("dragging over the time line chooses a range", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const box = (await page.locator(".series .u-over").boundingBox())!;
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.5, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, y);
  await page.mouse.move(box.x + box.width * 0.9, y);
  await page.mouse.up();
  await untilParameter(page, "from", /^\d+$/);
  const length = Number(parameter(page, "to")) - Number(parameter(page, "from"));
  assert.ok(length > 600 && length < 3000, `${length}`);
  await page.getByText(/^(9|1\d) profiles/).waitFor();
  await page.goBack();
  await page.getByText("30 profiles").waitFor();
  clean(problems);
});

test("labels: completion, splitting, the grid", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const field = page.getByRole("combobox", { name: "Label filter" });
  await field.fill("ho");
  await page.getByRole("option", { name: "host=" }).click();
  await page.getByRole("option", { name: "host=web-1" }).click();
  await untilParameter(page, "labels", "host=web-1");
  await page.getByText("10 profiles").waitFor();
  await page.getByRole("button", { name: "Remove the filter host=web-1" }).click();
  await page.getByRole("combobox", { name: "Split by label" }).selectOption("version");
  await page.locator(".series .legend button").nth(1).waitFor();
  await page.getByRole("button", { name: "Grid" }).click();
  assert.equal(await page.locator(".grid .cell").count(), 2);
  await page.locator(".grid .cell button").first().click();
  await untilParameter(page, "labels", /^version=1\./);
  clean(problems);
});

test("a value that is offered is the value that is asked for, whatever it begins with", async () => {
  const samples = [{ stack: ["main.main"], values: [1e6] }];
  await server.pushMade("tilde", "v=%7Eold,kind=a", 60, { samples });
  const { page, problems } = await open(browser, `${server.origin}/?service=tilde&type=cpu`);
  await painted(page);
  await page.getByRole("combobox", { name: "Label filter" }).fill("v=");
  await page.getByRole("option", { name: "v=~old" }).click();
  await untilParameter(page, "labels", "v=%7Eold");
  await page.getByText("1 profile", { exact: true }).waitFor();
  clean(problems);
});

test("what can't be done with a file isn't offered: to search for it, to follow it over time", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&granularity=files&color=file`,
  );
  await painted(page);
  await page.locator(".graph .legend .entry").first().waitFor();
  assert.equal(await page.locator(".graph .legend button").count(), 0);
  await page.locator(".table tbody tr").first().click({ button: "right" });
  await page.getByRole("menuitem", { name: "Focus" }).waitFor();
  assert.equal(await page.getByRole("menuitem", { name: "This function over time" }).count(), 0);
  clean(problems);
});

test("the keyboard keeps its place when a filter is removed", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&labels=host%3Dweb-1&focus=main`,
  );
  await painted(page);
  await page.getByRole("button", { name: "Remove focus" }).press("Enter");
  await untilParameter(page, "focus", null);
  const active = () =>
    page.evaluate(() => document.activeElement!.textContent || document.activeElement!.ariaLabel);
  assert.equal(await active(), "View ▾");
  await page.getByRole("button", { name: "Remove the filter host=web-1" }).press("Enter");
  await untilParameter(page, "labels", null);
  assert.equal(await active(), "Label filter");
  clean(problems);
});

test("keys alone lead through the graph", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const at = (text: string) =>
    page.locator("[role=treeitem][aria-selected=true]", { hasText: text }).waitFor({ state: "attached" });
  await page.keyboard.press("ArrowDown");
  await at("root");
  await page.keyboard.press("ArrowDown");
  await at("main.main");
  await page.keyboard.press("ArrowDown");
  await at("net/http.serve");
  await page.keyboard.press("ArrowRight");
  await at("runtime.gc");
  await page.keyboard.press("Enter");
  await untilParameter(page, "zoom", /./);
  await page.keyboard.press("-");
  await page.keyboard.press("Shift+F10");
  await page.getByRole("menu").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  clean(problems);
});

test("the table sorts both ways; values per second, the total one click away", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  await page.locator(".table thead").getByRole("button", { name: "Total" }).click();
  await untilParameter(page, "sort", "cum");
  assert.match(await page.locator(".table tbody tr").first().innerText(), /main\.main/);
  await page.locator(".table thead").getByRole("button", { name: "Total" }).click();
  await untilParameter(page, "sort", "-cum");
  await page.getByText("60 mcores (1.8 s) in 6 frames").waitFor();
  await page.getByRole("button", { name: "total", exact: true }).click();
  await untilParameter(page, "rate", "0");
  await page.getByText("1.8 s in 6 frames").waitFor();
  await page.getByRole("button", { name: "per second" }).click();
  await untilParameter(page, "rate", null);
  clean(problems);
});

test("the picture to take home is of what is shown: sample type, filters, frames", async () => {
  const { page } = await open(
    browser,
    `${server.origin}/?service=workload&type=heap&sample_type=alloc_space&focus=allocate&granularity=lines`,
  );
  await painted(page);
  await page.getByRole("button", { name: "Take home" }).click();
  const href = (await page.getByRole("link", { name: "SVG" }).getAttribute("href"))!;
  const answer = await fetch(new URL(href, page.url()));
  assert.match(answer.headers.get("content-type")!, /^image\/svg\+xml/);
  const svg = await answer.text();
  assert.equal(svg.split("<title>main.allocate (").length, 3); // by lines: two of them
  assert.ok(!svg.includes("StartCPUProfile")); // filtered
  const all = await (await fetch(new URL(href.replace(/&focus=[^&]*/, ""), page.url()))).text();
  assert.ok(all.length > svg.length);
  assert.match(href, /sample_type=alloc_space/);
});

test("another service keeps the type where it can, else takes one that is there", async () => {
  await server.pushMade("threads", "", 60, { samples: [{ stack: ["main.main"], values: [7] }] }, "goroutine");
  const { page, problems } = await open(browser, `${server.origin}/?service=workload&type=heap`);
  await painted(page);
  await page.getByRole("combobox", { name: "Service" }).selectOption("threads");
  await untilParameter(page, "type", "goroutine");
  await page.getByText("7 ns in 1 frame").waitFor();
  await page.getByRole("combobox", { name: "Service" }).selectOption("workload");
  await page.getByRole("button", { name: "Goroutines", pressed: true }).waitFor();
  await page.getByRole("row", { name: /gopark/ }).waitFor();
  assert.equal(parameter(page, "type"), "goroutine");
  clean(problems);
});

test("what profiles don't time is shown by their mean, the total one click away", async () => {
  const view = `${server.origin}/?service=sizes&type=heap&sample_type=alloc_space`;
  for (const ago of [60, 120, 180, 240])
    await server.pushMade(
      "sizes",
      "",
      ago,
      {
        types: [["alloc_space", "bytes"]],
        samples: [{ stack: ["main.main"], values: [2 ** 20] }],
        durationNanos: 0n,
      },
      "heap",
    );
  const { page, problems } = await open(browser, view);
  await page.getByText("1 MiB (4 MiB) in 1 frame").waitFor();
  await page.getByRole("button", { name: "per profile", pressed: true }).waitFor();
  await page.getByRole("button", { name: "total", exact: true }).click();
  await page.getByText("4 MiB in 1 frame").waitFor();
  clean(problems);
});

test("the sample type that a profile shows by itself is named, and the time line is of it", async () => {
  const types: [string, string][] = [
    ["alloc_space", "bytes"],
    ["inuse_space", "bytes"],
  ];
  const samples = [{ stack: ["main.main", "alloc.all"], values: [8 << 20, 1 << 20] }];
  for (const ago of [60, 120])
    await server.pushMade("allocs", "", ago, { types, defaultType: "alloc_space", samples }, "heap");
  const { page, problems } = await open(browser, `${server.origin}/?service=allocs&type=heap&rate=0`);
  await page.getByText("16 MiB in 2 frames").waitFor();
  await untilParameter(page, "sample_type", "alloc_space");
  assert.equal(await page.getByLabel("Sample type").inputValue(), "alloc_space");
  await page.getByLabel(/over time, from 8 MiB to 8 MiB/).waitFor();
  clean(problems);
});

test("values are shown as old ones until it is known whether they add up", async () => {
  const types: [string, string][] = [["inuse_space", "bytes"]];
  const samples = [{ stack: ["main.main", "heap.all"], values: [1 << 20] }];
  for (const ago of [60, 120]) await server.pushMade("inuse", "", ago, { types, samples }, "heap");
  const { page, problems } = await open(browser, "about:blank");
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  await page.route("**/api/0/sample_types?**", async (r) => {
    await held;
    await r.continue();
  });
  await page.goto(`${server.origin}/?service=inuse&type=heap&rate=0`);
  await page.locator(".panes.stale canvas[data-drawn]").waitFor();
  release();
  await painted(page);
  await page.getByText("1 MiB in 2 frames").waitFor();
  await page.unroute("**/api/0/sample_types?**");
  await page.route("**/api/0/sample_types?**", (r) => r.fulfill({ status: 503, body: "" }));
  await page.reload();
  await page.locator(".panes.stale canvas[data-drawn]").waitFor();
  await page.unroute("**/api/0/sample_types?**");
  await page.getByRole("alert").getByRole("button", { name: "Try again" }).click();
  await painted(page);
  await page.getByText("1 MiB in 2 frames").waitFor();
  clean(problems);
});

test("the divider is dragged, moved by keys and remembered", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const width = async () => (await page.locator(".table").boundingBox())!.width;
  const before = await width();
  const line = (await page.locator(".divider").boundingBox())!;
  await page.mouse.move(line.x, line.y + 100);
  await page.mouse.down();
  await page.mouse.move(line.x + 150, line.y + 100);
  await page.mouse.up();
  const dragged = await width();
  assert.ok(Math.abs(dragged - before - 150) < 4, `${before} ${dragged}`);
  await page.reload();
  await painted(page);
  assert.ok(Math.abs((await width()) - dragged) < 4);
  await page.getByRole("separator").press("ArrowLeft");
  assert.ok((await width()) < dragged - 10);
  await page.getByRole("separator").dblclick();
  assert.ok(Math.abs((await width()) - before) < 4);
  clean(problems);
});

test("the table made of the tree is the one that the server makes", async () => {
  const get = async <T>(service: string, type: string, by: string, format: string) => {
    const q = new URLSearchParams({
      service,
      type,
      from: "now-1d",
      to: "now",
      granularity: by,
      format,
      rows: "0",
    });
    q.set("max_nodes", "200000");
    return ((await (await fetch(`${server.origin}/api/0/profiles/merge?${q}`)).json()) as { body: T }).body;
  };
  const text = (r: TopRow) => `${r.name} ${r.file} ${r.line} ${r.address} ${r.flat} ${r.cum}`;
  for (const type of ["cpu", "heap", "goroutine"])
    for (const by of ["functions", "files", "lines", "addresses"]) {
      const tree = fromAnswer(await get<FlameAnswer>("workload", type, by, "flamegraph"));
      const { rows } = await get<TopAnswer>("workload", type, by, "top");
      assert.deepEqual(rowsOfTree(tree).map(text).sort(), rows.map(text).sort(), `${type} ${by}`);
    }
});
