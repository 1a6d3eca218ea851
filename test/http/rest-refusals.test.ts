import { expect, test } from "vitest";
import { MAX_BODY_BYTES } from "../../src/http/schemas.ts";
import { JOB_MESSAGE_TYPES, QUEUE_MESSAGE_TYPES } from "../../src/protocol/message.ts";
import type { Call } from "./support.ts";
import { call, expectProblem, mountBridge } from "./support.ts";

const LONG = "a".repeat(129);

test.each<[what: string, body: unknown, fields: string[]]>([
  ["nothing but null", null, ["body"]],
  ["a list", [], ["body"]],
  ["a text", "news", ["body"]],
  ["no field at all", {}, ["type", "content"]],
  ["no type", { content: 1 }, ["type"]],
  ["no content", { type: "news" }, ["content"]],
  ["a type that is a number", { type: 1, content: 1 }, ["type"]],
  ["an empty type", { type: "", content: 1 }, ["type"]],
  ["a type with a space", { type: "app news", content: 1 }, ["type"]],
  ["a type that is too long", { type: "a".repeat(65), content: 1 }, ["type"]],
  ["meta that is a list", { type: "news", content: 1, meta: [] }, ["meta"]],
  ["meta that is null", { type: "news", content: 1, meta: null }, ["meta"]],
  ["a client id that is a number", { type: "news", content: 1, client_id: 7 }, ["client_id"]],
  ["an empty client id", { type: "news", content: 1, client_id: "" }, ["client_id"]],
  ["a client id with a slash", { type: "news", content: 1, client_id: "a/b" }, ["client_id"]],
  ["a client id that is too long", { type: "news", content: 1, client_id: LONG }, ["client_id"]],
  ["an unknown field", { type: "news", content: 1, clientId: "alice" }, ["clientId"]],
  ["several faults at once", { type: 1, content: 1, client_id: "", extra: 1 }, ["type", "client_id", "extra"]],
])("send-message refuses %s", async (_, json, fields) => {
  const { httpUrl } = await mountBridge();
  expectProblem(await call(`${httpUrl}/send-message`, { method: "POST", json }), 400, fields);
});

test("what was given is quoted, and cut where it is long", async () => {
  const { httpUrl } = await mountBridge();
  const json = { type: "x".repeat(10_000), content: 1, client_id: { some: "object" } };
  const { errors = [] } = expectProblem(await call(`${httpUrl}/send-message`, { method: "POST", json }), 400);
  const given = Object.fromEntries(errors.map((issue) => [issue.field, issue.given]));
  expect(given.client_id).toBe('{"some":"object"}');
  expect(given.type?.length).toBeLessThan(120);
});

test("meta.cursor is refused, as clients keep cursors to resume", async () => {
  const { httpUrl } = await mountBridge();
  const json = { type: "news", content: 1, meta: { cursor: "abc" } };
  const { errors = [] } = expectProblem(await call(`${httpUrl}/send-message`, { method: "POST", json }), 400);
  expect(errors).toHaveLength(1);
  expect(errors[0]?.field).toMatch(/^meta(\.cursor)?$/);
  expect(errors[0]?.expected).toContain("cursor");
});

test.each([
  ...JOB_MESSAGE_TYPES,
  ...QUEUE_MESSAGE_TYPES,
  ...["connected", "ping", "pong", "error", "logs", "snapshot", "gap", "widget", "token_expiring"],
  ...["subscribe", "subscribed", "unsubscribe", "unsubscribed", "authenticate"],
])("send-message refuses the protocol's own type %s", async (type) => {
  const { httpUrl } = await mountBridge();
  expectProblem(await call(`${httpUrl}/send-message`, { method: "POST", json: { type, content: 1 } }), 400, ["type"]);
});

test("send-message to a client that is not connected is answered with 404 and its id", async () => {
  const { httpUrl } = await mountBridge();
  const json = { type: "news", content: 1, client_id: "nobody" };
  const { detail, errors } = expectProblem(await call(`${httpUrl}/send-message`, { method: "POST", json }), 404, [
    "client_id",
  ]);
  expect(detail).toContain("nobody");
  expect(errors?.[0]?.given).toBe('"nobody"');
});

const JSON_TYPE = { "content-type": "application/json" };

test.each<[what: string, request: Call, status: number, field: string]>([
  ["text that is no JSON", { body: '{"type":', headers: JSON_TYPE }, 400, "body"],
  ["an empty body", { body: "", headers: JSON_TYPE }, 400, "body"],
  ["no body", { headers: JSON_TYPE }, 400, "body"],
  [
    "another content type",
    { body: '{"type":"a","content":1}', headers: { "content-type": "text/plain" } },
    415,
    "content-type",
  ],
  [
    "a form",
    { body: "type=a&content=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
    415,
    "content-type",
  ],
  [
    "a type that only begins alike",
    { body: "{}", headers: { "content-type": "application/jsonp" } },
    415,
    "content-type",
  ],
  ["no content type", { body: '{"type":"a","content":1}' }, 415, "content-type"],
  [
    "an unknown charset",
    { body: "{}", headers: { "content-type": "application/json; charset=latin1" } },
    415,
    "content-type",
  ],
  [
    "an unknown encoding",
    { body: "{}", headers: { ...JSON_TYPE, "content-encoding": "snappy" } },
    415,
    "content-encoding",
  ],
  ["damaged gzip", { body: "not gzip", headers: { ...JSON_TYPE, "content-encoding": "gzip" } }, 400, "body"],
  [
    "a body over the limit",
    { body: JSON.stringify({ type: "a", content: "x".repeat(MAX_BODY_BYTES) }), headers: JSON_TYPE },
    413,
    "body",
  ],
])("send-message refuses %s", async (_, request, status, field) => {
  const { httpUrl, logs } = await mountBridge();
  const answer = await call(`${httpUrl}/send-message`, { method: "POST", ...request });
  // An empty JSON body may be read as an empty object.
  const fields = status === 400 && !request.body ? undefined : [field];
  expectProblem(answer, status, fields);
  expect(logs.filter(({ level }) => level >= 50)).toEqual([]);
});

test("send-message refuses JSON nested 50,000 deep", async () => {
  const { httpUrl, logs } = await mountBridge();
  const body = `{"type":"a","content":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  const answer = await call(`${httpUrl}/send-message`, { method: "POST", body, headers: JSON_TYPE });
  const { errors } = expectProblem(answer, 400);
  expect(errors).toMatchObject([{ field: expect.stringMatching(/^(body|content)$/) }]);
  expect(logs.filter(({ level }) => level >= 50)).toEqual([]);
});

test("a body just within the limit is taken", async () => {
  const { httpUrl } = await mountBridge();
  const frame = JSON.stringify({ type: "a", content: "" }).length;
  const json = { type: "a", content: "x".repeat(MAX_BODY_BYTES - frame) };
  expect((await call(`${httpUrl}/send-message`, { method: "POST", json })).status).toBe(200);
});

test.each<[id: string, status: number]>([
  ["nobody", 404],
  ["a%20b", 400],
  ["a%2Fb", 400],
  ["a:b", 400],
  ["%E4%BD%A0", 400],
  ["%", 400],
  ["%zz", 400],
  ["%C3%28", 400],
])("DELETE of the client id %s is answered with %i", async (id, status) => {
  const { httpUrl, logs } = await mountBridge();
  const answer = await call(`${httpUrl}/clients/${id}`, { method: "DELETE" });
  expectProblem(answer, status, ["client_id"]);
  expect(logs.filter(({ level }) => level >= 50)).toEqual([]);
});

test("DELETE of a client id that is too long is answered with 400", async () => {
  const { httpUrl } = await mountBridge();
  expectProblem(await call(`${httpUrl}/clients/${LONG}`, { method: "DELETE" }), 400, ["client_id"]);
});

test.each<[path: string, methods: string[], allowed: string]>([
  ["/send-message", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"], "POST"],
  ["/stats", ["POST", "PUT", "DELETE", "OPTIONS"], "GET, HEAD"],
  ["/clients", ["POST", "PUT", "DELETE", "OPTIONS"], "GET, HEAD"],
  ["/clients/alice", ["GET", "HEAD", "POST", "PUT", "OPTIONS"], "DELETE"],
  ["/jobs/emails/1", ["POST", "PUT", "DELETE", "OPTIONS"], "GET, HEAD"],
  ["/health", ["POST", "PUT", "DELETE", "OPTIONS"], "GET, HEAD"],
  ["/openapi.json", ["POST", "PUT", "DELETE", "OPTIONS"], "GET, HEAD"],
])("%s refuses other methods and names its own", async (path, methods, allowed) => {
  const { httpUrl } = await mountBridge();
  for (const method of methods) {
    const answer = await call(httpUrl + path, { method });
    expect(answer).toMatchObject({ status: 405, headers: { allow: allowed } });
    if (method === "HEAD") continue;
    const { detail } = expectProblem(answer, 405);
    expect(detail).toContain(method);
    expect(detail).toContain(allowed);
  }
});

test.each<[method: string, path: string]>([
  ["GET", "/alice"],
  ["GET", "/a/b"],
  ["GET", "/clients/alice/more"],
  ["POST", "/nothing"],
  ["POST", ""],
  ["DELETE", "/"],
  ["GET", "/Stats/x"],
])("%s %s does not exist, and the answer names what does", async (method, path) => {
  const { httpUrl } = await mountBridge();
  const { detail } = expectProblem(await call(httpUrl + path, { method }), 404);
  expect(detail).toContain(`${method} /ws${path}`);
  expect(detail).toContain("/ws/openapi.json");
});

test.each(["/other", "/", "/wsx", "/WS/stats", "/ws-stats"])("a plain server answers %s with 404", async (path) => {
  const { port } = await mountBridge();
  const { detail } = expectProblem(await call(`http://127.0.0.1:${port}${path}`), 404);
  expect(detail).toContain("/ws");
});
