import type { IncomingMessage, ServerResponse } from "node:http";
import type { NextFunction, Request, Response } from "express";
import express from "express";
import type { Administration } from "../admin/administration.ts";
import { reportClient } from "../admin/client-report.ts";
import type { Access } from "../auth/access.ts";
import type { ConnectionManager } from "../connections/connection-manager.ts";
import { InvalidMessageError } from "../errors.ts";
import type { InputIssue } from "../input-issue.ts";
import { inputIssues } from "../input-issue.ts";
import type { Logger } from "../logger.ts";
import type { About, Health } from "../protocol/admin.ts";
import type { WidgetStore } from "../widgets/widget-store.ts";
import { serveBrowserFile } from "./browser-files.ts";
import { addJobRoutes } from "./job-routes.ts";
import type { JobSource } from "./job-source.ts";
import { openApiDocument } from "./openapi.ts";
import { servePart } from "./part-page.ts";
import { refuseMethod, sendInvalid, sendJson, sendProblem } from "./problem.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { clientIdSchema, MAX_BODY_BYTES, sendMessageSchema } from "./schemas.ts";
import { serveAbout } from "./serve-about.ts";
import { serveDashboard } from "./serve-dashboard.ts";

/** Serves a request, or passes it on when it is for somebody else; without `next` it answers 404 itself. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

export interface RestRouterOptions {
  basePath: string;
  about: About;
  manager: ConnectionManager;
  access: Access;
  refusals: RefusalLog;
  administration: Administration;
  health: () => Health;
  jobs: JobSource;
  widgets: WidgetStore;
  logger: Logger;
}

/**
 * The REST routes, under `basePath`. Handlers use nothing but Node's own request and response, so that the router runs
 * in Express 4, in Express 5 and on a plain `node:http` server.
 */
export function createRestRouter(options: RestRouterOptions): RequestHandler {
  const { basePath, manager, administration, access, refusals, logger } = options;
  const openApi = openApiDocument(basePath, options.about.version);
  const routes = express.Router({ caseSensitive: true });

  // For pages of the application: these have rules of their own on who is served.
  for (const name of ["client.js", "client.css"] as const) {
    routes.route(`/${name}`).get(serveBrowserFile(name)).all(refuseMethod("GET, HEAD"));
  }
  routes.use(serveDashboard);
  const sendPart = servePart(options);
  routes
    .route("/widgets/:id/:part")
    .get((request, response) => sendPart(request, response, request.params.id, request.params.part))
    .all(refuseMethod("GET, HEAD"));
  routes.route("/about").get(serveAbout(options)).all(refuseMethod("GET, HEAD"));

  routes.use((request, response, next) => {
    const refusal = access.refuseRest(request);
    if (!refusal) return next();
    refusals.add(request, refusal);
    sendProblem(response, refusal);
  });

  const get = (path: string, answer: (response: ServerResponse) => void) =>
    routes
      .route(path)
      .get((_request, response) => answer(response))
      .all(refuseMethod("GET, HEAD"));
  get("/stats", (response) => sendJson(response, 200, administration.stats));
  get("/stats/history", (response) => sendJson(response, 200, administration.history));
  get("/clients", (response) => {
    const clients = [...manager.connections].map(reportClient);
    sendJson(response, 200, { total: clients.length, clients });
  });
  routes
    .route("/metrics")
    .get(async (_request, response) => {
      const { text, contentType } = await administration.metrics();
      response.writeHead(200, {
        "content-type": contentType,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      });
      response.end(text);
    })
    .all(refuseMethod("GET, HEAD"));
  get("/openapi.json", (response) => sendJson(response, 200, openApi));
  get("/health", (response) => {
    const health = options.health();
    sendJson(response, health.status === "unhealthy" ? 503 : 200, health);
  });

  addJobRoutes(routes, options);

  const refuseReadOnly = (_request: IncomingMessage, response: ServerResponse, next: () => void) => {
    if (!options.about.read_only) return next();
    const detail =
      "this bridge only shows: `readOnly` (BULLCAST_READ_ONLY, --read-only) is set, so nothing is sent and nobody disconnected";
    sendProblem(response, { status: 403, detail });
  };

  routes
    .route("/clients/:client_id")
    .delete(refuseReadOnly, (request, response) => {
      const clientId = clientIdSchema.safeParse(request.params.client_id);
      if (!clientId.success) {
        const [issue] = inputIssues(clientId.error, request.params.client_id, "client_id");
        return sendInvalid(response, issue ? [issue] : []);
      }
      if (!manager.disconnect(clientId.data)) return sendUnknownClient(response, clientId.data);
      logger.info({ clientId: clientId.data }, "client disconnected by an administrator");
      response.writeHead(204).end();
    })
    .all(refuseMethod("DELETE"));

  routes
    .route("/send-message")
    .post(refuseReadOnly, requireJson, express.json({ limit: MAX_BODY_BYTES, strict: false }), (request, response) => {
      const body = sendMessageSchema.safeParse(request.body);
      if (!body.success) return sendInvalid(response, inputIssues(body.error, request.body, "body"));
      const { client_id: clientId, meta = {}, ...message } = body.data;
      if (clientId !== undefined && !manager.has(clientId)) return sendUnknownClient(response, clientId);
      sendJson(response, 200, { reached: manager.notify({ ...message, meta }, { clientId }) });
    })
    .all(refuseMethod("POST"));

  routes.use((request, response) => {
    const [path = "/"] = request.url.split("?", 1);
    const isViewerPath = request.method === "GET" && path === "/";
    if (isViewerPath) response.setHeader("upgrade", "websocket");
    sendProblem(response, {
      status: isViewerPath ? 426 : 404,
      detail: `there is no ${request.method} ${basePath}${path}; ${basePath} and ${basePath}/{client_id} take WebSocket upgrades, ${basePath}/openapi.json lists the routes`,
    });
  });

  routes.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    answerError(error, request, response, logger);
  });

  const router = express.Router({ caseSensitive: true });
  router.use(basePath, routes);
  return (request, response, next) => {
    const passOn =
      next ?? (() => sendProblem(response, { status: 404, detail: `everything here is under ${basePath}` }));
    router(request as Request, response as Response, passOn);
  };
}

function sendUnknownClient(response: ServerResponse, clientId: string): void {
  const errors = [{ field: "client_id", expected: "the id of a connected client", given: JSON.stringify(clientId) }];
  sendProblem(response, { status: 404, detail: `no client "${clientId}" is connected`, errors });
}

/** Browsers send other types across origins without asking first; JSON they do not. */
function requireJson(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const given = request.headers["content-type"] ?? "nothing";
  if (/^application\/json *(;|$)/i.test(given)) return next();
  const errors = [{ field: "content-type", expected: "application/json", given: JSON.stringify(given.slice(0, 100)) }];
  sendProblem(response, { status: 415, detail: "the body must be application/json", errors });
}

/** What the errors of the body parser are about, by their type. */
const BODY_ERRORS: Readonly<Record<string, InputIssue>> = {
  "entity.too.large": { field: "body", expected: `at most ${MAX_BODY_BYTES} bytes`, given: "more" },
  "entity.parse.failed": { field: "body", expected: "JSON", given: "text that is not JSON" },
  "charset.unsupported": { field: "content-type", expected: "charset utf-8", given: "another" },
  "encoding.unsupported": { field: "content-encoding", expected: "gzip, deflate, br or none", given: "another" },
};

/** Whatever is not the client's fault is ours: logged, and nothing of it shown. */
function answerError(error: unknown, request: Request, response: Response, logger: Logger): void {
  const { status, type } = error as { status?: unknown; type?: unknown };
  if (response.headersSent) return void logger.error({ err: error }, "a request failed in the middle of its answer");
  if (error instanceof RangeError || error instanceof InvalidMessageError) {
    const errors = [{ field: "body", expected: "JSON of reasonable depth", given: "JSON nested too deeply" }];
    return sendProblem(response, { status: 400, detail: "the body is nested too deeply", errors });
  }
  if (error instanceof URIError) {
    const field = request.url.startsWith("/clients/") ? "client_id" : "path";
    const errors = [{ field, expected: "a well-formed URL", given: "percent-encoding that is broken" }];
    return sendProblem(response, { status: 400, detail: "the path cannot be decoded", errors });
  }
  if (typeof status !== "number" || status >= 500) {
    logger.error({ err: error }, "a request failed");
    return sendProblem(response, { status: 500, detail: "the server failed on this request" });
  }
  const detail = error instanceof Error ? error.message : "the request cannot be used";
  const issue = BODY_ERRORS[String(type)] ?? { field: "body", expected: "a readable body", given: detail };
  sendProblem(response, { status, detail: `${issue.field}: expected ${issue.expected}`, errors: [issue] });
}
