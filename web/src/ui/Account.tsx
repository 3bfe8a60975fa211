// Who is signed in, what they may do, and the way out. Nothing of it where the server has no auth file.
import { useState } from "preact/hooks";
import { access, type Session } from "../access";
import { useAccess, useTokens } from "../context";
import { Popover } from "./Popover";

export function Account() {
  const required = useTokens();
  const { session, asking } = useAccess();
  if (!required || asking || !session) return null;
  if (!session.name)
    return (
      <button type="button" onClick={() => void access.ask()}>
        Sign in
      </button>
    );
  const name = session.name.slice(0, 100);
  return (
    <Popover label={<bdi class="account">{name}</bdi>} title={`Signed in as ${name}`} class="right">
      {() => <Contents session={session} />}
    </Popover>
  );
}

const most = 20; // services that are listed

function Contents({ session }: { session: Session }) {
  const [problem, setProblem] = useState("");
  const services = session.services ?? ["all"];
  const rows: [string, string][] = [
    ["Signed in as", session.name.slice(0, 100)],
    ["Rights", session.rights.join(", ")],
    ["Services", services.slice(0, most).join(", ") + (services.length > most ? ", …" : "")],
  ];
  const leave = () =>
    access.signOut().catch((e: unknown) => setProblem(e instanceof Error ? e.message : String(e)));
  return (
    <>
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
      {problem && (
        <p class="bad" role="alert">
          <bdi>{problem}</bdi>
        </p>
      )}
      {session.signed_in && (
        <p class="row">
          <button type="button" onClick={() => void leave()}>
            Sign out
          </button>
        </p>
      )}
    </>
  );
}
