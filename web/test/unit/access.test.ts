// Signing in without a browser: a server of a few lines that has tokens, and a cookie as a browser has it.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Access, mayDo, type Session } from "../../src/access";
import { pprofCommand, pushCommand } from "../../src/commands";
import { ApiError } from "../../src/http";

const tokens: Record<string, string> = { "secret of a": "a", "secret of b": "b" };
let cookie: string | null; // whose
let keepsCookies: boolean;
let calls: string[];
let around: string[];
let access: Access;
const realFetch = globalThis.fetch;

function answer(status: number, content: object): Response {
  return new Response(JSON.stringify(content), { status });
}

function session(): Response {
  const known = cookie !== null;
  const body: Session = {
    name: cookie ?? "",
    rights: known ? ["query"] : [],
    signed_in: known,
    required: true,
  };
  return answer(200, { code: 200, body });
}

function serve(url: string, init: RequestInit): Response {
  const method = init.method ?? "GET";
  calls.push(`${method} ${url}`);
  const denied = (error: string) => answer(401, { code: 401, error, kind: "unauthenticated" });
  if (url === "proxy") return answer(401, { error: "log in at the proxy" });
  if (url === "forbidden") return answer(403, { code: 403, error: "not you", kind: "forbidden" });
  if (url !== "api/0/session") return cookie ? answer(200, { body: url }) : denied("missing token");
  if (method === "DELETE") cookie = null;
  if (method !== "POST") return session();
  const header = new Headers(init.headers).get("authorization") ?? "";
  const name = tokens[header.replace("Bearer ", "")];
  if (!name) return denied("wrong token");
  const before = cookie;
  cookie = name;
  const signedIn = session();
  if (!keepsCookies) cookie = before;
  return signedIn;
}

beforeEach(() => {
  cookie = null;
  keepsCookies = true;
  calls = [];
  around = [];
  access = new Access({ reload: () => around.push("reload"), tellOthers: () => around.push("tell") });
  globalThis.fetch = (url, init) => Promise.resolve(serve(url as string, init ?? {}));
});
afterEach(() => {
  globalThis.fetch = realFetch;
});

const text = async (url: string, signal?: AbortSignal) => (await access.call(url, signal)).text();
const refused = (status: number, message: RegExp) => (e: unknown) =>
  e instanceof ApiError && e.status === status && message.test(e.message);

/* Makes a call whose answer, made at once, comes only when the result is called. */
function held<T>(call: () => Promise<T>): () => Promise<T> {
  const usual = globalThis.fetch;
  let letGo: () => void = () => undefined;
  const until = new Promise<void>((done) => (letGo = done));
  globalThis.fetch = async (url, init) => {
    const answered = serve(url as string, init ?? {});
    await until;
    return answered;
  };
  const made = call();
  globalThis.fetch = usual;
  return () => {
    letGo();
    return made;
  };
}

/* Everything that can happen without an answer from outside has happened. */
const settled = () => new Promise((done) => setImmediate(done));

test("several calls without a token: one form, and each is made again", async () => {
  let shown = 0;
  let before = false;
  access.listen(() => {
    if (access.asking && !before) shown++;
    before = access.asking;
  });
  const all = Promise.all(["one", "two", "three"].map((url) => text(url)));
  await settled();
  assert.equal(access.asking, true);
  await access.signIn("secret of a");
  assert.deepEqual(
    (await all).map((t) => (JSON.parse(t) as { body: string }).body),
    ["one", "two", "three"],
  );
  assert.deepEqual([shown, access.asking, access.session?.name], [1, false, "a"]);
  assert.deepEqual(around, ["tell"]);
  assert.equal(calls.filter((c) => c === "POST api/0/session").length, 1);
});

test("a call that was refused before the sign-in, and hears of it after, doesn't ask again", async () => {
  const first = text("one");
  await settled();
  const slow = held(() => text("slow"));
  await access.signIn("secret of a");
  await first;
  assert.match(await slow(), /slow/);
  assert.equal(access.asking, false);
  assert.equal(calls.filter((c) => c === "GET slow").length, 2);
});

test("a wrong token is said in the server's words, and the form stays", async () => {
  const call = text("one");
  await settled();
  await assert.rejects(access.signIn("secret of nobody"), refused(401, /^wrong token$/));
  await assert.rejects(access.signIn("line\nbreak"), refused(400, /not a token/));
  assert.equal(access.asking, true);
  await access.signIn("secret of b");
  await call;
});

test("a browser that sends no cookie is told so, not asked for ever", async () => {
  keepsCookies = false;
  const call = text("one");
  await settled();
  await assert.rejects(access.signIn("secret of a"), refused(403, /doesn't send the cookie/));
  assert.equal(access.asking, true);
  assert.equal(calls.filter((c) => c === "GET one").length, 1);
  access.cancel();
  await assert.rejects(call, refused(401, /missing token/));
});

test("who would rather not sign in gets the error, and later what was asked for", async () => {
  const call = text("one");
  await settled();
  access.cancel();
  await assert.rejects(call, refused(401, /^missing token$/));
  assert.deepEqual([access.asking, access.session?.name], [false, ""]);
  let told = 0;
  const stop = access.whenSignedIn(() => told++);
  const asked = access.ask();
  await access.signIn("secret of a");
  assert.equal(await asked, true);
  assert.equal(told, 1);
  stop();
});

test("a call that nobody waits for any more ends while the form is shown", async () => {
  const controller = new AbortController();
  const call = text("one", controller.signal);
  await settled();
  controller.abort();
  await assert.rejects(call, { name: "AbortError" });
  await access.signIn("secret of a");
  assert.equal(calls.filter((c) => c === "GET one").length, 1);
});

test("the same one again goes on, another one sees nothing of the first", async () => {
  cookie = "a";
  await access.load();
  cookie = null;
  const call = text("one");
  await settled();
  await access.signIn("secret of a");
  await call;
  assert.deepEqual(around, ["tell"]);
  cookie = null;
  let went = false;
  void text("two").then(() => (went = true));
  await settled();
  await access.signIn("secret of b");
  await settled();
  assert.deepEqual([around, went], [["tell", "reload", "tell"], false]);
});

test("who nobody was when the page began is no news after a sign-in", async () => {
  const slow = held(() => access.load());
  const call = text("one");
  await settled();
  await access.signIn("secret of a");
  await slow();
  await call;
  assert.equal(access.session?.name, "a");
});

test("signing out forgets the page, here and in other tabs", async () => {
  cookie = "a";
  await access.load();
  await access.signOut();
  assert.deepEqual([around, cookie], [["tell", "reload"], null]);
  await access.othersChanged();
  assert.deepEqual(around, ["tell", "reload", "reload"]);
});

test("a sign-in in another tab answers the form in this one", async () => {
  const call = text("one");
  await settled();
  await access.othersChanged();
  assert.equal(access.asking, true);
  cookie = "a";
  await access.othersChanged();
  assert.match(await call, /one/);
  await access.othersChanged();
  assert.deepEqual([access.asking, around], [false, []]);
});

test("a proxy's own 401 and a missing right are errors, no reason to ask", async () => {
  await assert.rejects(text("proxy"), refused(401, /log in at the proxy/));
  await assert.rejects(text("forbidden"), refused(403, /not you/));
  assert.equal(access.asking, false);
});

test("who may do what", () => {
  const of = (...rights: string[]): Session => ({ name: "x", rights, signed_in: true, required: true });
  assert.equal(mayDo("admin", false, null), true);
  assert.equal(mayDo("admin", true, null), false);
  assert.equal(mayDo("admin", true, of("query", "delete")), false);
  assert.equal(mayDo("admin", true, of("admin")), true);
  assert.equal(mayDo("query", true, of("admin")), true);
  assert.equal(mayDo("query", true, of("query")), true);
});

test("lines for a shell have a place for the token, and nothing that a shell would read", () => {
  const url = "https://h/$x/api/0/profiles/merge?labels=a%3D1&q='`!\"";
  assert.equal(
    pprofCommand(url, true),
    'go tool pprof "https://me:$TOKEN@h/%24x/api/0/profiles/merge?labels=a%3D1&q=%27%60%21%22"',
  );
  assert.equal(pprofCommand("http://h/?q='", false), "go tool pprof 'http://h/?q=%27'");
  assert.equal(pushCommand("http://h/", "-", false), "curl --data-binary @- 'http://h/'");
  assert.equal(
    pushCommand("http://h/", "-", true),
    `curl -H "Authorization: Bearer $TOKEN" --data-binary @- 'http://h/'`,
  );
});
