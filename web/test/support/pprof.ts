// Writes pprof files for the tests: from stacks of names, as the tests think of them.
import { gzipSync } from "node:zlib";

export interface TestProfile {
  types?: [string, string][]; // type, unit; default cpu in nanoseconds
  samples: { stack: string[]; values: number[] }[]; // root first, as folded stacks are written
  timeNanos?: bigint;
  durationNanos?: bigint;
  file?: (name: string) => string;
  buildId?: string;
  defaultType?: string;
}

class Writer {
  private readonly parts: Uint8Array[] = [];

  varint(value: bigint | number): this {
    let v = BigInt.asUintN(64, BigInt(value));
    const out: number[] = [];
    while (v > 127n) {
      out.push(Number(v & 127n) | 128);
      v >>= 7n;
    }
    out.push(Number(v));
    this.parts.push(Uint8Array.from(out));
    return this;
  }

  number(field: number, value: bigint | number): this {
    return BigInt(value) === 0n ? this : this.varint(field * 8).varint(value);
  }

  bytes(field: number, b: Uint8Array): this {
    this.varint(field * 8 + 2).varint(b.length);
    this.parts.push(b);
    return this;
  }

  message(field: number, fill: (w: Writer) => void): this {
    const w = new Writer();
    fill(w);
    return this.bytes(field, w.done());
  }

  packed(field: number, values: (bigint | number)[]): this {
    const w = new Writer();
    for (const v of values) w.varint(v);
    return this.bytes(field, w.done());
  }

  done(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}

/* The uncompressed bytes. */
export function encode(p: TestProfile): Uint8Array {
  const strings = [""];
  const index = new Map([["", 0]]);
  const text = (s: string) => {
    let i = index.get(s);
    if (i === undefined) {
      i = strings.push(s) - 1;
      index.set(s, i);
    }
    return i;
  };
  const functions: string[] = [];
  const ids = new Map<string, number>();
  const id = (name: string) => {
    let i = ids.get(name);
    if (i === undefined) {
      i = functions.push(name);
      ids.set(name, i);
    }
    return i;
  };
  const w = new Writer();
  for (const [type, unit] of p.types ?? [["cpu", "nanoseconds"]])
    w.message(1, (m) => m.number(1, text(type)).number(2, text(unit)));
  for (const s of p.samples)
    w.message(2, (m) => m.packed(1, [...s.stack].reverse().map(id)).packed(2, s.values));
  w.message(3, (m) =>
    m
      .number(1, 1)
      .number(2, 0x1000)
      .number(3, 0x900000)
      .number(5, text("/bin/test"))
      .number(6, text(p.buildId ?? "")),
  );
  functions.forEach((name, i) => {
    w.message(4, (m) =>
      m
        .number(1, i + 1)
        .number(2, 1)
        .number(3, 0x2000 + i * 16)
        .message(4, (l) => l.number(1, i + 1).number(2, i + 10)),
    );
    const file = p.file?.(name) ?? "/src/test.go";
    w.message(5, (m) =>
      m
        .number(1, i + 1)
        .number(2, text(name))
        .number(3, text(name))
        .number(4, text(file)),
    );
  });
  w.number(9, p.timeNanos ?? 0n)
    .number(10, p.durationNanos ?? 1_000_000_000n)
    .number(12, 10_000_000)
    .number(14, text(p.defaultType ?? ""));
  for (const s of strings) w.bytes(6, Buffer.from(s));
  return w.done();
}

export function gzipped(p: TestProfile): Uint8Array {
  return gzipSync(encode(p));
}
