// What a page must bear: nothing stored, a server in trouble, prefixes, hostile names, huge stacks, small
// screens, other eyes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { clean, colors, launch, open, painted, untilParameter } from "../support/browser";
import { Server } from "../support/server";

let server: Server;
let browser: Browser;
const hostile = [
  "<script>document.title='owned'</script>",
  "<img src=x onerror=\"document.title='owned'\">",
  "x".repeat(10 * 1024),
  "\u202Egnirts desrever\u202C",
  "דוגמה.פונקציה",
  "🔥🔥🔥.emoji👩‍👩‍👧‍👦",
  "a'b\"c&d;e\\f%00",
];

before(async () => {
  server = await Server.start("-http.base-path=/tools/profefe/");
  await server.pushMade("hostile", "<b>=1", 60, {
    samples: hostile.map((name, i) => ({ stack: ["main.main", name], values: [(i + 1) * 1e9] })),
    file: (name) => `/src/${name.slice(0, 50)}.go`,
  });
  const deep = Array.from({ length: 3000 }, (_, i) => `deep.f${i}`);
  await server.pushMade("deep", "", 60, {
    samples: [
      { stack: deep, values: [3e9] },
      { stack: ["other"], values: [1e9] },
    ],
  });
  const leaves = Array.from({ length: 12_000 }, (_, i) => ({
    stack: ["main.main", `leaf.f${i}`],
    values: [1000],
  }));
  await server.pushMade("wide", "", 60, { samples: leaves });
  const chain = Array.from({ length: 10_000 }, (_, i) => `chain.f${i}`);
  await server.pushMade("chain", "", 60, { samples: [{ stack: chain, values: [1e9] }] });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("an empty store shows how to send the first profile, with a line that works", async () => {
  const empty = await Server.start();
  try {
    const { page, problems } = await open(browser, empty.origin);
    await page.getByRole("heading", { name: "No profiles yet" }).waitFor();
    const line = await page.locator(".copy-line code").first().innerText();
    const target = /'(http[^']+)'/.exec(line)![1]!;
    assert.ok(target.startsWith(`${empty.origin}/api/0/profiles?service=`));
    const q = new URL(target).searchParams;
    await empty.pushMade(q.get("service")!, q.get("labels")!, 5, {
      samples: [{ stack: ["first"], values: [1] }],
    });
    await page.getByRole("button", { name: "Look again" }).click();
    assert.equal(await painted(page), 2);
    clean(problems);
  } finally {
    await empty.stop();
  }
});

test("under a base path, with and without the slash", async () => {
  const { page, problems } = await open(browser, `${server.origin}/tools/profefe?service=hostile`);
  await painted(page);
  assert.equal(new URL(page.url()).pathname, "/tools/profefe/");
  await page.getByRole("link", { name: "Profiles" }).click();
  await page.getByText("1 profile", { exact: true }).waitFor();
  clean(problems);
});

test("hostile names are text", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=hostile`);
  assert.equal(await painted(page), 2 + hostile.length);
  assert.ok((await colors(page)) > 3);
  await page.getByRole("row", { name: hostile[0]!.slice(0, 20) }).waitFor();
  await page.getByRole("button", { name: "Leaf up" }).click();
  await painted(page);
  await page.keyboard.press("ArrowDown");
  for (let i = 0; i < hostile.length; i++) {
    await page.keyboard.press(i ? "ArrowRight" : "ArrowDown");
    await page.keyboard.press("Shift+F10");
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Escape");
  }
  const fn = encodeURIComponent(hostile[0]!);
  await page.goto(`${server.origin}/?service=hostile&type=cpu&mode=sandwich&fn=${fn}&q=${fn}`);
  await page.locator(".sandwich canvas[data-drawn]").first().waitFor();
  assert.ok(!(await page.title()).includes("owned"));
  assert.equal(await page.locator("main script, main img").count(), 0);
  clean(problems);
});

test("3,000 frames deep, and a single chain of 10,000", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=deep`);
  assert.ok((await painted(page)) >= 3001);
  await page.getByRole("searchbox").fill("deep.f2999");
  await page.keyboard.press("Enter");
  await page.locator(".details-name", { hasText: "deep.f2999" }).waitFor();
  const top = await page
    .locator(".flame-scroll")
    .first()
    .evaluate((e) => e.scrollTop);
  assert.ok(top > 50_000, `${top}`);
  await page.goto(`${server.origin}/?service=chain`);
  await painted(page);
  for (const mode of ["Leaf up", "Flame graph"]) {
    await page.getByRole("button", { name: mode }).click();
    await painted(page);
    assert.ok((await colors(page)) > 2, mode);
  }
  await page.goto(`${server.origin}/?service=chain&type=cpu&chains=1&recursion=1`);
  assert.ok((await painted(page)) <= 4);
  clean(problems);
});

test("what is folded away opens under its caller", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=wide`);
  assert.equal(await painted(page), 10_001);
  await page.getByText(/small frames \(.*\) are folded/).waitFor();
  await page.getByRole("searchbox").fill("(other)");
  await page.keyboard.press("Enter");
  await page.locator(".details-name", { hasText: "(other)" }).waitFor();
  await page.locator(".flame-scroll").first().press("Shift+F10");
  await page.getByRole("menuitem").first().waitFor();
  assert.deepEqual(await page.getByRole("menuitem").allInnerTexts(), ["Open it\n2002 frames"]);
  await page.keyboard.press("Escape");
  await page.locator(".flame-scroll").first().press("Enter");
  await untilParameter(page, "root", "main.main");
  await page.getByText("Opened under main.main").waitFor();
  await page.getByRole("button", { name: "Back to the whole" }).click();
  await untilParameter(page, "root", null);
  clean(problems);
});

test("a server in trouble is an error that can be tried again", async () => {
  const { page } = await open(browser, "about:blank");
  await page.route("**/api/0/profiles/merge**", (r) =>
    r.fulfill({
      status: 503,
      json: { code: 503, error: "the disk is <i>full</i>" },
      headers: { "X-Request-Id": "r-1" },
    }),
  );
  await page.goto(`${server.origin}/?service=hostile`);
  await page.getByRole("alert").getByText("the disk is <i>full</i>").waitFor();
  await page.getByText("request r-1").waitFor();
  await page.unroute("**/api/0/profiles/merge**");
  await page.route("**/api/0/profiles/merge**", (r) =>
    r.fulfill({ status: 504, json: { code: 504, error: "too slow" } }),
  );
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("alert").getByText("A shorter range or a label filter needs less.").waitFor();
  await page.unroute("**/api/0/profiles/merge**");
  await page.getByRole("button", { name: "Try again" }).click();
  await painted(page);
  await page.route("**/api/**", (r) => r.abort());
  await page.goto(`${server.origin}/?service=hostile`);
  await page.getByRole("alert").getByText("can't be reached").first().waitFor();
});

test("nothing in the range is said, and the newest is a click away", async () => {
  const { page, problems } = await open(
    browser,
    `${server.origin}/?service=hostile&type=cpu&from=1000&to=2000`,
  );
  await page.getByText("No profiles here.").waitFor();
  await page.getByRole("button", { name: /Go to the newest/ }).click();
  assert.equal(await painted(page), 2 + hostile.length);
  clean(problems);
});

test("a service that is not there, and a profile that is not any more, are said", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=nowhere`);
  await page.getByText("Nothing of nowhere is stored.").waitFor();
  await page.getByLabel("Service").selectOption("hostile");
  await painted(page);
  const gone = await server.pushMade("hostile", "", 50, { samples: [{ stack: ["x"], values: [1] }] });
  await page.route(`**/api/0/profiles/${gone}?**`, (r) =>
    r.fulfill({ status: 404, json: { code: 404, error: "nothing found" } }),
  );
  await page.goto(`${server.origin}/?service=hostile&type=cpu&id=${gone}`);
  await page.getByText("No profiles here.").waitFor();
  await page.getByRole("button", { name: /Go to the newest/ }).click();
  await painted(page);
  clean(problems);
});

test("a trace has nothing to compare or to follow, and zeros have no filter to remove", async () => {
  const trace = Buffer.from("go 1.19 trace\0\0\0 and what follows");
  await server.push("traced", "trace", "", trace);
  await server.pushMade("traced", "", 60, { samples: [{ stack: ["main.main"], values: [0] }] });
  const { page, problems } = await open(browser, "about:blank");
  for (const view of ["explore", "compare", "function"]) {
    await page.goto(`${server.origin}/?service=traced&type=trace&view=${view}&fn=x`);
    await page.getByRole("button", { name: "List them" }).waitFor();
    assert.equal(await page.locator(".skeleton").count(), 0, view);
  }
  await page.goto(`${server.origin}/?service=traced&type=cpu`);
  await page.getByText("every value of cpu is zero").waitFor();
  assert.equal(await page.getByRole("button", { name: "Remove the filters" }).count(), 0);
  clean(problems);
});

test("a profile without samples is no error anywhere", async () => {
  const id = await server.pushMade("idle", "", 60, { samples: [], durationNanos: 10_000_000_000n });
  await server.pushMade("idle", "", 90, { samples: [] });
  const { page, problems } = await open(browser, "about:blank");
  for (const rest of ["", `&id=${id}`, "&mode=leaf", `&view=compare&id=${id}&base_id=${id}`]) {
    await page.goto(`${server.origin}/?service=idle&type=cpu${rest}`);
    await page.getByText("No samples", { exact: true }).first().waitFor();
    assert.equal(await page.getByRole("alert").count(), 0, rest);
  }
  await page.goto(`${server.origin}/?service=idle&type=cpu&view=profiles`);
  await page.getByText(id).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  clean(problems);
});

test("a filter that leaves nothing offers its removal", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=hostile&type=cpu&focus=nowhere`);
  await page.getByText("Nothing is left to show.").waitFor();
  await page.getByRole("button", { name: "Remove the filters" }).click();
  await untilParameter(page, "focus", null);
  await painted(page);
  clean(problems);
});

test("dark by the system, light by choice, remembered", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=hostile`, {
    colorScheme: "dark",
  });
  await painted(page);
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await theme(), "dark");
  const dark = await back();
  await page.getByRole("button", { name: "Light colours" }).click();
  assert.equal(await theme(), "light");
  assert.notEqual(await back(), dark);
  await page.reload();
  await painted(page);
  assert.equal(await theme(), "light");
  clean(problems);
});

test("400 pixels: nothing sticks out", async () => {
  for (const view of ["explore", "compare", "profiles", "function&fn=main.main"]) {
    const { page, problems } = await open(
      browser,
      `${server.origin}/?service=hostile&type=cpu&view=${view}`,
      {
        viewport: { width: 400, height: 800 },
      },
    );
    await page.locator("canvas, .list").first().waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 400, `${view}: ${wide}`);
    clean(problems);
    await page.context().close();
  }
});

const axe = readFileSync(join(process.env.PROFEFE_WEB!, "node_modules/axe-core/axe.min.js"), "utf8");

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    interface Result {
      violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
    }
    const run = (globalThis as unknown as { axe: { run: () => Promise<Result> } }).axe.run;
    const { violations: found } = await run();
    return found
      .filter((v) => v.impact === "serious" || v.impact === "critical")
      .map(
        (v) => `${v.id}: ${v.nodes.map((n) => `${n.html.slice(0, 160)} ${n.failureSummary}`).join(" | ")}`,
      );
  });
}

for (const colorScheme of ["light", "dark"] as const)
  test(`axe finds nothing serious, ${colorScheme}`, async () => {
    const views = [
      "view=explore",
      "view=compare",
      "view=profiles",
      "view=function&fn=main.main",
      "mode=sandwich&fn=main.main",
    ];
    for (const view of views) {
      const { page } = await open(browser, `${server.origin}/?service=hostile&type=cpu&${view}`, {
        colorScheme,
      });
      await page.locator("canvas, .list").first().waitFor();
      await page.waitForLoadState("networkidle");
      assert.deepEqual(await violations(page), [], view);
      await page.context().close();
    }
  });

test("the page's answers: policy, caching, gzip, text for curl", async () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${server.origin}${path}`, { headers });
  const page = await get("/", { Accept: "text/html" });
  assert.equal(page.headers.get("content-encoding"), "gzip");
  assert.match(page.headers.get("content-security-policy")!, /default-src 'none'; script-src 'self';/);
  assert.ok(!page.headers.get("content-security-policy")!.includes("unsafe"));
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  const html = await page.text();
  const script = /src="(assets\/app-[A-Z0-9]+\.js)"/.exec(html)![1]!;
  const asset = await get(`/tools/profefe/${script}`);
  assert.match(asset.headers.get("cache-control")!, /immutable/);
  const etag = asset.headers.get("etag")!;
  assert.equal((await get(`/${script}`, { "If-None-Match": etag })).status, 304);
  const plain = await get(`/${script}`, { "Accept-Encoding": "identity" });
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.equal(await plain.text(), await asset.text());
  const text = await get("/", { Accept: "*/*" });
  assert.match(text.headers.get("content-type")!, /^text\/plain/);
  assert.match(await text.text(), /^profefe /);
  assert.match(
    (await get("/speedscope/", { Accept: "*/*" })).headers.get("content-security-policy")!,
    /wasm-unsafe-eval/,
  );
});
