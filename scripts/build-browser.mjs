// Makes the files that pages load: one classic script of src/elements and what it imports, and its stylesheet.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

await build({
  absWorkingDir: ROOT,
  entryPoints: [
    { in: "src/elements/main.ts", out: "client" },
    { in: "src/elements/client.css", out: "client" },
  ],
  outdir: "dist/browser",
  bundle: true,
  format: "iife",
  // What the stylesheet needs, color-mix(); the script needs less.
  target: ["chrome111", "firefox113", "safari16.4"],
  minify: true,
  logLevel: "warning",
});
