// From decoded profiles to the tree that the flame graph draws: what the server does for stored ones, here for
// dropped files, with pprof's focus, ignore, hide, show and show_from.
import { Builder, type Frame, type Tables } from "../flame/builder";
import { packageOf, type Tree } from "../flame/tree";
import type { FilterSet, Granularity } from "../state";
import type { Profile } from "./reader";

export function sampleIndex(p: Profile, wanted: string): number {
  const find = (type: string) => p.sampleTypes.findIndex((t) => t.type === type);
  const at = wanted ? find(wanted) : -1;
  if (at >= 0) return at;
  const standard = p.defaultType ? find(p.defaultType) : -1;
  return standard >= 0 ? standard : p.sampleTypes.length - 1;
}

class Interner {
  readonly list: string[] = [];
  private readonly index = new Map<string, number>();
  id(text: string): number {
    let i = this.index.get(text);
    if (i === undefined) {
      i = this.list.push(text) - 1;
      this.index.set(text, i);
    }
    return i;
  }
}

interface Named extends Frame {
  key: number; // tells siblings apart
  text: string; // what filters look at: the function's name and file
}

/* Files of binaries with their build ids: one file of two builds is two entries. */
class Binaries {
  readonly files: string[] = [];
  readonly buildIds: string[] = [];
  private readonly places = new Interner();
  id(file: string, buildId: string): number {
    const i = this.places.id(JSON.stringify([file, buildId]));
    this.files[i] = file;
    this.buildIds[i] = buildId;
    return i;
  }
}

class Frames {
  readonly names = new Interner();
  readonly files = new Interner();
  readonly packages = new Interner();
  readonly binaries = new Binaries();
  private readonly keys = new Interner();
  private readonly alike: Named[][] = []; // by key

  constructor(private readonly by: Granularity) {}

  /* The frames of one location, innermost first. */
  of(p: Profile, index: number): Named[] {
    const location = p.locations[index]!;
    const mapping = location.mapping >= 0 ? p.mappings[location.mapping] : undefined;
    const binary = this.binaries.id(mapping?.file ?? "", mapping?.buildId ?? "");
    const address = location.address ? `0x${location.address.toString(16)}` : "";
    if (!location.lines.length) return [this.make(address || "(unknown)", "", 0, binary, address, 0)];
    return location.lines.map((line, i) => {
      const fn = p.functions[line.fn];
      const inlined = i < location.lines.length - 1 ? 1 : 0;
      return this.make(
        fn?.name || address || "(unknown)",
        fn?.file ?? "",
        line.line,
        binary,
        address,
        inlined,
      );
    });
  }

  private make(
    fn: string,
    file: string,
    line: number,
    binary: number,
    address: string,
    inlined: number,
  ): Named {
    const name =
      this.by === "files"
        ? file || fn
        : this.by === "lines" && line
          ? `${fn}:${line}`
          : this.by === "addresses" && address
            ? `${address} ${fn}`
            : fn;
    return this.agree({
      name: this.names.id(name),
      file: this.files.id(file),
      line: this.by === "files" ? 0 : line,
      binary,
      pkg: this.packages.id(packageOf(fn)),
      inlined,
      key: this.keys.id(name),
      text: `${fn}\n${file}`,
      ...(this.by === "addresses" && address ? { address } : {}),
    });
  }

  /* What stands in several builds is of none in particular. */
  private agree(frame: Named): Named {
    const { files, buildIds } = this.binaries;
    const alike = (this.alike[frame.key] ??= []);
    alike.push(frame);
    if (buildIds[alike[0]!.binary] === buildIds[frame.binary]) return frame;
    const mixed = buildIds[alike[0]!.binary] ? alike : [frame];
    for (const f of mixed) f.binary = this.binaries.id(files[f.binary]!, "");
    return frame;
  }

  tables(): Tables {
    return {
      names: this.names.list,
      files: this.files.list,
      packages: this.packages.list,
      binaries: this.binaries.files,
      buildIds: this.binaries.buildIds,
    };
  }
}

function regex(text: string): RegExp | null {
  if (!text) return null;
  try {
    return new RegExp(text);
  } catch {
    throw new Error(`"${text}" is not a regular expression`);
  }
}

/* The frames that remain of a stack (leaf first); null: the sample is not counted. */
function filterer(f: FilterSet): (stack: Named[]) => Named[] | null {
  const focus = regex(f.focus);
  const ignore = regex(f.ignore);
  const hide = regex(f.hide);
  const show = regex(f.show);
  const from = regex(f.showFrom);
  return (stack) => {
    if (focus && !stack.some((s) => focus.test(s.text))) return null;
    if (ignore && stack.some((s) => ignore.test(s.text))) return null;
    let rest = stack;
    if (from) {
      let top = rest.length - 1;
      while (top >= 0 && !from.test(rest[top]!.text)) top--;
      if (top < 0) return null;
      rest = rest.slice(0, top + 1);
    }
    if (hide) rest = rest.filter((s) => !hide.test(s.text));
    if (show) rest = rest.filter((s) => show.test(s.text));
    return rest;
  };
}

export interface Side {
  profile: Profile;
  sample: number; // index of the sample type
}

/* One tree of a profile, or of two beside each other. */
export function treeOf(
  side: Side,
  base: Side | null,
  filters: FilterSet,
  by: Granularity,
  normalize = false,
): Tree {
  const frames = new Frames(by);
  const root: Frame = {
    name: frames.names.id("root"),
    file: frames.files.id(""),
    line: 0,
    binary: frames.binaries.id("", ""),
    pkg: frames.packages.id(""),
  };
  const b = new Builder(frames.tables(), root, base !== null);
  const keep = filterer(filters);
  add(b, frames, keep, side, 1, 0);
  if (base) add(b, frames, keep, base, 0, normalize ? sumOf(side) / (sumOf(base) || 1) : 1);
  return b.finish();
}

function sumOf(side: Side): number {
  return side.profile.samples.reduce((n, s) => n + (s.values[side.sample] ?? 0), 0);
}

function add(
  b: Builder,
  frames: Frames,
  keep: (stack: Named[]) => Named[] | null,
  side: Side,
  here: number,
  there: number,
): void {
  const p = side.profile;
  const made = new Map<number, Named[]>();
  const framesOf = (i: number) => {
    let list = made.get(i);
    if (!list) {
      list = frames.of(p, i);
      made.set(i, list);
    }
    return list;
  };
  for (const s of p.samples) {
    const value = s.values[side.sample] ?? 0;
    if (!value) continue;
    const stack = keep(s.stack.flatMap(framesOf));
    if (!stack) continue;
    let at = 0;
    b.total(0, value * here, value * there);
    for (let k = stack.length - 1; k >= 0; k--) {
      const frame = stack[k]!;
      at = b.child(at, frame.key, () => frame);
      b.total(at, value * here, value * there);
    }
    b.self(at, value * here, value * there);
  }
}
