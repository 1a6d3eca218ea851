import { expect, test } from "vitest";
import { z } from "zod";
import { sendMessageSchema } from "../../src/http/schemas.ts";
import { openQueue } from "../bridge/support.ts";
import { Viewer } from "../support/viewer.ts";
import type { Call } from "./support.ts";
import { call, mountBridge } from "./support.ts";

interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
}
interface Operation {
  requestBody?: { content: Record<string, { schema: JsonSchema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: JsonSchema }> }>;
}
type JsonSchema = Record<string, unknown>;

async function readOpenApi(httpUrl: string): Promise<OpenApi> {
  const { status, body } = await call(`${httpUrl}/openapi.json`);
  expect(status).toBe(200);
  return body as OpenApi;
}

/** A documented schema as a validator that stands alone: the document's shared schemas become its own definitions. */
function validatorOf(document: OpenApi, schema: JsonSchema): z.ZodType {
  const alone = { ...schema, $defs: { ...(schema.$defs as object), ...document.components.schemas } };
  return z.fromJSONSchema(JSON.parse(JSON.stringify(alone).replaceAll("#/components/schemas/", "#/$defs/")));
}

test("every reference in openapi.json leads somewhere in it", async () => {
  const { httpUrl } = await mountBridge();
  const document = await readOpenApi(httpUrl);
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference);

  const broken = references.filter((reference = "") => {
    const keys = reference.split("/").slice(1);
    let value: unknown = reference.startsWith("#/") ? document : undefined;
    for (const key of keys) value = (value as Record<string, unknown> | undefined)?.[key];
    return value === undefined;
  });

  expect(references.length).toBeGreaterThan(0);
  expect(broken).toEqual([]);
});

test("openapi.json names its version, and lists the routes under the base path", async () => {
  const { httpUrl } = await mountBridge({ basePath: "/live/jobs" });
  const { openapi, info, paths } = await readOpenApi(httpUrl);
  expect(openapi).toMatch(/^3\.1\.\d+$/);
  expect(info).toMatchObject({ title: "bullcast", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  expect(routes.sort()).toEqual([
    "delete /live/jobs/clients/{client_id}",
    "get /live/jobs/about",
    "get /live/jobs/clients",
    "get /live/jobs/health",
    "get /live/jobs/jobs",
    "get /live/jobs/jobs/{queue}/{id}",
    "get /live/jobs/metrics",
    "get /live/jobs/openapi.json",
    "get /live/jobs/queues",
    "get /live/jobs/stats",
    "get /live/jobs/stats/history",
    "post /live/jobs/send-message",
  ]);
});

test("every documented path answers as documented, asked rightly and wrongly", async () => {
  const { httpUrl, wsUrl, port, prefix } = await mountBridge({ queues: ["emails"] });
  await Viewer.open(`${wsUrl}/alice`);
  await openQueue("emails", prefix).add("letter", {}, { jobId: "a/b" });
  const document = await readOpenApi(httpUrl);
  const send = (json: unknown): Call => ({ json });
  const requests: Record<string, Call[]> = {
    "post /ws/send-message": [
      send({ type: "news", content: 1 }),
      send({ type: "news", content: 1, client_id: "nobody" }),
      send({ type: "ping", content: 1 }),
      send({ type: "news", content: "x".repeat(300_000) }),
      { body: "text", headers: { "content-type": "text/plain" } },
      { json: {}, headers: { origin: "http://evil.example" } },
    ],
    "delete /ws/clients/alice": [{}],
    "delete /ws/clients/nobody": [{}],
    "delete /ws/clients/a%20b": [{}],
    "get /ws/stats": [{}, { headers: { "x-forwarded-for": "192.0.2.1" } }],
    "get /ws/stats/history": [{}],
    "get /ws/clients": [{}, { headers: { host: "evil.example" } }],
    "get /ws/queues": [{}],
    "get /ws/jobs": [{}],
    "get /ws/jobs?queue=other": [{}],
    "get /ws/jobs?limit=0&state=none": [{}],
    "get /ws/jobs/emails/a%2Fb": [{}],
    "get /ws/jobs/emails/nothing": [{}],
    "get /ws/jobs/other/1": [{}],
    "get /ws/jobs/a%3Ab/1": [{}],
    "get /ws/health": [{}],
    "get /ws/metrics": [{}],
    "get /ws/about": [{}, { headers: { host: "evil.example" } }],
    "get /ws/openapi.json": [{}],
  };
  const seen = new Set<string>();

  for (const [route, calls] of Object.entries(requests)) {
    const [method = "", path = ""] = route.split(" ");
    const documentedPath = path
      .replace(/\?.*/, "")
      .replace(/clients\/.+/, "clients/{client_id}")
      .replace(/jobs\/.+/, "jobs/{queue}/{id}");
    const operation = document.paths[documentedPath]?.[method];
    for (const request of calls) {
      const answer = await call(`http://127.0.0.1:${port}${path}`, { method: method.toUpperCase(), ...request });
      const documented = operation?.responses[answer.status];
      expect(documented, `${route} answered ${answer.status}`).toBeDefined();
      seen.add(`${method} ${documentedPath} ${answer.status}`);
      const type = String(answer.headers["content-type"]).replace(/;.*/, "");
      const schema = documented?.content?.[type]?.schema;
      if (schema) validatorOf(document, schema).parse(type === "text/plain" ? answer.text : answer.body);
      else expect(documented?.content).toBeUndefined();
    }
  }

  expect([...seen].filter((answer) => answer.startsWith("post")).map((answer) => answer.slice(-3))).toEqual(
    expect.arrayContaining(["200", "404", "400", "413", "415", "403"]),
  );
  const routes = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  const answered = new Set([...seen].map((answer) => answer.slice(0, -4)));
  expect([...answered].sort()).toEqual(routes.sort());
});

test("the documented request schema takes what the server takes and refuses what it refuses", async () => {
  const { httpUrl } = await mountBridge();
  const document = await readOpenApi(httpUrl);
  const schema = document.paths["/ws/send-message"]?.post?.requestBody?.content["application/json"]?.schema ?? {};
  const documented = validatorOf(document, schema);
  const message = { type: "news", content: 1 };
  const taken = [
    message,
    { type: "a.b:c-d_9", content: { list: [null, true, "text", 1.5] } },
    { ...message, content: null, meta: {} },
    { ...message, meta: { any: [{ thing: null }] } },
  ];
  const refused = [
    {},
    { type: "news" },
    { content: 1 },
    { ...message, type: 1 },
    { ...message, type: "1" },
    { ...message, meta: [] },
    { ...message, client_id: "" },
    { ...message, client_id: "a b" },
    { ...message, more: 1 },
    [],
    null,
  ];

  for (const json of [...taken, ...refused]) {
    const isTaken = taken.includes(json as never);
    const { status } = await call(`${httpUrl}/send-message`, { method: "POST", json });
    expect({ json, status }).toEqual({ json, status: isTaken ? 200 : 400 });
    expect({ json, taken: documented.safeParse(json).success }).toEqual({ json, taken: isTaken });
    expect(sendMessageSchema.safeParse(json).success).toBe(isTaken);
  }
});
