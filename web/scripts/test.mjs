// Bundles the tests of a folder and runs them with Node's own runner:
//
//     node scripts/test.mjs unit|e2e
//
// The bundles lie in node_modules, where they find playwright-core.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const [suite = "unit"] = process.argv.slice(2);
const out = join(web, "node_modules", `.test-${suite}`);
const folder = join(web, "test", suite);
const sources = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));

await build({
  absWorkingDir: web,
  entryPoints: sources.map((name) => join(folder, name)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: ["node18"],
  external: ["playwright-core"],
  banner: {
    js: 'import { createRequire as _cr } from "node:module"; const require = _cr(import.meta.url);',
  },
  sourcemap: "inline",
  logLevel: "warning",
});

const files = sources.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], {
  stdio: "inherit",
  env: { ...process.env, PROFEFE_WEB: web },
});
process.exit(run.status ?? 1);
