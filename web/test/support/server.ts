// The real server, on a port that the kernel gives, with a directory of its own; and what the tests push to it.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { gzipped, type TestProfile } from "./pprof";

const web = process.env.PROFEFE_WEB ?? process.cwd();
const build = process.env.PROFEFE_BUILD ?? join(web, "../build");

export interface Token {
  name: string;
  secret: string;
  rights: string[];
  services?: string[];
}

/* A file for -auth.file. It comes into its place whole, as it should. */
export class AuthFile {
  private readonly dir = mkdtempSync(join(tmpdir(), "profefe-web-auth-"));
  readonly path = join(this.dir, "auth.yaml");
  private proxy = "";

  constructor(...tokens: Token[]) {
    this.write(...tokens);
  }

  /* From now on also those whom a proxy names in this header may query. */
  trustProxy(header: string): void {
    this.proxy = `proxy_login:\n  user_header: ${header}\n  rights: ["query"]\n`;
  }

  write(...tokens: Token[]): void {
    const entry = (t: Token) =>
      `  - name: ${JSON.stringify(t.name)}\n` +
      `    hash: "${createHash("sha256").update(t.secret).digest("hex")}"\n` +
      `    rights: ${JSON.stringify(t.rights)}\n` +
      (t.services ? `    services: ${JSON.stringify(t.services)}\n` : "");
    writeFileSync(`${this.path}.new`, `tokens:\n${tokens.map(entry).join("")}${this.proxy}`, { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

export class Server {
  token = ""; // that pushes have

  private constructor(
    readonly origin: string,
    private readonly child: ChildProcess,
    private readonly dir: string,
  ) {}

  static async start(...flags: string[]): Promise<Server> {
    const dir = mkdtempSync(join(tmpdir(), "profefe-web-"));
    const args = ["-addr=127.0.0.1:0", `-local.dir=${dir}/data`, "-log.access=false", ...flags];
    const child = spawn(join(build, "profefe"), args, { stdio: ["ignore", "ignore", "pipe"] });
    const lines = createInterface({ input: child.stderr });
    const said: string[] = [];
    for await (const line of lines) {
      said.push(line);
      const address = /server is running.* addr=(\S+)/.exec(line)?.[1];
      if (address) {
        child.stderr.resume();
        return new Server(`http://${address}`, child, dir);
      }
    }
    throw new Error(`the server did not start: ${said.join("\n")}`);
  }

  async stop(): Promise<void> {
    const gone = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGTERM");
    await gone;
    rmSync(this.dir, { recursive: true, force: true });
  }

  async push(service: string, type: string, labels: string, body: Uint8Array): Promise<string> {
    const q = new URLSearchParams({ service, type, labels });
    const answer = await fetch(`${this.origin}/api/0/profiles?${q}`, {
      method: "POST",
      headers: this.token ? { Authorization: `Bearer ${this.token}` } : {},
      body: body as BodyInit,
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`push: ${answer.status} ${text}`);
    return (JSON.parse(text) as { body: { id: string } }).body.id;
  }

  /* Has the auth file read again, and waits until a call with the token is answered so. */
  async untilTokenGets(secret: string, status: number): Promise<void> {
    this.child.kill("SIGHUP");
    const headers = { Authorization: `Bearer ${secret}` };
    for (const end = Date.now() + 20_000; Date.now() < end; await new Promise((f) => setTimeout(f, 50)))
      if ((await fetch(`${this.origin}/api/0/services`, { headers })).status === status) return;
    throw new Error(`the token never got a ${status}`);
  }

  /* A profile of the test's own, taken `ago` seconds before now. */
  pushMade(service: string, labels: string, ago: number, p: TestProfile, type = "cpu"): Promise<string> {
    const timeNanos = BigInt(Math.round((Date.now() / 1000 - ago) * 1000)) * 1_000_000n;
    return this.push(service, type, labels, gzipped({ ...p, timeNanos }));
  }
}

/* Real profiles of the Go program under tests/fixtures: type -> bytes. */
export function goProfiles(): Map<string, Uint8Array> {
  const dir = mkdtempSync(join(tmpdir(), "profefe-web-go-"));
  const program = join(dir, "workload");
  execFileSync("go", ["build", "-o", program, "."], { cwd: join(web, "../tests/fixtures/go") });
  execFileSync(program, [join(dir, "out")]);
  const types = ["cpu", "heap", "mutex", "block", "goroutine"].filter((t) => existsSync(join(dir, "out", t)));
  const made = new Map(types.map((t) => [t, new Uint8Array(readFileSync(join(dir, "out", t)))]));
  rmSync(dir, { recursive: true, force: true });
  return made;
}
