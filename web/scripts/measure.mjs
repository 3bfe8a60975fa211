// Measures the page's goals and prints them as a table:
//
//     PROFEFE_BUILD=../build node scripts/measure.mjs
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(web, "node_modules", ".measure", "main.mjs");

await build({
  absWorkingDir: web,
  entryPoints: ["test/measure/main.ts"],
  outfile: out,
  bundle: true,
  platform: "node",
  format: "esm",
  target: ["node18"],
  external: ["playwright-core"],
  banner: {
    js: 'import { createRequire as _cr } from "node:module"; const require = _cr(import.meta.url);',
  },
  logLevel: "warning",
});
const run = spawnSync(process.execPath, [out], {
  stdio: "inherit",
  env: { ...process.env, PROFEFE_WEB: web },
});
process.exit(run.status ?? 1);
