// Leaf up, callers and callees: what the server makes of all stacks, against what the page makes of a whole tree,
// and what of it opens.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { callees, callers, leafUp } from "../../src/flame/transform";
import { fromAnswer, type Tree } from "../../src/flame/tree";
import type { FlameAnswer } from "../../src/types";
import { clean, launch, open, painted, untilParameter } from "../support/browser";
import { goProfiles, Server } from "../support/server";
import { dump } from "../support/trees";

let server: Server;
let browser: Browser;
const many = 12_000;

before(async () => {
  server = await Server.start();
  for (const [type, bytes] of goProfiles()) await server.push("workload", type, "", bytes);
  const each = (stack: (i: number) => string[]) =>
    Array.from({ length: many }, (_, i) => ({ stack: stack(i), values: [1000] }));
  await server.pushMade("wide", "", 60, { samples: each((i) => ["top.start", "top.main", `leaf.f${i}`]) });
  await server.pushMade("called", "", 60, { samples: each((i) => [`caller.f${i}`, "mid.call", "leaf.x"]) });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function flame(service: string, type: string, params: Record<string, string>): Promise<Tree> {
  const q = new URLSearchParams({
    service,
    type,
    from: "now-30d",
    to: "now",
    format: "flamegraph",
    ...params,
  });
  const answer = await fetch(`${server.origin}/api/0/profiles/merge?${q}&max_nodes=200000`);
  assert.equal(answer.status, 200);
  return fromAnswer(((await answer.json()) as { body: FlameAnswer }).body);
}

for (const type of ["cpu", "heap", "goroutine"])
  test(`the server's numbers are the page's own: ${type}`, async () => {
    const whole = await flame("workload", type, {});
    assert.ok(whole.n > 3);
    assert.deepEqual(dump(await flame("workload", type, { direction: "up" })), dump(leafUp(whole)));
    for (const fn of new Set(Array.from(whole.name).slice(1))) {
      const named = { function: whole.names[fn]! };
      const up = await flame("workload", type, { ...named, direction: "up" });
      const down = await flame("workload", type, named);
      assert.deepEqual(dump(up), dump(callers(whole, fn)), named.function);
      assert.deepEqual(dump(down), dump(callees(whole, fn)), named.function);
      assert.equal(up.names[up.name[0]!], named.function);
      assert.equal(up.total[0], down.total[0]);
    }
  });

/* Walks to the first "(other)" of the graph and opens it. */
async function openOther(page: Page, graph: number): Promise<void> {
  await page.getByRole("searchbox").fill("(other)");
  await page.keyboard.press("Enter");
  await page.locator(".details").nth(graph).locator(".details-name", { hasText: "(other)" }).waitFor();
  await page.locator(".flame-scroll").nth(graph).press("Enter");
}

test("what is folded away in callees opens, and a link brings it again", async () => {
  const address = `${server.origin}/?service=wide&type=cpu&mode=sandwich&fn=top.start`;
  const { page, problems } = await open(browser, address);
  await page.getByText(/ in 10,000 frames/).waitFor();
  await page.getByText(/small frames \(.*\) are folded/).waitFor();
  await openOther(page, 1);
  await untilParameter(page, "root", "top.main");
  await page.getByText("Opened under top.main").waitFor();
  await page.reload();
  await page.getByText("Opened under top.main").waitFor();
  await page.getByRole("button", { name: "Back to the whole" }).click();
  await untilParameter(page, "root", null);
  clean(problems);
});

test("what is folded away in callers opens", async () => {
  const address = `${server.origin}/?service=called&type=cpu&mode=sandwich&fn=leaf.x`;
  const { page, problems } = await open(browser, address);
  await openOther(page, 0);
  await untilParameter(page, "root_up", "mid.call");
  await page.getByText("Opened under mid.call").waitFor();
  await page.getByRole("button", { name: "Flame graph", exact: true }).click();
  await untilParameter(page, "root_up", null);
  clean(problems);
});

test("callers and callees zoom apart", async () => {
  const address = `${server.origin}/?service=called&type=cpu&mode=sandwich&fn=mid.call`;
  const { page, problems } = await open(browser, address);
  const canvas = page.locator(".sandwich canvas[data-drawn]");
  await canvas.nth(1).waitFor();
  await page.locator(".flame-scroll").nth(1).press("ArrowDown");
  await page.locator(".flame-scroll").nth(1).press("ArrowDown");
  await page.locator(".flame-scroll").nth(1).press("Enter");
  await untilParameter(page, "zoom", /./);
  await page.locator(".flame-scroll").nth(0).press("ArrowUp");
  await page.locator(".flame-scroll").nth(0).press("ArrowUp");
  await page.locator(".flame-scroll").nth(0).press("Enter");
  await untilParameter(page, "zoom_up", /./);
  await page.locator(".sandwich canvas:not([data-zoom='0'])").nth(1).waitFor(); // both
  await page.locator(".flame-scroll").nth(0).press("-");
  await untilParameter(page, "zoom_up", null);
  await untilParameter(page, "zoom", /./);
  clean(problems);
});

test("what is folded away opens from the leaf up", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=called&type=cpu&mode=leaf`);
  assert.equal(await painted(page), 10_001);
  await openOther(page, 0);
  await untilParameter(page, "root", "leaf.x;mid.call");
  await page.getByText("Opened under mid.call").waitFor();
  await page.goto(`${server.origin}/?service=wide&type=cpu&mode=leaf`);
  await painted(page);
  await openOther(page, 0);
  await untilParameter(page, "more", "1"); // it lies right under the root
  await page.getByText(new RegExp(` in ${(3 * many).toLocaleString("en-US")} frames`)).waitFor();
  clean(problems);
});

test("a function that is not there, and the picture to take home", async () => {
  const address = `${server.origin}/?service=wide&type=cpu&mode=sandwich`;
  const { page, problems } = await open(browser, `${address}&fn=no.such`);
  await page.getByText("This function is not in the profile.").waitFor();
  await page.goto(`${address}&fn=top.main`);
  await page.locator(".sandwich canvas[data-drawn]").nth(1).waitFor();
  await page.getByRole("button", { name: "Take home" }).click();
  const link = await page.getByRole("link", { name: "SVG of callers" }).getAttribute("href");
  const svg = await (await fetch(`${server.origin}/${link}`)).text();
  assert.match(svg, /<title>top\.main \(12\.00ms, 100%\)/);
  assert.match(svg, /<title>top\.start \(/);
  assert.doesNotMatch(svg, /leaf\.f/);
  assert.equal(await page.getByRole("link", { name: "SVG of callees" }).count(), 1);
  clean(problems);
});
