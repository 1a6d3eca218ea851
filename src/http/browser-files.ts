import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { SafeHtml } from "../widgets/html.ts";
import { html } from "../widgets/html.ts";
import { isKnown } from "./is-known.ts";

/** A file that pages load: where it is, and the hash by which the browser knows that it is the one meant. */
export interface BrowserFile {
  url: string;
  /** For the `integrity` attribute: `sha384-...`. */
  integrity: string;
}

export interface BrowserFiles {
  /** One classic script that defines `<bullcast-widget>` and `<bullcast-job>`. */
  script: BrowserFile;
  /** How they look; without it everything works, unadorned. */
  stylesheet: BrowserFile;
  /** Both as tags, for the page's head. */
  tags: SafeHtml;
}

type FileName = "client.js" | "client.css";

const FILES: Readonly<Record<FileName, { url: URL; type: string }>> = {
  "client.js": { url: new URL("../../dist/browser/client.js", import.meta.url), type: "text/javascript" },
  "client.css": { url: new URL("../../dist/browser/client.css", import.meta.url), type: "text/css" },
};

interface BuiltFile {
  bytes: Buffer;
  integrity: string;
  etag: string;
}

const built = new Map<FileName, BuiltFile>();

/** Read when it is first asked for: most bridges serve no page with widgets. */
function read(name: FileName): BuiltFile {
  let file = built.get(name);
  if (!file) {
    const bytes = readFileSync(FILES[name].url);
    const hash = createHash("sha384").update(bytes).digest("base64");
    file = { bytes, integrity: `sha384-${hash}`, etag: `"${hash}"` };
    built.set(name, file);
  }
  return file;
}

/** What pages with widgets load, under a base path. */
export function browserFiles(basePath: string): BrowserFiles {
  const at = (name: FileName): BrowserFile => ({ url: `${basePath}/${name}`, integrity: read(name).integrity });
  const [script, stylesheet] = [at("client.js"), at("client.css")];
  const tags = html`<link rel="stylesheet" href="${stylesheet.url}" integrity="${stylesheet.integrity}"><script src="${script.url}" integrity="${script.integrity}" defer></script>`;
  return { script, stylesheet, tags };
}

/** Serves one of the files, to everybody and to pages of any origin: there is nothing in it but code that is public. */
export function serveBrowserFile(name: FileName) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { bytes, etag } = read(name);
    response.setHeader("etag", etag);
    // Asked for again at each page, so that a page made by a newer version never gets an older script.
    response.setHeader("cache-control", "no-cache");
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("cross-origin-resource-policy", "cross-origin");
    response.setHeader("x-content-type-options", "nosniff");
    if (isKnown(request, etag)) return void response.writeHead(304).end();
    response.writeHead(200, { "content-type": `${FILES[name].type}; charset=utf-8`, "content-length": bytes.length });
    response.end(bytes);
  };
}
