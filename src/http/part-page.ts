import type { IncomingMessage, ServerResponse } from "node:http";
import type { Access } from "../auth/access.ts";
import type { Logger } from "../logger.ts";
import { html, raw } from "../widgets/html.ts";
import type { WidgetStore } from "../widgets/widget-store.ts";
import { admitInTime } from "./admission.ts";
import { browserFiles } from "./browser-files.ts";
import { sendProblem } from "./problem.ts";
import type { RefusalLog } from "./refusal-log.ts";

/** Whoever follows the link has no use for scripts, and a page that frames it none of what it shows. */
const POLICY = "script-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'";

export interface PartPageOptions {
  basePath: string;
  access: Access;
  refusals: RefusalLog;
  widgets: WidgetStore;
  logger: Logger;
}

/**
 * Serves one part of a widget as a page, when it is ready: what the links in placeholders lead to where there is no
 * JavaScript. Whoever may open a socket may ask for it.
 */
export function servePart({ basePath, access, refusals, widgets, logger }: PartPageOptions) {
  return async (request: IncomingMessage, response: ServerResponse, id: string, part: string): Promise<void> => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const token = new URLSearchParams(request.url?.split("?")[1]).get("token");
    const admission = await admitInTime(access, request, token).catch((error: unknown) => {
      logger.error({ err: error }, "`authenticate` failed; the request is refused");
      return null;
    });
    if (!admission) return sendProblem(response, { status: 500, detail: "authentication failed on the server" });
    if ("refusal" in admission) {
      refusals.add(request, admission.refusal);
      return sendProblem(response, admission.refusal);
    }
    if (gone.signal.aborted) return;
    const rendering = widgets.fetch(id);
    const number = /^\d{1,3}$/.test(part) ? Number(part) : Number.NaN;
    const result = rendering && number < rendering.parts ? await rendering.whenReady(number, gone.signal) : null;
    const content = result
      ? raw(result.html)
      : html`<p class="bullcast-expired">This part is not kept any more. Go back and load the page again.</p>`;
    const { stylesheet } = browserFiles(basePath);
    const title = result ? `Part ${number + 1}` : "Not kept any more";
    const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="stylesheet" href="${stylesheet.url}"></head><body><main>${content}</main></body></html>
`;
    response.writeHead(result ? (result.state === "ready" ? 200 : 500) : 404, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": POLICY,
      // The address lets in whoever knows it.
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-robots-tag": "noindex",
    });
    response.end(page.toString());
  };
}
