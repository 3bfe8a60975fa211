// Measures the page's goals in Debian's Chromium against the real server, and prints a table: medians, and the
// worst in parentheses. scripts/measure.mjs runs it.
import type { Browser, Page } from "playwright-core";
import { launch } from "../support/browser";
import { Server } from "../support/server";
import { large, usual } from "./data";

const rounds = 9;

/* In the page: when a flame graph was first and last painted, by the page's own clock. It is drawn while a frame is being
 * made (an animation frame, a resize), so a message that is posted then comes behind that frame. */
const watch = () => {
  const w = globalThis as unknown as { first: number; painted: number };
  w.first = w.painted = 0;
  const done = () => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      w.painted = performance.now();
      w.first ||= w.painted;
    };
    channel.port2.postMessage(0);
  };
  new MutationObserver((list) => {
    if (list.some((m) => m.attributeName === "data-drawn")) done();
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-drawn"] });
};

async function open(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(url);
  await settled(page);
  return page;
}

/* Waits until a picture is painted and nothing moves any more. */
async function settled(page: Page): Promise<void> {
  await page.locator(".panes:not(.stale) canvas[data-drawn]").first().waitFor();
  await page.waitForLoadState("networkidle");
  await page.waitForTimeout(120);
}

/* Milliseconds from what `act` does to the last paint after it. The paint is what counts, not how long the test
 * takes to see it. */
async function timed(page: Page, selector: string, event: string, act: () => Promise<void>): Promise<number> {
  await page.evaluate(
    ([s, e]) => {
      const w = globalThis as unknown as { painted: number; begun: number };
      w.painted = w.begun = 0;
      const element = s === "document" ? document : document.querySelector(s!)!;
      element.addEventListener(e!, () => (w.begun ||= performance.now()), { capture: true, once: true });
    },
    [selector, event],
  );
  await act();
  await page.waitForFunction(() => (globalThis as unknown as { painted: number }).painted > 0);
  await page.waitForTimeout(150);
  return page.evaluate(() => {
    const w = globalThis as unknown as { painted: number; begun: number };
    return w.painted - w.begun;
  });
}

function text(values: number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  return `${sorted[sorted.length >> 1]!.toFixed(0)} (${sorted[sorted.length - 1]!.toFixed(0)})`;
}

async function repeat(f: (i: number) => Promise<number>): Promise<string> {
  const values: number[] = [];
  for (let i = 0; i < rounds + 1; i++) values.push(await f(i));
  return text(values.slice(1)); // the first warms up
}

const rows: [string, string, string][] = [];
const say = (what: string, goal: string, value: string) => {
  rows.push([what, goal, value]);
  console.log(`| ${what} | ${goal} | ${value} |`);
};

async function firstView(browser: Browser, server: Server): Promise<void> {
  const view = `${server.origin}/?service=usual&type=cpu`;
  const link = await repeat(async () => {
    const page = await open(browser, view);
    const at = await page.evaluate(() => (globalThis as unknown as { first: number }).first);
    await page.context().close();
    return at;
  });
  say("an hour over 60 profiles: a link opened, browser cache empty", "300", link);
  const page = await open(browser, `${server.origin}/?service=small&type=cpu`);
  const click = await repeat(async (i) => {
    const to = i % 2 ? "small" : "usual";
    const time = await timed(page, "select.service", "change", async () => {
      await page.locator("select.service").selectOption(to);
      await page.waitForURL(
        (u) => u.searchParams.get("type") === "cpu" && u.searchParams.get("service") === to,
      );
      await settled(page);
    });
    return time;
  });
  say("another service chosen, to its flame graph", "300", click);
  const merge = `${server.origin}/api/0/profiles/merge?service=usual&type=cpu&from=now-1h&to=now&format=flamegraph`;
  const flame = await repeat(async () => {
    const start = performance.now();
    await (await fetch(merge)).arrayBuffer();
    return performance.now() - start;
  });
  say("of that in the server: the flame graph's answer", "50", flame);
  await page.context().close();
}

async function frames(browser: Browser, server: Server, service: string, more: boolean): Promise<void> {
  const page = await open(browser, `${server.origin}/?service=${service}&type=cpu${more ? "&more=1" : ""}`);
  const n = Number(await page.locator(".flame canvas").first().getAttribute("data-frames"));
  const name = `${n.toLocaleString("en-US")} frames`;
  const box = (await page.locator(".flame canvas").first().boundingBox())!;
  const paint = await repeat(async () => {
    await page.reload();
    await settled(page);
    return page.evaluate(() => {
      const answers = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
      const answer = answers.find((e) => e.name.includes("format=flamegraph"))!;
      return (globalThis as unknown as { first: number }).first - answer.responseEnd;
    });
  });
  say(`${name}: first paint after the answer is there`, more ? "" : "100", paint);
  const zoom = await repeat((i) =>
    timed(page, ".flame-scroll", "click", () =>
      page.mouse.click(box.x + box.width * 0.2, box.y + 19 * (i % 2 ? 0 : 3) + 9),
    ),
  );
  say(`${name}: zoom`, more ? "" : "33", zoom);
  await page.keyboard.press("0");
  const words = ["method1", "type", "method12", "team/part3", "x", "method2", "main", "part", "e", "method7"];
  const search = await repeat((i) =>
    timed(page, "input[type=search]", "input", () => page.locator("input[type=search]").fill(words[i]!)),
  );
  say(`${name}: search`, more ? "" : "33", search);
  await page.context().close();
}

const server = await Server.start();
try {
  for (let i = 0; i < 60; i++) await server.pushMade("usual", `host=web-${i % 3}`, i * 59 + 5, usual(i + 1));
  await server.pushMade("small", "", 60, usual(1));
  await server.pushMade("ten", "", 60, large(9_950));
  await server.pushMade("hundred", "", 60, large(99_900));
  const browser = await launch();
  console.log("| what, in milliseconds | goal | median (worst) |\n|---|---|---|");
  await firstView(browser, server);
  await frames(browser, server, "ten", false);
  await frames(browser, server, "hundred", true);
  await browser.close();
} finally {
  await server.stop();
}
