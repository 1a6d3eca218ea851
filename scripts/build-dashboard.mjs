// Makes dist/dashboard: index.html, and beside it assets/ with the script and the stylesheet it names. A hash of what is
// in them is in their names, so that browsers may keep them for ever; each lies there compressed too.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUTPUT = join(ROOT, "dist/dashboard");

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(join(OUTPUT, "assets"), { recursive: true });

const { outputFiles } = await build({
  absWorkingDir: ROOT,
  entryPoints: [
    { in: "src/dashboard/main.tsx", out: "dashboard" },
    { in: "src/dashboard/styles/main.css", out: "dashboard" },
  ],
  outdir: join(OUTPUT, "assets"),
  entryNames: "[name]-[hash]",
  bundle: true,
  write: false,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  // What the stylesheet needs, light-dark(); the script needs less.
  target: ["chrome123", "firefox120", "safari17.5"],
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});

let page = readFileSync(join(ROOT, "src/dashboard/index.html"), "utf8");
for (const { path, contents } of outputFiles) {
  writeFileSync(path, contents);
  writeFileSync(`${path}.gz`, gzipSync(contents, { level: 9 }));
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${path}.br`, brotliCompressSync(contents, { params: quality }));
  const name = basename(path);
  page = page.replace(`assets/dashboard${name.slice(name.lastIndexOf("."))}`, `assets/${name}`);
}
writeFileSync(join(OUTPUT, "index.html"), page);
