// Takes the README's picture: node scripts/screenshot.mjs <address> <file.png>. scripts/screenshot calls it.
import { chromium } from "playwright-core";

const [url, file] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
  ],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: "light" });
await page.goto(url);
await page.locator(".panes:not(.stale) canvas[data-drawn]").first().waitFor();
await page.locator(".timeline canvas").first().waitFor();
const box = await page.locator(".flame canvas").first().boundingBox();
await page.mouse.move(box.x + box.width * 0.45, box.y + 19 * 5.5);
await page.locator(".details-name").first().waitFor();
await page.screenshot({ path: file });
await browser.close();
