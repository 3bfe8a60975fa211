// What pages of other sites can have this browser do at the server: nothing, but to follow a link. The rules are in
// src/server/access/origin.h; tests/integration/test_web_safety.py has them all, here a real browser makes the requests.
import assert from "node:assert/strict";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launch, open, painted } from "../support/browser";
import { gzipped } from "../support/pprof";
import { AuthFile, Server, type Token } from "../support/server";

const admin: Token = { name: "ops", secret: "pf_the-secret-of-ops-0001", rights: ["admin"] };
const shop = { samples: [{ stack: ["main.main", "shop.cart"], values: [30e6] }] };
const stolen = gzipped({ samples: [{ stack: ["main.main", "stolen"], values: [1e6] }] });
const PUSH = "/api/0/profiles?service=stolen&type=cpu";
const SVG = "/api/0/profiles/merge?service=shop&type=cpu&from=now-1h&to=now&format=svg";

let file: AuthFile;
let free: Server; // without an auth file: what it is asked it does
let guarded: Server;
let other: HttpServer; // the other site: a page with a form, a link and a frame, whatever is asked for
let browser: Browser;

before(async () => {
  file = new AuthFile(admin);
  [free, guarded] = [await Server.start(), await Server.start(`-auth.file=${file.path}`)];
  guarded.token = admin.secret;
  for (const one of [free, guarded]) await one.pushMade("shop", "", 60, shop);
  other = createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end("<!doctype html><title>Another site</title><body>");
  });
  await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
  // The names are this machine's, as an attacker's can be made to be; what is sent to them in clear text has no Sec-Fetch-Site
  browser = await launch("--host-resolver-rules=MAP *.example 127.0.0.1");
});
after(async () => {
  await browser?.close();
  other?.close();
  for (const one of [free, guarded]) await one?.stop();
  file?.remove();
});

/* The other site, of the same site as the server (only the port differs: cookies come along) or of another. */
const port = () => (other.address() as AddressInfo).port;
const SITES = {
  "another port": () => `http://127.0.0.1:${port()}`,
  "another site": () => `http://evil.localhost:${port()}`,
};

async function metric(server: Server, method: string, path: string, code: number): Promise<number> {
  const headers = { Authorization: `Bearer ${admin.secret}` };
  const text = await (await fetch(`${server.origin}/metrics`, { headers })).text();
  const name = `profefe_api_requests_total{method="${method}",path="${path}",code="${code}"} `;
  const line = text.split("\n").find((one) => one.startsWith(name));
  return line ? Number(line.slice(name.length)) : 0;
}

/* What was answered by now: each attempt has to arrive there, or it proves nothing. */
async function untilCounted(
  server: Server,
  wanted: number,
  ...which: [string, string, number]
): Promise<void> {
  let got = -1;
  for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((f) => setTimeout(f, 50)))
    if ((got = await metric(server, ...which)) >= wanted) break;
  assert.equal(got, wanted, which.join(" "));
}

async function services(server: Server): Promise<string[]> {
  const headers = { Authorization: `Bearer ${admin.secret}` };
  const answer = await fetch(`${server.origin}/api/0/services`, { headers });
  return ((await answer.json()) as { body: string[] }).body;
}

/* The page of the other site, in a browser that is signed in at the guarded server. */
async function visit(server: Server, site: string): Promise<{ page: Page; context: BrowserContext }> {
  const { page } = await open(browser, site);
  const context = page.context();
  if (server === guarded) {
    const headers = { Authorization: `Bearer ${admin.secret}` };
    assert.equal((await context.request.post(`${server.origin}/api/0/session`, { headers })).status(), 200);
    assert.deepEqual(
      (await context.cookies()).map((c) => [c.name, c.sameSite]),
      [["profefe_session", "Lax"]],
    );
  }
  return { page, context };
}

type How = { url: string; bytes: number[] };
const pushing = (server: Server): How => ({ url: server.origin + PUSH, bytes: [...stolen] });

/* Each way a script has to send the bytes; all say that they failed, or say nothing at all. */
function sendAll(page: Page, how: How): Promise<string[]> {
  return page.evaluate(async ({ url, bytes }: How) => {
    const body = new Uint8Array(bytes);
    const said = (answer: Promise<Response>) =>
      answer.then((a) => `${a.type} ${a.status}`).catch((e: Error) => e.name);
    const asked = new Promise<string>((done) => {
      const x = new XMLHttpRequest();
      x.onloadend = () => done(`xhr ${x.status}`);
      x.open("POST", url);
      x.withCredentials = true;
      x.send(body);
    });
    const include = { method: "POST", credentials: "include", body } as const;
    return [
      await said(fetch(url, { ...include, mode: "no-cors" })),
      await said(fetch(url, { ...include, mode: "no-cors", headers: { "Content-Type": "text/plain" } })),
      await said(fetch(url, { ...include, mode: "cors" })),
      await asked,
      `beacon ${navigator.sendBeacon(url, new Blob([body]))}`,
    ];
  }, how);
}

/* Sends a form whose answer a frame or the whole page is to show. */
async function sendForm(page: Page, url: string, enctype: string, target: string): Promise<void> {
  await page.evaluate(
    ([url, enctype, target]) => {
      const frame = document.createElement("iframe");
      frame.name = "hidden";
      const form = document.createElement("form");
      Object.assign(form, { action: url, method: "post", enctype, target });
      const field = document.createElement("input");
      Object.assign(field, { name: "a", value: "b" });
      form.append(field);
      document.body.append(frame, form);
      form.submit();
    },
    [url, enctype, target],
  );
}

for (const [what, site] of Object.entries(SITES)) {
  test(`a page of ${what} stores nothing`, async () => {
    for (const server of [free, guarded]) {
      let refused = await metric(server, "POST", "/api/0/profiles", 403);
      const { page, context } = await visit(server, site());
      assert.deepEqual(await sendAll(page, pushing(server)), [
        "opaque 0",
        "opaque 0",
        "TypeError",
        "xhr 0",
        "beacon true",
      ]);
      await untilCounted(server, (refused += 5), "POST", "/api/0/profiles", 403);
      const url = server.origin + PUSH;
      for (const enctype of ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]) {
        await sendForm(page, url, enctype, "hidden");
        await untilCounted(server, ++refused, "POST", "/api/0/profiles", 403);
        await sendForm(page, url, enctype, "_self");
        await untilCounted(server, ++refused, "POST", "/api/0/profiles", 403);
        await page.waitForURL(url);
        await page.goto(site());
      }
      // What needs a preflight doesn't come: it is refused
      const status = await page.evaluate(
        (url) => fetch(url, { method: "DELETE", credentials: "include" }).catch((e: Error) => e.name),
        `${server.origin}/api/0/session`,
      );
      assert.equal(status, "TypeError");
      assert.equal(await metric(server, "DELETE", "/api/0/session", 200), 0);
      assert.deepEqual(await services(server), ["shop"]);
      if (server === guarded) assert.equal((await context.cookies()).length, 1);
      await context.close();
    }
  });

  test(`a page of ${what} reads nothing`, async () => {
    for (const server of [free, guarded]) {
      const { page, context } = await visit(server, site());
      const counts = (code: number) => metric(server, "GET", "/api/0/profiles/merge", code);
      const [refused, given] = [await counts(403), await counts(200)];
      const got = await page.evaluate(async (url) => {
        const loads = (name: string, set: Record<string, string>, as: string) =>
          new Promise<string>((done) => {
            const e = document.createElement(name);
            for (const [key, value] of Object.entries(set)) e.setAttribute(key, value + as);
            e.onload = () => done(`${as} loaded`);
            e.onerror = () => done(`${as} failed`);
            document.body.append(e);
          });
        const fetched = (mode: RequestMode, as: string) =>
          fetch(`${url}&as=${as}`, { mode, credentials: "include" }).then(
            (a) => `${as} ${a.type}`,
            (e: Error) => `${as} ${e.name}`,
          );
        const at = `${url}&as=`;
        // These don't always say how it went: their answers do
        for (const [name, key] of Object.entries({ iframe: "src", embed: "src", object: "data" })) {
          const e = document.createElement(name);
          e.setAttribute(key, at + name);
          document.body.append(e);
        }
        return [
          await fetched("cors", "fetch"),
          await fetched("no-cors", "opaque"),
          await loads("img", { src: at }, "img"),
          await loads("script", { src: at }, "script"),
          await new Promise<string>((done) => {
            const source = new EventSource(`${at}events`, { withCredentials: true });
            source.onerror = () => done("events failed");
          }),
        ];
      }, server.origin + SVG);
      assert.deepEqual(got, [
        "fetch TypeError",
        "opaque opaque",
        "img failed",
        "script failed",
        "events failed",
      ]);
      await untilCounted(server, refused + 8, "GET", "/api/0/profiles/merge", 403);
      assert.equal(await counts(200), given);
      // What it opens in a window is the user's to see, not the page's
      const [popup] = await Promise.all([
        context.waitForEvent("page"),
        page.evaluate((url) => void window.open(url), server.origin + "/?service=shop"),
      ]);
      await painted(popup);
      const seen = await page.evaluate((url) => {
        const w = window.open(url)!;
        return new Promise<string>((done) => {
          const look = () => {
            try {
              if (w.document.URL === "about:blank") return setTimeout(look, 20);
              return done(w.document.body.innerText);
            } catch (e) {
              return done((e as Error).name);
            }
          };
          look();
        });
      }, `${server.origin}/api/0/services`);
      assert.equal(seen, "SecurityError");
      await context.close();
    }
  });

  test(`a link on a page of ${what} is followed`, async () => {
    for (const server of [free, guarded]) {
      const { page, context } = await visit(server, site());
      await page.evaluate((url) => {
        const a = document.createElement("a");
        Object.assign(a, { href: url, textContent: "Look" });
        document.body.append(a);
      }, `${server.origin}/?service=shop&type=cpu`);
      await page.getByText("Look").click();
      assert.equal(await painted(page), 3); // signed in, where that is asked for: the cookie came along
      await context.close();
    }
  });
}

test("a page whose origin is allowed stores and reads, with the session", async () => {
  const [allowed, denied] = Object.values(SITES).map((site) => site());
  for (const auth of [[], [`-auth.file=${file.path}`]]) {
    const server = await Server.start(`-http.cors-origins=${allowed}`, ...auth);
    server.token = auth.length ? admin.secret : "";
    try {
      await server.pushMade("shop", "", 60, shop);
      const signIn = async (page: Page) => {
        const headers = { Authorization: `Bearer ${admin.secret}` };
        if (auth.length) await page.context().request.post(`${server.origin}/api/0/session`, { headers });
      };
      for (const site of [denied!, allowed!]) {
        const { page } = await open(browser, site);
        await signIn(page);
        const may = site === allowed;
        assert.deepEqual(await sendAll(page, pushing(server)), [
          "opaque 0",
          "opaque 0",
          may ? "cors 200" : "TypeError",
          may ? "xhr 200" : "xhr 0",
          "beacon true",
        ]);
        const found = await page.evaluate(
          (url) =>
            fetch(url, { credentials: "include" })
              .then((a) => a.text())
              .catch((e: Error) => e.name),
          `${server.origin}/api/0/services`,
        );
        assert.match(found, may ? /"shop"/ : /^TypeError$/);
        // One that has to be asked for before: with a header of its own
        const own = await page.evaluate(
          (url) =>
            fetch(url, { headers: { Authorization: "Bearer pf_somebody-elses-secret" } })
              .then((a) => `${a.status} ${a.headers.get("X-Request-Id")!.length}`)
              .catch((e: Error) => e.name),
          `${server.origin}/api/0/services`,
        );
        assert.equal(own, may ? (auth.length ? "401 20" : "200 20") : "TypeError");
        await untilCounted(server, may ? 6 : 5, "POST", "/api/0/profiles", may ? 200 : 403); // one is the test's own
        assert.deepEqual(await services(server), may ? ["shop", "stolen"] : ["shop"]);
        await page.context().close();
      }
    } finally {
      await server.stop();
    }
  }
});

test("in clear text to another host Origin alone tells, and is enough", async () => {
  const server = await Server.start("-http.hosts=profefe.example");
  try {
    const named = server.origin.replace("127.0.0.1", "profefe.example");
    await server.pushMade("shop", "", 60, shop);
    const { page } = await open(browser, `http://evil.example:${port()}`);
    const sent: string[] = [];
    page.on("request", (r) =>
      sent.push(...Object.keys(r.headers()).filter((h) => h.startsWith("sec-fetch"))),
    );
    const how = { ...pushing(server), url: named + PUSH };
    assert.deepEqual(await sendAll(page, how), ["opaque 0", "opaque 0", "TypeError", "xhr 0", "beacon true"]);
    await sendForm(page, how.url, "text/plain", "hidden");
    await untilCounted(server, 6, "POST", "/api/0/profiles", 403);
    assert.deepEqual(sent, []);
    assert.deepEqual(await services(server), ["shop"]);
    await page.goto(`${named}/?service=shop`); // by that name, it is a server like any other
    assert.equal(await painted(page), 3);
    await page.context().close();
  } finally {
    await server.stop();
  }
});

test("a name that is led to this machine is none of the server's", async () => {
  const rebound = free.origin.replace("127.0.0.1", "rebound.example");
  const { page } = await open(browser, `${rebound}/healthz`, { bypassCSP: true });
  await page.getByText('this server is not "rebound.example').waitFor();
  // The browser takes this page for the server's own
  const asked = await page.evaluate(
    async ({ push, bytes }) => {
      const say = async (a: Response) => `${a.type} ${a.status} ${await a.text()}`;
      const body = new Uint8Array(bytes);
      return [
        await say(await fetch("/api/0/services")),
        await say(await fetch(push, { method: "POST", body })),
      ];
    },
    { push: PUSH, bytes: [...stolen] },
  );
  for (const answer of asked) assert.match(answer, /^basic 421 .*-http\.hosts/);
  assert.deepEqual(await services(free), ["shop"]);
  await page.context().close();
});
