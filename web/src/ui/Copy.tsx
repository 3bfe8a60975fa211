// A line to copy, with its button.
import { useState } from "preact/hooks";
import { useTokens } from "../context";

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // plain http on another host has no clipboard API: the old way
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function CopyLine({ text, label }: { text: string; label: string }) {
  const [done, set] = useState(false);
  return (
    <div class="copy-line">
      <code>{text}</code>
      <button
        type="button"
        aria-label={`Copy ${label}`}
        onClick={async () => {
          set(await copy(text));
          setTimeout(() => set(false), 1500);
        }}
      >
        {done ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

/* Under lines with a token in them. */
export function TokenNote() {
  if (!useTokens()) return null;
  return <p class="faint token-note">Put your token in $TOKEN first.</p>;
}
