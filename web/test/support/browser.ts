// Debian's Chromium, driven by playwright-core, and the few things that most tests do with the page.
import assert from "node:assert/strict";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/* As root Chromium wants no sandbox; the rest keeps it from calling home. */
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch(...more: string[]): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: [...args, ...more] });
}

export interface Watched {
  page: Page;
  problems: string[]; // what the page threw, and what its policy refused
}

export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (e) => problems.push(`${e.message}`));
  page.on("console", (m) => {
    if (m.type() === "error" && !m.text().startsWith("Failed to load resource")) problems.push(m.text());
  });
  await page.goto(url);
  return { page, problems };
}

/* Waits until a flame graph is painted, and says how many frames it has. */
export async function painted(page: Page): Promise<number> {
  await page.locator(".panes:not(.stale) canvas[data-drawn]").first().waitFor();
  return Number(await page.locator(".panes canvas").first().getAttribute("data-frames"));
}

/* How many colours the first canvas of the flame graph shows: 1 or 2 mean that nothing was drawn. */
export function colors(page: Page): Promise<number> {
  return page
    .locator(".flame canvas")
    .first()
    .evaluate((c: HTMLCanvasElement) => {
      const { data } = c.getContext("2d")!.getImageData(0, 0, c.width, c.height);
      const seen = new Set<number>();
      for (let i = 0; i < data.length; i += 4)
        seen.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
      return seen.size;
    });
}

/* The middle of a row of the flame graph, `share` of its width from the left. */
export async function pointInRow(page: Page, row: number, share: number): Promise<{ x: number; y: number }> {
  const box = (await page.locator(".flame canvas").first().boundingBox())!;
  return { x: box.x + box.width * share, y: box.y + row * 19 + 9 };
}

export function parameter(page: Page, name: string): string | null {
  return new URL(page.url()).searchParams.get(name);
}

/* Waits until the address has the parameter (or, for null, no longer has it). */
export async function untilParameter(page: Page, name: string, value: string | RegExp | null): Promise<void> {
  await page.waitForURL((url) => {
    const now = url.searchParams.get(name);
    return value === null
      ? now === null
      : now !== null && (typeof value === "string" ? now === value : value.test(now));
  });
}

export function clean(problems: string[]): void {
  assert.deepEqual(problems, []);
}
