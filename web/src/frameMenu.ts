// What the right click on a frame or a row offers.
import { escaped, literal } from "./flame/search";
import { path, type Tree } from "./flame/tree";
import { placeOf } from "./flame/details";
import { fresh, type State } from "./state";
import { update } from "./store";
import { copy } from "./ui/Copy";
import type { TopRow } from "./types";
import type { MenuItem } from "./ui/Menu";

/* A regular expression that means exactly this name. */
export function exactly(name: string): string {
  return `^${escaped(name)}$`;
}

function add(before: string, name: string): string {
  return before ? `${before}|${exactly(name)}` : exactly(name);
}

function ways(name: string, s: State): MenuItem[] {
  const change = (c: Partial<State>) => () => update({ ...fresh, ...c });
  return [
    {
      label: "Callers and callees",
      run: change({ mode: "sandwich", fn: name, view: s.view === "function" ? "explore" : s.view }),
    },
    ...(s.by === "files"
      ? []
      : [{ label: "This function over time", run: change({ view: "function", fn: name }) }]),
    { label: "Focus", hint: "only stacks with it", run: change({ focus: exactly(name) }), apart: true },
    { label: "Ignore", hint: "stacks without it", run: change({ ignore: add(s.ignore, name) }) },
    { label: "Hide", hint: "take the frame out", run: change({ hide: add(s.hide, name) }) },
    { label: "Show from", hint: "it and what it calls", run: change({ showFrom: exactly(name) }) },
    { label: "Search", hint: "mark it everywhere", run: () => update({ search: literal(name) }) },
  ];
}

function link(label: string, url: string | null): MenuItem[] {
  return url ? [{ label, run: () => void open(url, "_blank", "noopener,noreferrer"), apart: true }] : [];
}

function copyPlace(place: string, line: number): MenuItem[] {
  const label = line ? "Copy file:line" : "Copy file";
  return place ? [{ label, hint: place, run: () => void copy(place) }] : [];
}

export type Link = (file: string, line: number) => string | null;

export function menuOfNode(t: Tree, i: number, s: State, sourceLink: Link): MenuItem[] {
  const name = t.names[t.name[i]!]!;
  const place = placeOf(t, i);
  const binary = t.binaries[t.binary[i]!] ?? "";
  const buildId = t.buildIds[t.binary[i]!] ?? "";
  const address = t.address?.[i] ?? "";
  return [
    ...ways(name, s),
    ...link("Open the source", sourceLink(t.files[t.file[i]!] ?? "", t.line[i]!)),
    { label: "Copy name", run: () => void copy(name), apart: true },
    { label: "Copy stack", run: () => void copy(path(t, i).join("\n")) },
    ...copyPlace(place, t.line[i]!),
    ...addressItem(address, s),
    ...(binary ? [{ label: "Copy binary", hint: binary, run: () => void copy(binary) }] : []),
    ...(buildId ? [{ label: "Copy build id", hint: buildId, run: () => void copy(buildId) }] : []),
  ];
}

/* A frame has one address only where addresses are what tells frames apart. */
function addressItem(address: string, s: State): MenuItem[] {
  if (address) return [{ label: "Copy address", hint: address, run: () => void copy(address) }];
  if (s.by === "addresses") return [];
  const view = s.view === "function" ? "explore" : s.view;
  return [
    {
      label: "Show addresses",
      hint: "a frame each",
      run: () => update({ by: "addresses", view, ...fresh }),
    },
  ];
}

export function menuOfRow(row: TopRow, s: State, sourceLink: Link): MenuItem[] {
  const { name, file, line } = row;
  const place = file && line ? `${file}:${line}` : file;
  return [
    ...ways(name, s),
    ...link("Open the source", sourceLink(file, line)),
    { label: "Copy name", run: () => void copy(name), apart: true },
    ...copyPlace(place, line),
    ...addressItem(row.address ?? "", s),
  ];
}
