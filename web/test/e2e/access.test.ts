// Signing in: the page of a server that has an auth file.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { clean, launch, open, painted, untilParameter } from "../support/browser";
import { AuthFile, Server, type Token } from "../support/server";

const admin: Token = { name: "ops", secret: "pf_the-secret-of-ops-0001", rights: ["admin"] };
const reader: Token = {
  name: "shop-team",
  secret: "pf_the-secret-of-shop-0002",
  rights: ["query"],
  services: ["shop", "shop-*"],
};
const other: Token = { name: "other-team", secret: "pf_the-secret-of-other-0003", rights: ["query"] };
const all = [admin, reader, other];

let file: AuthFile;
let server: Server;
let browser: Browser;

before(async () => {
  file = new AuthFile(...all);
  server = await Server.start(`-auth.file=${file.path}`);
  server.token = admin.secret;
  for (const service of ["other", "shop"])
    for (const ago of [60, 5400])
      await server.pushMade(service, "version=1.0", ago, {
        samples: [
          { stack: ["main.main", `${service}.search`], values: [30e6] },
          { stack: ["main.main", `${service}.cart`], values: [20e6] },
        ],
      });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  file?.remove();
});
beforeEach(async () => {
  file.write(...all);
  for (const t of all) await server.untilTokenGets(t.secret, 200);
});

const form = (page: Page) => page.getByRole("dialog", { name: "Sign in" });
const account = (page: Page, t: Token) => page.getByRole("button", { name: t.name });

async function signIn(page: Page, t: Token): Promise<void> {
  await form(page).getByLabel("Token").fill(t.secret);
  await form(page).getByRole("button", { name: "Sign in" }).click();
  await form(page).waitFor({ state: "detached" });
}

/* Nothing that a script, or somebody who looks, could read the secret from. */
async function assertForgotten(page: Page, t: Token): Promise<void> {
  const readable = await page.evaluate(() => [
    location.href,
    document.cookie,
    JSON.stringify(localStorage),
    JSON.stringify(sessionStorage),
    JSON.stringify(history.state),
    new XMLSerializer().serializeToString(document),
    ...[...document.querySelectorAll("input")].map((i) => i.value),
  ]);
  for (const text of readable) assert.ok(!text.includes(t.secret), text.slice(0, 200));
  assert.equal(readable[1], "");
}

test("one form for all that was refused; then what was asked for, and no trace of the token", async () => {
  const { page, problems } = await open(browser, "about:blank");
  const carriers: string[] = [];
  const said: string[] = [];
  page.on("console", (m) => said.push(m.text()));
  page.on("request", (r) => {
    if (JSON.stringify([r.url(), r.headers(), r.postData()]).includes(reader.secret))
      carriers.push(`${r.method()} ${new URL(r.url()).pathname}`);
  });
  const address = `${server.origin}/?service=shop&type=cpu&q=cart`;
  await page.goto(address);
  await form(page).waitFor();
  await page.waitForLoadState("networkidle");
  assert.equal(await page.getByRole("dialog").count(), 1);
  assert.equal(await form(page).getByText("has ended").count(), 0);
  const field = form(page).getByLabel("Token");
  assert.ok(await field.evaluate((e) => e === document.activeElement));
  assert.equal(await field.getAttribute("type"), "password");
  await page.keyboard.type(reader.secret);
  await page.keyboard.press("Enter");
  assert.equal(await painted(page), 4);
  assert.equal(page.url(), address);
  await account(page, reader).waitFor();
  assert.equal(await form(page).count(), 0);
  assert.equal(await page.getByRole("alert").count(), 0);
  await assertForgotten(page, reader);
  assert.deepEqual(carriers, ["POST /api/0/session"]);
  assert.ok(!said.join("\n").includes(reader.secret));
  const [cookie, ...more] = await page.context().cookies();
  assert.deepEqual(more, []);
  assert.ok(!cookie!.value.includes(reader.secret));
  assert.deepEqual(
    [cookie!.name, cookie!.httpOnly, cookie!.sameSite, cookie!.path],
    ["profefe_session", true, "Lax", "/"],
  );
  await page.reload();
  assert.equal(await painted(page), 4);
  await account(page, reader).waitFor();
  assert.equal(await form(page).count(), 0);
  clean(problems);
});

test("a wrong token is said in the form, which stays", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop`);
  const field = form(page).getByLabel("Token");
  await field.fill("pf_somebody-elses-secret");
  await page.keyboard.press("Enter");
  await form(page).getByRole("alert").getByText("wrong token").waitFor();
  assert.equal(await field.inputValue(), "");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  assert.ok(await field.evaluate((e) => e === document.activeElement));
  await signIn(page, reader);
  assert.equal(await painted(page), 4);
  clean(problems);
});

test("the server never has the browser ask in its own way", async () => {
  for (const method of ["GET", "POST"]) {
    const path = method === "GET" ? "services" : "session";
    const headers = { Authorization: "Bearer pf_somebody-elses-secret" };
    const answer = await fetch(`${server.origin}/api/0/${path}`, { method, headers });
    assert.equal(answer.status, 401);
    // Browsers answer "Basic" with a window that the page knows nothing of
    assert.doesNotMatch(answer.headers.get("www-authenticate") ?? "", /basic/i);
    assert.equal(((await answer.json()) as { kind: string }).kind, "unauthenticated");
  }
});

test("signing out asks again, in all tabs, and another one's sign-in answers them", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&view=profiles`);
  await signIn(page, reader);
  await page.getByText("1 profile", { exact: true }).waitFor();
  const tab = await page.context().newPage();
  await tab.goto(`${server.origin}/?service=shop`);
  await painted(tab);
  await account(page, reader).click();
  await page.getByText("shop, shop-*").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  for (const one of [page, tab]) {
    await form(one).waitFor();
    assert.equal(await one.locator("canvas, .list").count(), 0);
  }
  assert.deepEqual(await page.context().cookies(), []);
  await signIn(page, other);
  await page.getByText("1 profile", { exact: true }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("view"), "profiles");
  await painted(tab);
  await account(tab, other).waitFor();
  assert.equal(await form(tab).count(), 0);
  clean(problems);
});

test("a token that is revoked while the page is used: the form, over the view as it was", async () => {
  const address = `${server.origin}/?service=shop&type=cpu&view=compare`;
  const { page, problems } = await open(browser, address);
  await signIn(page, reader);
  await painted(page);
  await page.getByRole("searchbox").first().fill("cart");
  await untilParameter(page, "q", "cart");
  const before = page.url();
  await page.evaluate(() => (document.documentElement.dataset.mark = "the same page"));
  file.write(admin, other);
  await server.untilTokenGets(reader.secret, 401);
  await page.getByRole("button", { name: "Refresh" }).click();
  await form(page).getByText("The session of shop-team has ended.").waitFor();
  assert.ok((await page.locator(".panes canvas").count()) > 0);
  const renewed = { ...reader, secret: "pf_the-secret-of-shop-0004" };
  file.write(admin, other, renewed);
  await server.untilTokenGets(renewed.secret, 200);
  await signIn(page, renewed);
  await painted(page);
  await account(page, reader).waitFor();
  assert.equal(page.url(), before);
  assert.equal(await page.getByRole("searchbox").first().inputValue(), "cart");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.mark), "the same page");
  assert.equal(await page.getByRole("alert").count(), 0);
  // Somebody else gets the same view, but nothing that was loaded before
  file.write(admin, other);
  await server.untilTokenGets(renewed.secret, 401);
  await page.getByRole("button", { name: "Refresh" }).click();
  await form(page).getByLabel("Token").fill(other.secret);
  await page.keyboard.press("Enter");
  await account(page, other).waitFor();
  await painted(page);
  assert.equal(page.url(), before);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.mark), undefined);
  await assertForgotten(page, other);
  clean(problems);
});

test("who would rather not sign in sees why nothing is there, and can later", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=shop`);
  await form(page).waitFor();
  await page.keyboard.press("1"); // a key of the form's now
  await page.keyboard.press("Escape");
  await form(page).waitFor({ state: "detached" });
  await page.getByRole("alert").getByRole("button", { name: "Try again" }).first().click();
  await form(page).getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("banner").getByRole("button", { name: "Sign in" }).click();
  await signIn(page, reader);
  assert.equal(await painted(page), 4);
  assert.equal(await page.getByRole("alert").count(), 0);
  clean(problems);
});

test("what a token may not do is left out, and another's service is not there", async () => {
  const { page, problems } = await open(browser, `${server.origin}/?service=other&type=cpu`);
  await signIn(page, reader);
  await page.getByText("No profiles here.").waitFor();
  await account(page, reader).waitFor();
  await page.getByRole("option", { name: "shop" }).waitFor({ state: "attached" });
  const offered = page.getByLabel("Service", { exact: true }).locator("option");
  assert.deepEqual(await offered.allInnerTexts(), ["other", "shop"]); // the first is the link's own
  assert.equal(await page.getByRole("button", { name: "Store" }).count(), 0);
  assert.equal(await page.getByRole("alert").count(), 0);
  await account(page, reader).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await signIn(page, admin);
  assert.equal(await painted(page), 4);
  await page.getByRole("button", { name: "Store" }).click();
  await page.getByText("On disk").waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  clean(problems);
});

test("lines to copy have a place for the token, and work", async () => {
  const env = { ...process.env, TOKEN: reader.secret, PPROF_TMPDIR: file.path + ".pprof" };
  const { page, problems } = await open(browser, `${server.origin}/?service=shop&type=cpu`);
  await signIn(page, reader);
  await painted(page);
  await page.getByRole("button", { name: /^Take home/ }).click();
  await page.getByText("Put your token in $TOKEN first.").waitFor();
  const line = await page.locator(".take code").first().innerText();
  assert.match(line, /^go tool pprof "http:\/\/me:\$TOKEN@127/);
  const top = execFileSync("sh", ["-c", line.replace("pprof", "pprof -top -symbolize=none")], { env });
  assert.match(top.toString(), /shop\.search/);
  const href = (await page.getByRole("link", { name: "Open in speedscope" }).getAttribute("href"))!;
  await page.goto(new URL(href, page.url()).href);
  await page.waitForFunction(() => document.title.includes("shop cpu"));
  clean(problems);
});

test("the lines of an empty store too", async () => {
  const empty = await Server.start(`-auth.file=${file.path}`);
  try {
    const { page, problems } = await open(browser, empty.origin);
    await signIn(page, admin);
    const line = await page.locator(".copy-line code").first().innerText();
    const send = line.replace("curl", "curl -s -o /dev/null -w '%{http_code}'").replace("@cpu.pb.gz", "@-");
    const status = (TOKEN: string) =>
      execFileSync("sh", ["-c", send], { env: { ...process.env, TOKEN }, input: "x" }).toString();
    assert.deepEqual([status("pf_somebody-elses-secret"), status(admin.secret)], ["401", "400"]);
    clean(problems);
  } finally {
    await empty.stop();
  }
});

test("under a base path the cookie is of that path alone", async () => {
  const below = await Server.start(`-auth.file=${file.path}`, "-http.base-path=/tools/profefe/");
  try {
    below.token = admin.secret;
    await below.pushMade("shop", "", 60, { samples: [{ stack: ["main.main"], values: [1e9] }] });
    const { page, problems } = await open(browser, `${below.origin}/tools/profefe?service=shop`);
    await signIn(page, reader);
    assert.equal(await painted(page), 2);
    assert.deepEqual(
      (await page.context().cookies()).map((c) => c.path),
      ["/tools/profefe"],
    );
    await page.reload();
    assert.equal(await painted(page), 2);
    await account(page, reader).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await form(page).waitFor();
    assert.deepEqual(await page.context().cookies(), []);
    clean(problems);
  } finally {
    await below.stop();
  }
});

test("who is logged in at a proxy is named, and has no way out here", async () => {
  const behind = new AuthFile();
  behind.trustProxy("X-Forwarded-User");
  behind.write(admin);
  const below = await Server.start(`-auth.file=${behind.path}`, "-http.trusted-proxies=127.0.0.1");
  try {
    below.token = admin.secret;
    await below.pushMade("shop", "", 60, { samples: [{ stack: ["main.main"], values: [1e9] }] });
    const { page, problems } = await open(browser, `${below.origin}/?service=shop`, {
      extraHTTPHeaders: { "X-Forwarded-User": "alice" },
    });
    assert.equal(await painted(page), 2);
    await page.getByRole("button", { name: "alice" }).click();
    await page.getByText("query", { exact: true }).waitFor();
    for (const name of ["Sign out", "Store"])
      assert.equal(await page.getByRole("button", { name }).count(), 0, name);
    clean(problems);
  } finally {
    await below.stop();
    behind.remove();
  }
});

test("without an auth file nothing is asked and nothing of it is shown", async () => {
  const free = await Server.start();
  try {
    await free.pushMade("shop", "", 60, { samples: [{ stack: ["main.main"], values: [1e9] }] });
    const { page, problems } = await open(browser, "about:blank");
    const asked: string[] = [];
    page.on("request", (r) => asked.push(new URL(r.url()).pathname));
    await page.goto(`${free.origin}/?service=shop`);
    await painted(page);
    await page.getByRole("button", { name: "Store" }).click();
    await page.getByText("On disk").waitFor();
    await page.waitForLoadState("networkidle");
    assert.ok(asked.includes("/api/0/ui/config"));
    assert.ok(!asked.includes("/api/0/session"));
    assert.equal(await page.getByRole("button", { name: "Sign in" }).count(), 0);
    await page.getByRole("button", { name: /^Take home/ }).click();
    assert.match(await page.locator(".take code").first().innerText(), /^go tool pprof 'http:\/\/127/);
    assert.equal(await page.getByText("$TOKEN").count(), 0);
    clean(problems);
  } finally {
    await free.stop();
  }
});

const axe = readFileSync(join(process.env.PROFEFE_WEB!, "node_modules/axe-core/axe.min.js"), "utf8");

test("the form and the account: small screens, other eyes", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const { page, problems } = await open(browser, `${server.origin}/?service=shop`, {
      colorScheme,
      viewport: { width: 400, height: 800 },
    });
    const check = async (what: string) => {
      await page.evaluate(axe);
      const found = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run: () => Promise<{ violations: { id: string; impact: string }[] }> };
        };
        return (await axe.run()).violations.filter((v) => v.impact === "serious" || v.impact === "critical");
      });
      assert.deepEqual(found, [], `${what}, ${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 400, `${what}: ${wide}`);
    };
    await form(page).getByLabel("Token").fill("pf_somebody-elses-secret");
    await page.keyboard.press("Enter");
    await form(page).getByRole("alert").getByText("wrong token").waitFor();
    await check("the form");
    await signIn(page, reader);
    await painted(page);
    await account(page, reader).click();
    await check("the account");
    clean(problems);
    await page.context().close();
  }
});
