// Compare, single profiles, one function, and files that are dropped on the page.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { clean, launch, open, painted, parameter, untilParameter } from "../support/browser";
import { gzipped } from "../support/pprof";
import { Server } from "../support/server";

let server: Server;
let browser: Browser;
const dir = mkdtempSync(join(tmpdir(), "profefe-web-"));
const file = join(dir, "dropped.pb.gz");

before(async () => {
  server = await Server.start("-web.source-url=https://git.example/{file}#L{line}");
  for (let ago = 1; ago < 20; ago++) {
    const old = ago > 9;
    await server.pushMade("shop", `version=${old ? "1.9" : "1.10"}`, ago * 60, {
      samples: [
        { stack: ["main.main", "shop.search"], values: [old ? 10e6 : 40e6] },
        { stack: ["main.main", "shop.cart"], values: [30e6] },
        { stack: ["main.main", old ? "shop.gone" : "shop.fresh"], values: [20e6] },
      ],
    });
  }
  writeFileSync(
    file,
    gzipped({
      samples: [
        { stack: ["main.main", "shop.search"], values: [5e9] },
        { stack: ["x.local"], values: [1e9] },
      ],
    }),
  );
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function row(page: Page, name: string): Promise<string> {
  return (await page.locator(".table").getByRole("row", { name }).innerText()).replace(/\s+/g, " ");
}

test("two versions: what grew, what is new, what is gone; swapped", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&view=compare&rate=0`,
  );
  await page.getByRole("button", { name: "version: 1.9 → 1.10" }).click();
  await painted(page);
  assert.deepEqual(
    [parameter(page, "labels"), parameter(page, "base_labels")],
    ["version=1.10", "version=1.9"],
  );
  assert.match(await row(page, "shop.search"), /100 ms.*360 ms.*\+260 ms ?\+260%/);
  assert.match(await row(page, "shop.fresh"), /new/);
  assert.match(await row(page, "shop.gone"), /gone/);
  await page.getByText("600 ms → 810 ms").waitFor();
  await page.getByRole("button", { name: "gone 1" }).click();
  assert.equal(await page.locator(".table tbody tr").count(), 1);
  await page.getByRole("button", { name: /Swap/ }).click();
  await page.getByText("810 ms → 600 ms").waitFor();
  assert.equal(parameter(page, "base_labels"), "version=1.10");
  clean(problems);
});

test("a comparison's order means nothing in Explore", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu&sort=base`);
  await painted(page);
  assert.match(await page.locator(".table tbody tr").first().innerText(), /shop\.cart|cart/);
  assert.equal(
    await page.getByRole("columnheader", { name: "Self" }).getAttribute("aria-sort"),
    "descending",
  );
  clean(problems);
});

test("dragging over one side leaves the other alone once they needn't be of one length", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&view=compare&base_from=now-1h&base_to=now`,
  );
  await painted(page);
  await page.getByLabel("Same length").uncheck();
  await untilParameter(page, "sync", "0");
  const box = (await page.locator(".side.base .u-over").boundingBox())!;
  await page.mouse.move(box.x + 50, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + 250, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await untilParameter(page, "base_from", /^\d+$/);
  assert.equal(parameter(page, "from"), null);
  clean(problems);
});

test("the profiles of a range: a list, one opened, the line for pprof", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu&view=profiles`);
  await page.getByText("19 profiles", { exact: true }).waitFor();
  assert.match(await page.locator(".list tbody tr").first().innerText(), /90 ms/);
  await page.locator(".list tbody tr").first().getByRole("button", { name: "pprof" }).click();
  const line = await page.locator(".list .copy-line code").innerText();
  assert.match(line, new RegExp(`^go tool pprof '${server.origin}/api/0/profiles/[a-v0-9]{20}'$`));
  await page.locator(".list tbody tr a").first().click();
  await untilParameter(page, "id", /./);
  assert.equal(await painted(page), 5);
  await page.getByRole("button", { name: "Back to the range" }).click();
  await untilParameter(page, "id", null);
  clean(problems);
});

test("the line for pprof is of the range that is shown, however that is written", async () => {
  const written = encodeURIComponent("now-1d12h");
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&from=${written}&to=now%2B5m`,
  );
  await painted(page);
  const merge = async () => {
    await page.getByRole("button", { name: "Take home" }).click();
    const line = await page.locator(".take .copy-line code").innerText();
    return new URL(/'(.+)'/.exec(line)![1]!).searchParams;
  };
  const q = await merge();
  const now = Date.now() / 1000;
  assert.ok(Math.abs(Number(q.get("from")) - (now - 36 * 3600)) < 60, `${q}`);
  assert.ok(Math.abs(Number(q.get("to")) - (now + 300)) < 60, `${q}`);
  await page.goto(`${server.origin}/?service=shop&type=cpu&from=2020-01-01T00:00:00Z&to=now`);
  await painted(page);
  assert.equal((await merge()).get("from"), "2020-01-01T00:00:00Z");
  clean(problems);
});

test("profiles of one second have each their own value; a point opens its profile", async () => {
  for (const [ago, ms] of [
    [60, 10],
    [60, 30],
    [600, 20],
  ] as const)
    await server.pushMade("twins", "", ago, {
      samples: [{ stack: ["main.main"], values: [ms * 1e6] }],
    });
  const { page, problems } = await open(browser, `${server.origin}/?service=twins&type=cpu&view=profiles`);
  const rows = page.locator(".list tbody tr");
  await rows.nth(2).waitFor();
  const values = (await rows.locator("td.number").allInnerTexts()).map((text) => text.trim());
  assert.deepEqual([...values.slice(0, 2)].sort(), ["10 ms", "30 ms"]);
  assert.equal(values[2], "20 ms");
  assert.equal(await rows.locator("td.number").first().getAttribute("title"), "over 1 s");
  const box = (await page.locator(".scatter .u-over").boundingBox())!;
  await page.mouse.move(box.x + 3, box.y + box.height / 2);
  await page.locator(".scatter .timeline-text", { hasText: "20 ms" }).waitFor();
  await page.mouse.click(box.x + 3, box.y + box.height / 2);
  await untilParameter(page, "id", /./);
  await page.getByText("20 mcores (20 ms) in 1 frame").waitFor();
  clean(problems);
});

async function drop(page: Page, name: string, bytes: Uint8Array): Promise<void> {
  await page.evaluate(
    ([n, list]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(list as number[])], n as string));
      for (const type of ["dragover", "drop"])
        document.body.dispatchEvent(
          new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }),
        );
    },
    [name, Array.from(bytes)],
  );
}

test("a file dropped on Compare is held against what is stored, per second", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&view=compare&labels=version%3D1.9&base_labels=version%3D1.9&base_from=now-1h&base_to=now`,
  );
  await painted(page);
  const samples = [{ stack: ["main.main", "shop.search"], values: [40e6] }];
  await drop(page, "mine.pb.gz", gzipped({ samples, durationNanos: 2_000_000_000n }));
  await page.getByText("both per second").waitFor();
  // 10 profiles of a second, 10 ms each, against 40 ms in two seconds
  assert.match(await row(page, "shop.search"), /10 mcores 20 mcores \+10 mcores \+100%/);
  assert.match(await row(page, "shop.cart"), /gone/);
  await page.getByRole("button", { name: "Compare with" }).click();
  await page.getByText("40 ms in 2 frames").waitFor();
  await drop(page, "none.pb.gz", gzipped({ samples, durationNanos: 0n }));
  await page.getByText("both scaled to one total").waitFor();
  await page.getByRole("button", { name: "Put it away" }).click();
  await page.getByRole("heading", { name: "Before" }).waitFor();
  clean(problems);
});

test("the pprof line and the download of a comparison are of both sides", async () => {
  const { page } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&view=compare&base_from=now-1h&base_to=now`,
  );
  await painted(page);
  await page.getByRole("button", { name: "Take home" }).click();
  const download = page.getByRole("link", { name: "Download pprof of the difference" });
  assert.match((await download.getAttribute("href"))!, /^api\/0\/profiles\/diff\?.*base_from=/);
  assert.equal(await page.getByRole("link", { name: "SVG" }).count(), 0);
  await page.goto(`${page.url()}&normalize=1`);
  await painted(page);
  await page.getByRole("button", { name: "Take home" }).click();
  assert.match((await download.getAttribute("href"))!, /normalize=true/);
  assert.match(await page.locator(".take .copy-line code").innerText(), /normalize=true/);
});

test("columns keep apart, whatever the unit and the width", async () => {
  for (const [width, view] of [
    [1280, "compare&base_from=now-1h&base_to=now&base_labels=version%3D1.9&labels=version%3D1.10"],
    [1280, "explore&rate=0"],
    [400, "compare&base_from=now-1h&base_to=now&base_labels=version%3D1.9&labels=version%3D1.10"],
    [400, "explore"],
  ] as const) {
    const { page } = await open(browser, `${server.origin}/?service=shop&type=cpu&view=${view}`, {
      viewport: { width, height: 800 },
    });
    await painted(page);
    const cut = await page.locator(".table tbody tr").evaluateAll((rows) =>
      rows.flatMap((tr) => {
        const cells = [...tr.querySelectorAll("td")];
        const over = cells.filter((td) => td.scrollWidth > td.clientWidth).map((td) => td.innerText);
        const right = tr.closest(".table-scroll")!.getBoundingClientRect().right;
        const out = cells.filter((td) => td.getBoundingClientRect().right > right + 1);
        return [...over, ...out.map((td) => `${td.innerText} sticks out`)];
      }),
    );
    assert.deepEqual(cut, [], `${width} ${view}`);
    await page.context().close();
  }
});

test("a single profile stands in minutes, not in years", async () => {
  const samples = [{ stack: ["main.main"], values: [1e6] }];
  await server.pushMade("lonely", "", 900, { samples });
  const { page } = await open(browser, `${server.origin}/?service=lonely&type=cpu&view=profiles`);
  await page.locator(".list tbody tr").waitFor();
  const box = (await page.locator(".scatter .u-over").boundingBox())!;
  await page.mouse.move(box.x + 5, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + 20);
  await page.mouse.move(box.x + box.width - 5, box.y + 20);
  await page.mouse.up();
  await untilParameter(page, "from", /^\d+$/);
  const length = Number(parameter(page, "to")) - Number(parameter(page, "from"));
  assert.ok(length > 500 && length < 700, `${length}`);
});

test("two single profiles against each other", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu&view=profiles`);
  await page.locator(".list").getByRole("link", { name: "compare" }).last().click();
  await page.locator(".list").getByRole("link", { name: "compare with it" }).first().click();
  await page.getByText("60 ms → 90 ms").waitFor();
  assert.match(await row(page, "shop.fresh"), /new/);
  clean(problems);
});

test("a single profile that was open means its range where ranges are compared", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu&view=profiles`);
  await page.locator(".list tbody tr a").first().click();
  await painted(page);
  await page.getByRole("link", { name: "Compare" }).click();
  await page.getByRole("button", { name: "version: 1.9 → 1.10" }).waitFor();
  assert.equal(await page.getByText("One profile:").count(), 0);
  clean(problems);
});

test("one function: over time, callers, callees, lines that are links", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=shop&type=cpu&view=function&fn=shop.search`,
  );
  await page.getByRole("heading", { name: "shop.search", exact: true }).waitFor();
  await page.locator(".sandwich canvas[data-drawn]").nth(1).waitFor();
  const link = page.locator(".lines tbody a").first();
  assert.match((await link.getAttribute("href"))!, /^https:\/\/git\.example\/src\/test\.go#L\d+$/);
  assert.match(await page.locator(".lines tbody tr").first().innerText(), /24.2 mcores/);
  assert.equal(
    await page.locator(".timeline").first().getAttribute("aria-label"),
    "Total and self of shop.search over time",
  );
  clean(problems);
});

test("a dropped file is shown, compared, put away, and never sent", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const posts: string[] = [];
  page.on("request", (r) => r.method() !== "GET" && posts.push(r.url()));
  await page.locator("input[type=file]").setInputFiles(file);
  await page.getByText("shown here and stored nowhere").waitFor();
  assert.equal(await painted(page), 4);
  await page.getByText("6 s in 3 frames").waitFor();
  await page.getByRole("button", { name: "Compare with shop cpu" }).click();
  await page.locator(".fate.new", { hasText: "new" }).waitFor();
  assert.match(await row(page, "x.local"), /new/);
  await page.getByRole("button", { name: "Put it away" }).click();
  await page.getByText("19 profiles").waitFor();
  assert.deepEqual(posts, []);
  clean(problems);
});

test("what is chosen of a dropped file is the file's, and a bad file after it leaves it there", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  const types: [string, string][] = [
    ["cpu", "nanoseconds"],
    ["parcels", "count"],
    ["wall", "nanoseconds"],
  ];
  await drop(page, "two.pb.gz", gzipped({ types, samples: [{ stack: ["only"], values: [7, 41, 9] }] }));
  await page.getByLabel("Sample type of the file").selectOption("parcels");
  await page.getByText("41 in 1 frame").waitFor();
  await drop(page, "notes.txt", Buffer.from("just some text"));
  await page.getByRole("alert").getByRole("button", { name: "Close" }).click();
  await page.getByText("41 in 1 frame").waitFor();
  await page.getByRole("button", { name: "Put it away" }).click();
  assert.equal(await painted(page), 6);
  assert.equal(parameter(page, "sample_type"), null);
  clean(problems);
});

test("a file dropped with the mouse, and one that is no profile", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  await drop(page, "<b>notes</b>.txt", Buffer.from("just some text"));
  await page.getByRole("alert").getByText("<b>notes</b>.txt").waitFor();
  await page.getByRole("alert").getByRole("button", { name: "Close" }).click();
  await drop(page, "good.pb.gz", gzipped({ samples: [{ stack: ["only"], values: [7] }] }));
  await page.getByText("7 ns in 1 frame").waitFor();
  clean(problems);
});

test("the profile opens in speedscope, under a policy of its own", async () => {
  const { page } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await painted(page);
  await page.getByRole("button", { name: "Take home" }).click();
  const href = (await page.getByRole("link", { name: "Open in speedscope" }).getAttribute("href"))!;
  const other = await open(browser, new URL(href, page.url()).href);
  await other.page.waitForFunction(() => document.title.includes("shop cpu"));
  clean(other.problems);
});
