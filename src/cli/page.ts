import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";

const PAGE = new URL("../../public/index.html", import.meta.url);

/** Serves the page that shows jobs live: one file that loads nothing else, and may not. */
export function createPageHandler(basePath: string): RequestListener {
  const html = readFileSync(PAGE, "utf8").replace(
    /(<meta name="bullcast-base-path" content=")[^"]*/,
    (_, start: string) => start + basePath,
  );
  const policy = [
    "default-src 'none'",
    `script-src ${hashesOf(html, "script")}`,
    `style-src ${hashesOf(html, "style")}`,
    "connect-src 'self' ws: wss:",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return (_request, response) => {
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "content-security-policy": policy,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
    response.end(html);
  };
}

/** The hashes of the page's own inline blocks, so that no other can run. */
function hashesOf(html: string, tag: "script" | "style"): string {
  const blocks = html.matchAll(new RegExp(`<${tag}[^>]*>([\\s\\S]*?)</${tag}>`, "g"));
  const hashes = [...blocks].map(([, text = ""]) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  return hashes.length > 0 ? hashes.join(" ") : "'none'";
}
