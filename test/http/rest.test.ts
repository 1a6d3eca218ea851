import { gzipSync } from "node:zlib";
import express from "express";
import { expect, test } from "vitest";
import { clientsSchema, healthSchema, sentSchema, statsSchema } from "../../src/http/schemas.ts";
import { Viewer } from "../support/viewer.ts";
import { call, expectProblem, express4, makeBridge, mount, mountBridge, strict } from "./support.ts";

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const NO_SAMPLES = { p50: null, p99: null };

test("stats count the connections and what they got, and nothing else is in them", async () => {
  const { httpUrl, wsUrl } = await mountBridge({ queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const gone = await Viewer.open(`${wsUrl}?watch=none`);
  gone.socket.close();
  await gone.closed;
  viewer.send({ type: "ping", content: null });
  await viewer.next("pong");

  const { status, headers, body } = await call(`${httpUrl}/stats`);

  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("application/json; charset=utf-8");
  strict(statsSchema).parse(body);
  const source = { queue: "emails", state: "reading", lag_ms: null, malformed: 0, gaps: 0 };
  expect(body).toEqual({
    uptime_seconds: expect.any(Number),
    connections: { current: expect.any(Number), peak: 2, total: 2 },
    messages: {
      in: 1,
      out: 4,
      dropped: 0,
      conflated: 0,
      by_type: { connected: 2, subscribed: 1, pong: 1 },
    },
    outbox: { messages: 0, bytes: 0 },
    heartbeat: { pings: 0, pongs: 0, timeouts: 0, rtt_ms: NO_SAMPLES },
    sources: [
      { ...source, kind: "event-stream", lag_ms: expect.toSatisfy(isNullOrNumber) },
      { ...source, kind: "log-stream", lag_ms: expect.toSatisfy(isNullOrNumber) },
      { ...source, kind: "job-log-tail", queue: null, mode: "tracking" },
    ],
    latency_ms: NO_SAMPLES,
  });
});

test("a heartbeat answered by the client shows in stats and clients", async () => {
  const { httpUrl, wsUrl } = await mountBridge({ heartbeatInterval: 0.1, heartbeatTimeout: 10 });
  const viewer = await Viewer.open(`${wsUrl}/alice?watch=none`);
  const { meta } = await viewer.next("ping");
  viewer.send({ type: "pong", content: "pong", meta: { ping_id: meta.ping_id } });
  viewer.send({ type: "ping", content: null });
  await viewer.next("pong");

  const stats = statsSchema.parse((await call(`${httpUrl}/stats`)).body);
  const { clients } = clientsSchema.parse((await call(`${httpUrl}/clients`)).body);

  expect(stats.heartbeat.pongs).toBe(1);
  expect(stats.heartbeat.rtt_ms).toEqual({ p50: expect.any(Number), p99: expect.any(Number) });
  expect(clients[0]?.rtt_ms).toEqual(expect.any(Number));
});

test("clients lists each open connection with its topics", async () => {
  const { httpUrl, wsUrl } = await mountBridge({ queues: ["emails"] });
  await Viewer.open(`${wsUrl}/alice?queue=emails&job=emails:a:b`);
  const everything = await (await Viewer.open(wsUrl)).next("connected");

  const { status, body } = await call(`${httpUrl}/clients`);

  expect(status).toBe(200);
  strict(clientsSchema).parse(body);
  const client = {
    connected_at: INSTANT,
    remote_address: "127.0.0.1",
    principal: null,
    outbox: { messages: 0, bytes: 0 },
    lag_ms: 0,
    rtt_ms: null,
    is_admin: true,
    dropped: 0,
    conflated: 0,
    last_seen_at: INSTANT,
  };
  expect(body).toEqual({
    total: 2,
    clients: [
      { ...client, client_id: "alice", topics: ["queue:emails", "job:emails:a:b"] },
      { ...client, client_id: everything.content.client_id, topics: ["*"] },
    ],
  });
});

test("clients is an empty list while nobody is connected", async () => {
  const { httpUrl } = await mountBridge();
  expect((await call(`${httpUrl}/clients`)).body).toEqual({ total: 0, clients: [] });
});

test("health of a bridge that reads says so, part by part", async () => {
  const { httpUrl } = await mountBridge({ queues: ["emails"], discover: true, logChannels: ["logs:*"] });

  const { status, body } = await call(`${httpUrl}/health`);

  expect(status).toBe(200);
  strict(healthSchema).parse(body);
  const healthy = { status: "healthy" };
  const checks = { redis: healthy, jobs: healthy, job_logs: healthy, log_channels: healthy, discovery: healthy };
  expect(body).toEqual({ status: "healthy", checks });
});

test.each<[unknown]>([
  [null],
  [false],
  [0],
  [""],
  ["text with ünïcödé \u2028 and \u0000"],
  [[]],
  [{ deep: [{ er: null }] }],
])("send-message delivers %j to everybody", async (content) => {
  const { httpUrl, wsUrl } = await mountBridge();
  const viewers = [await Viewer.open(wsUrl), await Viewer.open(`${wsUrl}?watch=none`)];

  const sent = await call(`${httpUrl}/send-message`, { method: "POST", json: { type: "app.news", content } });

  expect(sent.status).toBe(200);
  strict(sentSchema).parse(sent.body);
  expect(sent.body).toEqual({ reached: 2 });
  for (const viewer of viewers) {
    expect(await viewer.next("app.news")).toEqual({ type: "app.news", content, meta: {}, timestamp: INSTANT });
  }
});

test("send-message with a client id reaches that client alone, with its meta", async () => {
  const { httpUrl, wsUrl } = await mountBridge();
  const [alice, bob] = [await Viewer.open(`${wsUrl}/alice`), await Viewer.open(`${wsUrl}/bob`)];
  const meta = { n: 1, nested: { list: [true] } };

  const toAlice = { type: "app:note", content: "hello", meta, client_id: "alice" };
  const sent = await call(`${httpUrl}/send-message`, { method: "POST", json: toAlice });
  await call(`${httpUrl}/send-message`, { method: "POST", json: { type: "last", content: null } });

  expect(sent).toMatchObject({ status: 200, body: { reached: 1 } });
  expect(await alice.next("app:note")).toMatchObject({ content: "hello", meta });
  await bob.next("last");
  expect(bob.messages.map(({ type }) => type)).not.toContain("app:note");
});

test("send-message reaches nobody while nobody is connected, which is no error", async () => {
  const { httpUrl } = await mountBridge();
  const sent = await call(`${httpUrl}/send-message`, { method: "POST", json: { type: "news", content: 1 } });
  expect(sent).toMatchObject({ status: 200, body: { reached: 0 } });
});

test("send-message takes a body with a charset, compressed, or without a length", async () => {
  const { httpUrl } = await mountBridge();
  const url = `${httpUrl}/send-message`;
  const text = JSON.stringify({ type: "news", content: "ü" });
  const variants = [
    { body: text, headers: { "content-type": "application/json; charset=utf-8" } },
    { body: text, headers: { "content-type": "Application/JSON" } },
    { body: gzipSync(text), headers: { "content-type": "application/json", "content-encoding": "gzip" } },
    { body: text, headers: { "content-type": "application/json", "transfer-encoding": "chunked" } },
  ];
  for (const variant of variants) expect((await call(url, { method: "POST", ...variant })).status).toBe(200);
});

test("a deleted client is disconnected with 4410, and is unknown from then on", async () => {
  const { httpUrl, wsUrl } = await mountBridge();
  const [alice, bob] = [await Viewer.open(`${wsUrl}/alice`), await Viewer.open(`${wsUrl}/bob`)];

  const deleted = await call(`${httpUrl}/clients/alice`, { method: "DELETE" });

  expect(deleted).toMatchObject({ status: 204, text: "" });
  expect((await alice.closed).code).toBe(4410);
  expectProblem(await call(`${httpUrl}/clients/alice`, { method: "DELETE" }), 404, ["client_id"]);
  expect((await call(`${httpUrl}/clients`)).body).toMatchObject({ total: 1, clients: [{ client_id: "bob" }] });
  expect(bob.socket.readyState).toBe(bob.socket.OPEN);
});

test("a client id may be percent-encoded in the path", async () => {
  const { httpUrl, wsUrl } = await mountBridge();
  const viewer = await Viewer.open(`${wsUrl}/al~ice`);
  expect((await call(`${httpUrl}/clients/al%7Eice`, { method: "DELETE" })).status).toBe(204);
  expect((await viewer.closed).code).toBe(4410);
});

test("no answer is kept by caches or read as another type", async () => {
  const { httpUrl } = await mountBridge();
  for (const path of ["/stats", "/clients", "/health", "/openapi.json", "/a/b"]) {
    expect((await call(httpUrl + path)).headers).toMatchObject({
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
  }
});

test("HEAD answers as GET does, without the body", async () => {
  const { httpUrl } = await mountBridge();
  for (const path of ["/stats", "/clients", "/health", "/openapi.json"]) {
    expect(await call(httpUrl + path, { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  }
});

test.each([
  ["Express 4", express4],
  ["Express 5", express],
])("under %s a body already parsed by the application's own express.json() is used", async (_, framework) => {
  const { bridge } = makeBridge();
  const application = framework();
  application.use(framework.json());
  application.use(bridge.router);
  const { httpUrl, wsUrl } = await mount(bridge, application);
  const viewer = await Viewer.open(wsUrl);
  const url = `${httpUrl}/send-message`;

  const sent = await call(url, { method: "POST", json: { type: "news", content: { n: 1 } } });
  const refused = await call(url, { method: "POST", json: { type: "news" } });

  expect(sent).toMatchObject({ status: 200, body: { reached: 1 } });
  expect(await viewer.next("news")).toMatchObject({ content: { n: 1 } });
  expectProblem(refused, 400, ["content"]);
});

function isNullOrNumber(value: unknown): boolean {
  return value === null || typeof value === "number";
}
