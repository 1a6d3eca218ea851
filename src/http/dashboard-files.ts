import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

/** A file as one encoding of it is sent. */
export type Encoding = "br" | "gzip" | "identity";

export interface Asset {
  type: string;
  bytes: Readonly<Record<Encoding, Buffer>>;
}

export interface DashboardFiles {
  /** The page, and whether it is the one that a browser has: its entity tag without what is written into it. */
  html: string;
  hash: string;
  /** By name, `dashboard-<hash>.js`: nothing else is served, whatever path is asked for. */
  assets: ReadonlyMap<string, Asset>;
}

const FOLDER = new URL("../../dist/dashboard/", import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};

let files: DashboardFiles | undefined;

/** What the build made, read when it is first asked for: many bridges have nobody who looks. */
export function dashboardFiles(): DashboardFiles {
  files ??= read();
  return files;
}

function read(): DashboardFiles {
  const html = readFileSync(new URL("index.html", FOLDER), "utf8");
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(new URL("assets/", FOLDER))) {
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (!type) continue;
    const bytesOf = (suffix: string) => readFileSync(new URL(`assets/${name}${suffix}`, FOLDER));
    assets.set(name, { type, bytes: { br: bytesOf(".br"), gzip: bytesOf(".gz"), identity: bytesOf("") } });
  }
  return { html, hash: createHash("sha256").update(html).digest("base64url"), assets };
}
