// The whole page takes dropped pprof files; a button does the same for the keyboard.
import { useEffect, useRef, useState } from "preact/hooks";
import { take } from "../dropped";
import { current } from "../store";

/* On Compare a file is what the stored profiles of the later side are held against. */
function compares(): boolean {
  const s = current();
  return s.view === "compare" && s.service !== "" && s.type !== "" && s.type !== "trace";
}

export function DropZone() {
  const [over, set] = useState(false);
  useEffect(() => {
    const hasFiles = (e: DragEvent) => e.dataTransfer?.types.includes("Files") === true;
    const onOver = (e: DragEvent) => {
      if (!hasFiles(e)) return;
      e.preventDefault();
      set(true);
    };
    const onLeave = (e: DragEvent) => {
      if (!e.relatedTarget) set(false);
    };
    const onDrop = (e: DragEvent) => {
      if (!hasFiles(e)) return;
      e.preventDefault();
      set(false);
      const file = e.dataTransfer?.files[0];
      if (file) void take(file, compares());
    };
    addEventListener("dragover", onOver);
    addEventListener("dragleave", onLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onOver);
      removeEventListener("dragleave", onLeave);
      removeEventListener("drop", onDrop);
    };
  }, []);
  if (!over) return null;
  return (
    <div class="drop">
      {compares()
        ? "Drop a pprof file to compare it with what is stored. It is stored nowhere."
        : "Drop a pprof file to look at it. It is stored nowhere."}
    </div>
  );
}

export function OpenFile() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        title="Look at a pprof file without storing it"
        onClick={() => input.current?.click()}
      >
        Open file
      </button>
      <input
        ref={input}
        type="file"
        class="unseen"
        tabIndex={-1}
        aria-hidden="true"
        onChange={(e) => {
          const file = e.currentTarget.files?.[0];
          if (file) void take(file, compares());
          e.currentTarget.value = "";
        }}
      />
    </>
  );
}
