// Keys that work everywhere on the page, as long as nobody is typing.
import { fresh } from "./state";
import { update } from "./store";
import { isDark, setTheme } from "./theme";

const forFlame = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "+", "-", "Enter"]);

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable)
  );
}

/* Keys that nothing else wants go to the flame graph: those pressed while nothing has the focus, or a button
 * that does nothing with them. */
function handToFlame(e: KeyboardEvent): void {
  const flame = document.querySelector<HTMLElement>(".flame-scroll");
  const at = document.activeElement;
  const idle =
    at === document.body || (e.key !== "Enter" && at?.matches(".toolbar button, .query button, nav a"));
  if (!flame || !idle) return;
  e.preventDefault();
  flame.focus();
  flame.dispatchEvent(new KeyboardEvent("keydown", { key: e.key, bubbles: true, cancelable: true }));
}

export function startKeys(onHelp: () => void): () => void {
  const onKey = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || isTyping(e.target) || e.defaultPrevented) return;
    if (document.querySelector("dialog.sign-in")) return; // the view behind the form stays as it is
    if (e.key === "/") dispatchEvent(new Event("profefe-search"));
    else if (e.key === "?") onHelp();
    else if (e.key === "0") update({ ...fresh });
    else if (e.key === "1") update({ view: "explore" });
    else if (e.key === "2") update({ view: "compare" });
    else if (e.key === "3") update({ view: "profiles" });
    else if (e.key === "t") setTheme(isDark() ? "light" : "dark");
    else if (forFlame.has(e.key)) {
      handToFlame(e);
      return;
    } else return;
    e.preventDefault();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
