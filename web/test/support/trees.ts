// Trees for tests, from folded stacks: "a;b;c 3".
import { encode } from "./pprof";
import { decode } from "../../src/pprof/reader";
import { treeOf } from "../../src/pprof/totree";
import { unfiltered } from "../../src/state";
import { path, type Tree } from "../../src/flame/tree";

function samples(folded: string[]) {
  return folded.map((line) => {
    const space = line.lastIndexOf(" ");
    return { stack: line.slice(0, space).split(";"), values: [Number(line.slice(space + 1))] };
  });
}

export function profile(...folded: string[]) {
  return decode(encode({ samples: samples(folded) }));
}

export function tree(...folded: string[]): Tree {
  return treeOf({ profile: profile(...folded), sample: 0 }, null, unfiltered, "functions");
}

/* A tree as text, to compare: "a;b total self". */
export function dump(t: Tree): string[] {
  const lines: string[] = [];
  for (let i = 1; i < t.n; i++) lines.push(`${path(t, i).join(";")} ${t.total[i]} ${t.self[i]}`);
  return lines;
}
