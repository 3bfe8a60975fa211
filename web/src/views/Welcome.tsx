// An empty store: how the first profile gets in, with a line to copy that works.
import { pushCommand } from "../commands";
import { useTokens } from "../context";
import { CopyLine, TokenNote } from "../ui/Copy";

export function Welcome({ onRefresh }: { onRefresh: () => void }) {
  const tokens = useTokens();
  const here = new URL("api/0/profiles", location.href).href.replace(/\?.*$/, "");
  const push = (query: string, file: string) => pushCommand(`${here}?${query}`, file, tokens);
  const fetched = `curl -s 'http://localhost:6060/debug/pprof/heap' | ${push("service=my-service&type=heap", "-")}`;
  const file = push("service=my-service&type=cpu&labels=version=1.0,host=web-1", "cpu.pb.gz");
  const own = `curl -s '${here.replace(/api\/0\/profiles$/, "")}healthz'`;
  return (
    <div class="welcome">
      <h1>No profiles yet</h1>
      <p>This server keeps pprof profiles. Send it the first one, and it shows up here.</p>
      <h2>A file that you have</h2>
      <CopyLine text={file} label="the line that sends a file" />
      <h2>From a running Go program with net/http/pprof</h2>
      <CopyLine text={fetched} label="the line that sends a heap profile" />
      <TokenNote />
      <p class="faint">
        Or drop a pprof file on this page to look at it without storing it. To see whether the server is well:{" "}
        <code>{own}</code>
      </p>
      <button type="button" class="primary" onClick={onRefresh}>
        Look again
      </button>
    </div>
  );
}
