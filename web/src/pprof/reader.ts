// Reads pprof files (profile.proto, gzipped or not) that are dropped on the page: a protobuf walk without
// dependencies. Numbers are doubles: exact up to 2^53, which is 104 days in nanoseconds.

export interface Line {
  fn: number; // index of the function, -1: none
  line: number;
}

export interface Location {
  mapping: number; // index, -1: none
  address: bigint;
  lines: Line[];
}

export interface Sample {
  stack: number[]; // indexes of locations, leaf first
  values: number[];
}

export interface Profile {
  sampleTypes: { type: string; unit: string }[];
  defaultType: string;
  samples: Sample[];
  locations: Location[];
  functions: { name: string; file: string; startLine: number }[];
  mappings: { file: string; buildId: string }[];
  timeNanos: number;
  durationNanos: number;
}

class Reader {
  private at = 0;
  constructor(private readonly b: Uint8Array) {}

  get done(): boolean {
    return this.at >= this.b.length;
  }

  private byte(): number {
    if (this.at >= this.b.length) throw new Error("the file is cut off");
    return this.b[this.at++]!;
  }

  /* An unsigned varint as a double; the upper half counted apart, since bit operations have 32 bits. */
  private halves(): { low: number; high: number } {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const b = this.byte();
      const bits = b & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= bits << 31;
      if (b < 0x80) return { low: low >>> 0, high: high >>> 0 };
    }
    throw new Error("a number has more than ten bytes");
  }

  uint(): number {
    const { low, high } = this.halves();
    return high * 0x100000000 + low;
  }

  int(): number {
    const { low, high } = this.halves();
    return (high | 0) * 0x100000000 + low;
  }

  big(): bigint {
    const { low, high } = this.halves();
    return (BigInt(high) << 32n) | BigInt(low);
  }

  bytes(): Uint8Array {
    const n = this.uint();
    if (n > this.b.length - this.at) throw new Error("the file is cut off");
    this.at += n;
    return this.b.subarray(this.at - n, this.at);
  }

  /* Every field in turn; `take` reads the ones it knows and returns true. */
  fields(take: (field: number, wire: number) => boolean): void {
    while (!this.done) {
      const key = this.uint();
      const wire = key & 7;
      if (take(Math.floor(key / 8), wire)) continue;
      if (wire === 0) this.uint();
      else if (wire === 1) this.skip(8);
      else if (wire === 2) this.bytes();
      else if (wire === 5) this.skip(4);
      else throw new Error("this is not a pprof profile");
    }
  }

  private skip(n: number): void {
    if (n > this.b.length - this.at) throw new Error("the file is cut off");
    this.at += n;
  }

  /* A repeated number, packed or one by one. */
  numbers(wire: number, into: number[], signed: boolean): true {
    if (wire === 0) into.push(signed ? this.int() : this.uint());
    else {
      const packed = new Reader(this.bytes());
      while (!packed.done) into.push(signed ? packed.int() : packed.uint());
    }
    return true;
  }
}

interface Raw {
  sampleTypes: { type: number; unit: number }[];
  samples: { stack: number[]; values: number[] }[];
  mappings: { id: number; file: number; buildId: number }[];
  locations: { id: number; mapping: number; address: bigint; lines: { fn: number; line: number }[] }[];
  functions: { id: number; name: number; file: number; startLine: number }[];
  strings: string[];
  timeNanos: number;
  durationNanos: number;
  defaultType: number;
}

/* Sets the named number fields of a message. */
function numberFields<T extends Record<string, number>>(
  r: Reader,
  fields: Record<number, keyof T>,
  into: T,
): T {
  r.fields((field, wire) => {
    const name = fields[field];
    if (name === undefined || wire !== 0) return false;
    into[name] = r.int() as T[keyof T];
    return true;
  });
  return into;
}

function readLocation(b: Uint8Array): Raw["locations"][number] {
  const location: Raw["locations"][number] = { id: 0, mapping: 0, address: 0n, lines: [] };
  const r = new Reader(b);
  r.fields((field, wire) => {
    if (field === 1 && wire === 0) location.id = r.uint();
    else if (field === 2 && wire === 0) location.mapping = r.uint();
    else if (field === 3 && wire === 0) location.address = r.big();
    else if (field === 4 && wire === 2)
      location.lines.push(numberFields(new Reader(r.bytes()), { 1: "fn", 2: "line" }, { fn: 0, line: 0 }));
    else return false;
    return true;
  });
  return location;
}

function readSample(b: Uint8Array): Raw["samples"][number] {
  const sample: Raw["samples"][number] = { stack: [], values: [] };
  const r = new Reader(b);
  r.fields((field, wire) => {
    if (field === 1) return r.numbers(wire, sample.stack, false);
    if (field === 2) return r.numbers(wire, sample.values, true);
    return false;
  });
  return sample;
}

function readRaw(b: Uint8Array): Raw {
  const raw: Raw = {
    sampleTypes: [],
    samples: [],
    mappings: [],
    locations: [],
    functions: [],
    strings: [],
    timeNanos: 0,
    durationNanos: 0,
    defaultType: 0,
  };
  const utf8 = new TextDecoder();
  const r = new Reader(b);
  r.fields((field, wire) => {
    if (wire === 0) {
      if (field === 9) raw.timeNanos = r.int();
      else if (field === 10) raw.durationNanos = r.int();
      else if (field === 14) raw.defaultType = r.int();
      else return false;
      return true;
    }
    if (wire !== 2) return false;
    if (field === 1)
      raw.sampleTypes.push(
        numberFields(new Reader(r.bytes()), { 1: "type", 2: "unit" }, { type: 0, unit: 0 }),
      );
    else if (field === 2) raw.samples.push(readSample(r.bytes()));
    else if (field === 3)
      raw.mappings.push(
        numberFields(
          new Reader(r.bytes()),
          { 1: "id", 5: "file", 6: "buildId" },
          { id: 0, file: 0, buildId: 0 },
        ),
      );
    else if (field === 4) raw.locations.push(readLocation(r.bytes()));
    else if (field === 5)
      raw.functions.push(
        numberFields(
          new Reader(r.bytes()),
          { 1: "id", 2: "name", 4: "file", 5: "startLine" },
          { id: 0, name: 0, file: 0, startLine: 0 },
        ),
      );
    else if (field === 6) raw.strings.push(utf8.decode(r.bytes()));
    else return false;
    return true;
  });
  return raw;
}

function indexById(list: { id: number }[]): (id: number) => number {
  const places = new Map(list.map((entry, i) => [entry.id, i]));
  return (id) => places.get(id) ?? -1;
}

/* Decodes an inflated profile. Throws an Error that says what is wrong with it. */
export function decode(b: Uint8Array): Profile {
  const raw = readRaw(b);
  if (!raw.sampleTypes.length || !raw.strings.length) throw new Error("this is not a pprof profile");
  const text = (i: number) => raw.strings[i] ?? "";
  const mapping = indexById(raw.mappings);
  const fn = indexById(raw.functions);
  const location = indexById(raw.locations);
  return {
    sampleTypes: raw.sampleTypes.map((t) => ({ type: text(t.type), unit: text(t.unit) })),
    defaultType: text(raw.defaultType),
    samples: raw.samples.map((s) => ({
      stack: s.stack.map(location).filter((i) => i >= 0),
      values: s.values,
    })),
    locations: raw.locations.map((l) => ({
      mapping: mapping(l.mapping),
      address: l.address,
      lines: l.lines.map((line) => ({ fn: fn(line.fn), line: line.line })),
    })),
    functions: raw.functions.map((f) => ({ name: text(f.name), file: text(f.file), startLine: f.startLine })),
    mappings: raw.mappings.map((m) => ({ file: text(m.file), buildId: text(m.buildId) })),
    timeNanos: raw.timeNanos,
    durationNanos: raw.durationNanos,
  };
}

const inflatedMax = 512 * 1024 * 1024;

/* A file's bytes, gunzipped where they are gzip. */
export async function inflate(b: Uint8Array): Promise<Uint8Array> {
  if (b[0] !== 0x1f || b[1] !== 0x8b) return b;
  const stream = new Blob([b as BlobPart]).stream().pipeThrough(new DecompressionStream("gzip"));
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > inflatedMax) throw new Error("the file inflates to more than 512 MiB");
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
