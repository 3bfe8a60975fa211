// Builds the page: bundles src/ with esbuild, adds speedscope's release, gzips every file, and writes one blob
// (web_assets.bin) with a table of its files as C (web_assets.c; src/server/api/web.h tells the shape).
//
//     node scripts/build.mjs <directory for the output>
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const web = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = resolve(process.argv[2] ?? join(web, "../build/web"));
const limit = 150 * 1024; // bytes of the page gzipped, without speedscope

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};

async function page() {
  const result = await build({
    absWorkingDir: web,
    entryPoints: { app: "src/main.tsx" },
    entryNames: "assets/[name]-[hash]",
    assetNames: "assets/[name]-[hash]",
    outdir: out,
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: ["es2022"],
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".svg": "file" },
    legalComments: "linked",
    logLevel: "warning",
  });
  const files = result.outputFiles.map((f) => ({
    path: f.path.slice(out.length),
    bytes: Buffer.from(f.contents),
    immutable: true,
  }));
  const icon = readFileSync(join(web, "src/icon.svg"));
  const iconPath = `/assets/icon-${hash(icon).slice(0, 8)}.svg`;
  files.push({ path: iconPath, bytes: icon, immutable: true });
  const named = (ending) => files.find((f) => f.path.endsWith(ending)).path.slice(1);
  const html = readFileSync(join(web, "src/index.html"), "utf8")
    .replace("{{css}}", named(".css"))
    .replace("{{js}}", named(".js"))
    .replace("{{icon}}", iconPath.slice(1));
  files.unshift({ path: "/index.html", bytes: Buffer.from(html), immutable: false });
  return files;
}

// speedscope's release as it comes from npm, without its sample profile and what only its file:// mode needs.
function speedscope() {
  const dir = join(web, "node_modules/speedscope/dist/release");
  return readdirSync(dir)
    .filter((name) => !/^perf-vertx|^file-format|^release\.txt$|^favicon.*\.js$/.test(name))
    .map((name) => ({
      path: `/speedscope/${name}`,
      bytes: readFileSync(join(dir, name)),
      immutable: /-[A-Z0-9]{8}\./.test(name),
    }));
}

// What is embedded of others' stands under their licences.
function licences() {
  const text = ["preact", "uplot", "speedscope"].map(
    (name) => `${name}\n\n${readFileSync(join(web, "node_modules", name, "LICENSE"), "utf8")}\n`,
  );
  return { path: "/assets/licences.txt", bytes: Buffer.from(text.join("\n")), immutable: false };
}

function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

const ours = [...(await page()), licences()];
const files = [...ours, ...speedscope()].map((f) => ({ ...f, gz: gzipSync(f.bytes, { level: 9 }) }));
const size = files.slice(0, ours.length).reduce((n, f) => n + f.gz.length, 0);
if (size > limit) {
  console.error(`build: the page has ${size} bytes gzipped, ${limit} are allowed`);
  process.exit(1);
}

let offset = 0;
const rows = files.map((f) => {
  const type = types[extname(f.path)] ?? "application/octet-stream";
  const row = `    {"${f.path}", "${type}", "\\"${hash(f.bytes)}\\"", ${f.immutable}, ${offset}, ${f.gz.length}, ${f.bytes.length}},`;
  offset += f.gz.length;
  return row;
});
mkdirSync(out, { recursive: true });
const blob = join(out, "web_assets.bin");
writeFileSync(blob, Buffer.concat(files.map((f) => f.gz)));
writeFileSync(
  join(out, "web_assets.c"),
  `/* Written by web/scripts/build.mjs. */
#include "server/api/web.h"

__asm__(".section .rodata\\n"
        ".global pf_web_blob\\n"
        "pf_web_blob:\\n"
        ".incbin ${JSON.stringify(blob).replaceAll('"', '\\"')}\\n"
        ".previous\\n");

const pf_web_asset pf_web_assets[] = {
${rows.join("\n")}
};
const uint32_t pf_web_assets_n = ${files.length};
`,
);
console.log(`page: ${size} bytes gzipped, speedscope: ${offset - size}`);
