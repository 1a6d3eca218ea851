import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { LISTED_STATES } from "../protocol/queue-summary.ts";
import { DEFAULT_LIMIT, MAX_LIMIT } from "./job-query.ts";
import { jobDetailsSchema, jobPageSchema, queuesSchema } from "./job-schemas.ts";
import {
  aboutSchema,
  clientIdSchema,
  clientsSchema,
  healthSchema,
  problemSchema,
  queueNameSchema,
  sendMessageSchema,
  sentSchema,
  statsHistorySchema,
  statsSchema,
  tokenNeededSchema,
} from "./schemas.ts";

function json(schema: z.ZodType, contentType = "application/json"): object {
  const { $schema: _, ...jsonSchema } = z.toJSONSchema(schema);
  return { [contentType]: { schema: jsonSchema } };
}

function answer(description: string, schema?: z.ZodType): object {
  return schema ? { description, content: json(schema) } : { description };
}

function problems(...statuses: number[]): Record<string, object> {
  const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  return Object.fromEntries(
    [401, 403, ...statuses].map((status) => [status, { description: STATUS_CODES[status], content }]),
  );
}

const PAGES = `By state in the order ${LISTED_STATES.join(", ")}; queues take turns within a state. Of a queue the newest job comes first; of those delayed and prioritized the one whose turn is next. A page may have fewer jobs than \`limit\`, and even none before the last one. Jobs that move meanwhile may be missed, or come twice.`;

/** The OpenAPI 3.1 description of the REST routes, made from the schemas that check them. */
export function openApiDocument(basePath: string, version: string): object {
  const { $schema: _, ...problem } = z.toJSONSchema(problemSchema);
  const { $schema: __, ...clientId } = z.toJSONSchema(clientIdSchema);
  const { $schema: ___, ...queueName } = z.toJSONSchema(queueNameSchema);
  return {
    openapi: "3.1.0",
    info: { title: "bullcast", version, description: "Live view of BullMQ jobs: administration of the bridge." },
    paths: {
      [`${basePath}/send-message`]: {
        post: {
          summary: "Send a message of your own to one client or to all",
          requestBody: { required: true, content: json(sendMessageSchema) },
          responses: { 200: answer("Sent", sentSchema), ...problems(400, 404, 413, 415) },
        },
      },
      [`${basePath}/stats`]: {
        get: {
          summary: "Counters since the start",
          responses: { 200: answer("Statistics", statsSchema), ...problems() },
        },
      },
      [`${basePath}/stats/history`]: {
        get: {
          summary: "The last 15 minutes, second by second",
          responses: { 200: answer("Samples", statsHistorySchema), ...problems() },
        },
      },
      [`${basePath}/clients`]: {
        get: { summary: "The open connections", responses: { 200: answer("Clients", clientsSchema), ...problems() } },
      },
      [`${basePath}/clients/{client_id}`]: {
        delete: {
          summary: "Disconnect a client (close code 4410)",
          parameters: [{ name: "client_id", in: "path", required: true, schema: clientId }],
          responses: { 204: answer("Disconnected"), ...problems(400, 404) },
        },
      },
      [`${basePath}/queues`]: {
        get: {
          summary: "The attached queues, with how many jobs they have by state",
          responses: { 200: answer("Queues", queuesSchema), ...problems() },
        },
      },
      [`${basePath}/jobs`]: {
        get: {
          summary: "The jobs of the attached queues, page by page",
          description: PAGES,
          parameters: [
            { name: "queue", in: "query", description: "Of this queue only.", schema: queueName },
            {
              name: "state",
              in: "query",
              description: "In these states only.",
              schema: { type: "array", items: { type: "string", enum: LISTED_STATES } },
            },
            {
              name: "limit",
              in: "query",
              description: "Jobs of a page, at most.",
              schema: { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
            },
            { name: "after", in: "query", description: "`next` of the page before.", schema: { type: "string" } },
          ],
          responses: { 200: answer("A page", jobPageSchema), ...problems(400, 404, 503) },
        },
      },
      [`${basePath}/jobs/{queue}/{id}`]: {
        get: {
          summary: "How a job stands, what it was given and what it threw",
          parameters: [
            { name: "queue", in: "path", required: true, schema: queueName },
            { name: "id", in: "path", required: true, schema: { type: "string", minLength: 1 } },
          ],
          responses: { 200: answer("The job", jobDetailsSchema), ...problems(400, 404, 503) },
        },
      },
      [`${basePath}/health`]: {
        get: {
          summary: "Whether the bridge does its work, part by part",
          responses: {
            200: answer("Healthy or degraded", healthSchema),
            503: answer("Unhealthy", healthSchema),
            ...problems(),
          },
        },
      },
      [`${basePath}/metrics`]: {
        get: {
          summary: "Figures in Prometheus' text format, those of the process included",
          responses: {
            200: { description: "Metrics", content: { "text/plain": { schema: { type: "string" } } } },
            ...problems(),
          },
        },
      },
      [`${basePath}/about`]: {
        get: {
          summary: "What this bridge is and allows; without the admin token only that it is needed",
          responses: { 200: answer("About", z.union([aboutSchema, tokenNeededSchema])), ...problems() },
        },
      },
      [`${basePath}/openapi.json`]: {
        get: { summary: "This document", responses: { 200: answer("OpenAPI 3.1"), ...problems() } },
      },
    },
    components: {
      schemas: { Problem: problem },
      securitySchemes: { adminToken: { type: "http", scheme: "bearer" } },
    },
    security: [{ adminToken: [] }, {}],
  };
}
