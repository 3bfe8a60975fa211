// Who the server takes this browser for. A call that is refused for want of a token waits here until somebody has signed
// in, and is then sent again; however many wait, one form is shown. The token is handed on and forgotten: what stays
// is a cookie that scripts can't read.
import { ApiError, bodyOf, send } from "./http";

export interface Session {
  name: string; // empty: nobody is known
  rights: string[];
  services?: string[]; // absent: all
  signed_in: boolean; // by a cookie: it can be given up
  required: boolean;
}

const path = "api/0/session";
const nobody: Session = { name: "", rights: [], signed_in: false, required: true };

/* What there is beside calls: the page, and the browser's other tabs of it. */
export interface Surroundings {
  reload(): void; // forgets all that is shown, keeps the address
  tellOthers(): void; // that somebody signed in or out
}

export class Access {
  session: Session | null = null; // null: not known
  asking = false; // the form is wanted
  private turn = 0; // grows when somebody signs in
  private shownTo: string | null = null; // whose data the page has; null: not known
  private readonly waiting = new Set<(signedIn: boolean) => void>();
  private readonly refused = new Set<() => void>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly around: Surroundings) {}

  /* Whose session has ended when the form is shown; empty: nobody's. */
  get former(): string {
    return this.shownTo ?? "";
  }

  listen(f: () => void): () => void {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  }

  /* Makes a call; asks for a token when it needs one, and makes it again. */
  async call(url: string, signal?: AbortSignal): Promise<Response> {
    for (;;) {
      const turn = this.turn;
      try {
        return await send(url, { signal: signal ?? null });
      } catch (e) {
        if (!(e instanceof ApiError) || !e.wantsToken) throw e;
        // Who signed in while this call was under way need not be asked again
        if (turn === this.turn && !(await this.ask(signal))) throw e;
      }
    }
  }

  /* Shows the form. True: somebody has signed in; false: they would rather not. */
  ask(signal?: AbortSignal): Promise<boolean> {
    return new Promise((done, fail) => {
      const gaveUp = () => {
        this.waiting.delete(answered);
        fail(signal!.reason as Error);
      };
      const answered = (signedIn: boolean) => {
        signal?.removeEventListener("abort", gaveUp);
        done(signedIn);
      };
      if (signal?.aborted) return gaveUp();
      signal?.addEventListener("abort", gaveUp);
      this.waiting.add(answered);
      if (this.asking) return;
      this.asking = true;
      this.session = nobody;
      this.tell();
    });
  }

  /* For what was refused and shows it: `f` is called when somebody has signed in after all. */
  whenSignedIn(f: () => void): () => void {
    this.refused.add(f);
    return () => void this.refused.delete(f);
  }

  cancel(): void {
    this.finish(false);
  }

  /* Asks who this is, when nobody has had to sign in before the answer is there. */
  async load(): Promise<void> {
    const turn = this.turn;
    const now = await this.read();
    if (turn === this.turn && !this.asking) this.become(now);
  }

  async signIn(token: string): Promise<void> {
    const headers = new Headers();
    try {
      headers.set("Authorization", `Bearer ${token}`);
    } catch {
      throw new ApiError(400, "This is not a token: it has characters that none can have.");
    }
    await send(path, { method: "POST", headers });
    const now = await this.read();
    if (!now.signed_in)
      throw new ApiError(403, "The token is right, but this browser doesn't send the cookie that says so.");
    this.enter(now);
    this.around.tellOthers();
  }

  async signOut(): Promise<void> {
    await send(path, { method: "DELETE" });
    this.around.tellOthers();
    this.around.reload();
  }

  /* In another tab somebody signed in or out. */
  async othersChanged(): Promise<void> {
    const now = await this.read();
    if (this.asking && now.name) this.enter(now);
    else if (!this.asking && this.shownTo !== null && now.name !== this.shownTo) this.around.reload();
  }

  private async read(): Promise<Session> {
    return bodyOf<Session>(await send(path));
  }

  /* What was loaded for one person isn't shown to another. */
  private enter(now: Session): void {
    if (this.shownTo && this.shownTo !== now.name) return this.around.reload();
    this.become(now);
    this.turn++;
    this.finish(true);
    for (const f of [...this.refused]) f();
  }

  private become(now: Session): void {
    this.session = now;
    this.shownTo = now.name;
    this.tell();
  }

  private finish(signedIn: boolean): void {
    this.asking = false;
    const all = [...this.waiting];
    this.waiting.clear();
    for (const answered of all) answered(signedIn);
    this.tell();
  }

  private tell(): void {
    for (const f of this.listeners) f();
  }
}

/* `session` null: not known, or nobody. A server without an auth file lets everybody do all. */
export function mayDo(right: string, required: boolean, session: Session | null): boolean {
  return !required || (session?.rights.some((r) => r === right || r === "admin") ?? false);
}

let others: BroadcastChannel | null = null;

export const access = new Access({
  reload: () => location.reload(),
  tellOthers: () => others?.postMessage("changed"), // without who: each asks the server
});

export function startAccess(): void {
  others = new BroadcastChannel("profefe.session");
  others.onmessage = () => void access.othersChanged().catch(() => undefined); // the next call says what is wrong
}
