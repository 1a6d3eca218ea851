import type { IncomingMessage, ServerResponse } from "node:http";
import type { Encoding } from "./dashboard-files.ts";
import { dashboardFiles } from "./dashboard-files.ts";
import { isKnown } from "./is-known.ts";
import { refuseMethod, sendProblem } from "./problem.ts";
import { splitOnce } from "./split-once.ts";

const HOME = "/dashboard";
const ASSETS = `${HOME}/assets/`;
/** `jobs/<queue>/<id>/` is the view that lies deepest. */
const MAX_DEPTH = 3;
/** Names and addresses, with or without a port: nothing that could add to a policy. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

const refuseOtherMethods = refuseMethod("GET, HEAD");

/**
 * Serves the dashboard's page for each of its views, and what the page loads. It is public code without any data: what it
 * shows it asks for by REST and WebSocket, where it is decided who sees what. `request.url` begins below the base path.
 */
export function serveDashboard(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const [path, query] = splitOnce(request.url ?? "", "?");
  if (path !== HOME && !path.startsWith(`${HOME}/`)) return next();
  if (request.method !== "GET" && request.method !== "HEAD") return refuseOtherMethods(request, response);
  // Relative, so that it holds below whatever path a proxy puts all of this.
  if (path === HOME) return redirect(response, `dashboard/${query === "" ? "" : `?${query}`}`);
  if (path.startsWith(ASSETS)) return sendAsset(request, response, path.slice(ASSETS.length));
  const depth = path.split("/").length - HOME.split("/").length - 1;
  if (depth <= MAX_DEPTH) sendPage(request, response, depth);
  else sendProblem(response, { status: 404, detail: "the dashboard has no such view" });
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(308, { location, "cache-control": "no-cache", "content-length": 0 }).end();
}

function sendPage(request: IncomingMessage, response: ServerResponse, depth: number): void {
  const { html, hash } = dashboardFiles();
  const etag = `"${hash}-${depth}"`;
  response.setHeader("etag", etag);
  // Asked for again each time, so that a page of an older version never looks for assets that are gone.
  response.setHeader("cache-control", "no-cache");
  response.setHeader("content-security-policy", policyFor(request.headers.host));
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("x-content-type-options", "nosniff");
  if (isKnown(request, etag)) return void response.writeHead(304).end();
  const page = Buffer.from(html.replace('<base href="./">', `<base href="${"../".repeat(depth) || "./"}">`));
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-length": page.length });
  response.end(page);
}

function policyFor(host: string | undefined): string {
  // Not every browser takes 'self' for the WebSockets of the same host, too.
  const sockets = host !== undefined && HOST.test(host) ? ` ws://${host} wss://${host}` : "";
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `connect-src 'self'${sockets}`,
    "img-src 'self' data:",
    "base-uri 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function sendAsset(request: IncomingMessage, response: ServerResponse, name: string): void {
  const asset = dashboardFiles().assets.get(name);
  if (!asset) return sendProblem(response, { status: 404, detail: "there is no such file; load the page again" });
  const encoding = encodingFor(request.headers["accept-encoding"]);
  const bytes = asset.bytes[encoding];
  // Its name says what is in it; how it is encoded makes no difference to who has it.
  const etag = `W/"${name}"`;
  response.setHeader("etag", etag);
  response.setHeader("cache-control", "public, max-age=31536000, immutable");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("vary", "accept-encoding");
  response.setHeader("x-content-type-options", "nosniff");
  if (isKnown(request, etag)) return void response.writeHead(304).end();
  if (encoding !== "identity") response.setHeader("content-encoding", encoding);
  response.writeHead(200, { "content-type": asset.type, "content-length": bytes.length });
  response.end(bytes);
}

/** The smallest encoding that the browser takes. */
function encodingFor(header: string | string[] | undefined): Encoding {
  const taken = new Map<string, number>();
  for (const part of String(header ?? "").split(",")) {
    const [coding = "", quality] = part.split(/\s*;\s*q\s*=\s*/i);
    taken.set(coding.trim().toLowerCase(), quality === undefined ? 1 : Number(quality));
  }
  const isTaken = (coding: Encoding) => (taken.get(coding) ?? 0) > 0;
  return (["br", "gzip"] as const).find(isTaken) ?? "identity";
}
