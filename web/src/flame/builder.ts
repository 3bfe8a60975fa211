// Makes trees from paths: a node for each (parent, name), values added up, then the columns in order.
import type { Tree } from "./tree";

/* Where a node takes its looks from: a frame of another tree, or parts of its own. */
export interface Frame {
  name: number;
  file: number;
  line: number;
  binary: number;
  pkg: number;
  address?: string;
  inlined?: number;
  folded?: number;
}

export interface Tables {
  names: string[];
  files: string[];
  packages: string[];
  binaries: string[];
  buildIds: string[];
}

export class Builder {
  private readonly index = new Map<number, number>();
  private readonly frames: Frame[] = [];
  private readonly parents: number[] = [];
  private readonly selfs: number[] = [];
  private readonly totals: number[] = [];
  private readonly baseSelfs: number[] = [];
  private readonly baseTotals: number[] = [];

  constructor(
    private readonly tables: Tables,
    root: Frame,
    private readonly hasBase: boolean,
  ) {
    this.add(-1, root);
  }

  private add(parent: number, frame: Frame): number {
    this.frames.push(frame);
    this.selfs.push(0);
    this.totals.push(0);
    this.baseSelfs.push(0);
    this.baseTotals.push(0);
    return this.parents.push(parent) - 1;
  }

  get size(): number {
    return this.frames.length;
  }

  /* The child of `parent` for `frame`; `key` tells siblings apart and is below 2^26. */
  child(parent: number, key: number, frame: () => Frame): number {
    const k = parent * 0x4000000 + key;
    let i = this.index.get(k);
    if (i === undefined) {
      i = this.add(parent, frame());
      this.index.set(k, i);
    }
    return i;
  }

  total(i: number, value: number, base: number): void {
    this.totals[i]! += value;
    this.baseTotals[i]! += base;
  }

  self(i: number, value: number, base: number): void {
    this.selfs[i]! += value;
    this.baseSelfs[i]! += base;
  }

  finish(): Tree {
    const n = this.frames.length;
    const names = this.tables.names;
    const kids: number[][] = Array.from({ length: n }, () => []);
    for (let i = 1; i < n; i++) kids[this.parents[i]!]!.push(i);
    const weight = (i: number) => Math.abs(this.totals[i]!) + Math.abs(this.baseTotals[i]!);
    const order: number[] = [0];
    const place = new Int32Array(n);
    for (let at = 0; at < order.length; at++) {
      place[order[at]!] = at;
      const list = kids[order[at]!]!;
      list.sort((a, b) => {
        const d = weight(b) - weight(a);
        if (d) return d;
        const x = names[this.frames[a]!.name]!;
        const y = names[this.frames[b]!.name]!;
        return x < y ? -1 : x > y ? 1 : 0;
      });
      for (const i of list) order.push(i);
    }
    const ints = (f: (i: number) => number) => Int32Array.from(order, f);
    const floats = (list: number[]) => Float64Array.from(order, (i) => list[i]!);
    const frames = this.frames;
    const addresses = frames.some((f) => f.address);
    return {
      ...this.tables,
      n,
      parent: ints((i) => (i ? place[this.parents[i]!]! : 0)),
      name: ints((i) => frames[i]!.name),
      file: ints((i) => frames[i]!.file),
      line: ints((i) => frames[i]!.line),
      binary: ints((i) => frames[i]!.binary),
      pkg: ints((i) => frames[i]!.pkg),
      address: addresses ? order.map((i) => frames[i]!.address ?? "") : null,
      self: floats(this.selfs),
      total: floats(this.totals),
      baseSelf: this.hasBase ? floats(this.baseSelfs) : null,
      baseTotal: this.hasBase ? floats(this.baseTotals) : null,
      inlined: Uint8Array.from(order, (i) => frames[i]!.inlined ?? 0),
      folded: ints((i) => frames[i]!.folded ?? 0),
    };
  }
}

/* Frame i of a tree, to be used in another with the same tables. */
export function frameOf(t: Tree, i: number): Frame {
  const frame: Frame = {
    name: t.name[i]!,
    file: t.file[i]!,
    line: t.line[i]!,
    binary: t.binary[i]!,
    pkg: t.pkg[i]!,
    inlined: t.inlined[i]!,
    folded: t.folded[i]!,
  };
  if (t.address?.[i]) frame.address = t.address[i]!;
  return frame;
}
