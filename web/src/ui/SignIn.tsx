// The form that asks for a token, over whatever was on the page. The token is in the field until the server has
// answered, and nowhere else.
import { useEffect, useRef, useState } from "preact/hooks";
import { access } from "../access";
import { ApiError } from "../http";

export function SignIn() {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    field.current!.focus();
    return () => element.close(); // gives the focus back
  }, []);
  const send = async () => {
    const input = field.current!;
    if (busy) return;
    setBusy(true);
    setProblem("");
    try {
      await access.signIn(input.value.trim());
      input.value = "";
    } catch (e) {
      setProblem(e instanceof Error ? e.message : String(e));
      // Only a token that nobody has looked at is worth sending again
      if (e instanceof ApiError && e.status >= 400 && e.status < 429) input.value = "";
      input.focus();
    }
    setBusy(false);
  };
  return (
    <dialog
      ref={dialog}
      class="sign-in"
      aria-labelledby="sign-in-title"
      aria-describedby="sign-in-why"
      onCancel={(e) => {
        e.preventDefault();
        access.cancel();
      }}
    >
      <form
        aria-busy={busy}
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <h2 id="sign-in-title">Sign in</h2>
        {access.former && (
          <p id="sign-in-why">
            The session of <bdi>{access.former.slice(0, 100)}</bdi> has ended.
          </p>
        )}
        <label for="sign-in-token">Token</label>
        <input
          id="sign-in-token"
          ref={field}
          type="password"
          autocomplete="current-password"
          autocapitalize="off"
          spellcheck={false}
          required
          aria-invalid={problem !== ""}
          aria-describedby="sign-in-problem sign-in-note"
        />
        <p id="sign-in-problem" class="bad" role="alert">
          <bdi>{problem.slice(0, 300)}</bdi>
        </p>
        <p id="sign-in-note" class="faint">
          {isSecureContext
            ? "This page doesn't keep the token."
            : "This connection is not encrypted: others on the network can read the token."}
        </p>
        <p class="row">
          <button type="submit" class="primary">
            {busy ? "Signing in…" : "Sign in"}
          </button>
          <button type="button" onClick={() => access.cancel()}>
            Cancel
          </button>
        </p>
      </form>
    </dialog>
  );
}
