import { describe, expect, it } from "vitest";
import type { BridgeOptions } from "../../src/config.ts";
import { clientsSchema, statsHistorySchema } from "../../src/http/schemas.ts";
import { openPrivateRedis, openQueue } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { uniquePrefix } from "../support/unique.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";
import { call, strict } from "./support.ts";

const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** Connects and subscribes to topics; answers what the server says to that. */
async function subscribe(url: string, topics: string[]) {
  const viewer = await Viewer.open(`${url}${url.includes("?") ? "&" : "?"}watch=none`);
  viewer.send({ type: "subscribe", content: { topics }, meta: { request_id: 1 } });
  return { viewer, answer: await viewer.next(({ meta }) => meta.request_id === 1) };
}

describe("topics for administrators", () => {
  const rules: { who: string; options: Partial<BridgeOptions>; query: string; isAdmin: boolean }[] = [
    { who: "a local viewer where there is no admin token", options: {}, query: "", isAdmin: true },
    {
      who: "a local viewer with a name, where there is no admin token",
      options: { authenticate: () => ({ id: "anna" }) },
      query: "",
      isAdmin: true,
    },
    {
      who: "whoever presents the admin token",
      options: { adminToken: "secret" },
      query: "?token=secret",
      isAdmin: true,
    },
    {
      who: "a local viewer with a name, where there is an admin token",
      options: { adminToken: "secret", authenticate: () => ({ id: "anna" }) },
      query: "",
      isAdmin: false,
    },
    { who: "a local viewer without the admin token", options: { adminToken: "secret" }, query: "", isAdmin: false },
  ];

  it.each(rules)("are $isAdmin for $who", async ({ options, query, isAdmin }) => {
    const { wsUrl } = await startBridge(options);
    for (const topic of ["stats", "clients"]) {
      const { viewer, answer } = await subscribe(`${wsUrl}${query}`, ["queue:emails", topic]);
      if (isAdmin) expect(answer).toMatchObject({ type: "subscribed", content: { topics: ["queue:emails", topic] } });
      else {
        expect(answer).toMatchObject({
          type: "error",
          content: { code: "forbidden", message: expect.stringContaining(`\`${topic}\` is for administrators`) },
        });
        viewer.send({ type: "subscribe", content: { topics: ["queue:emails"] }, meta: { request_id: 2 } });
        expect(await viewer.next(({ meta }) => meta.request_id === 2)).toMatchObject({ type: "subscribed" });
      }
    }
  });
});

describe("`stats`", () => {
  it("comes at once, then every second, with the figures of the bridge, its health and its queues", async () => {
    const { wsUrl, httpUrl, prefix } = await startBridge({ queues: ["emails"] });
    const viewer = await Viewer.open(`${wsUrl}/anna`);
    await openQueue("emails", prefix).add("letter", {}, { delay: 60_000 });
    await viewer.next("task_delayed");
    await expect
      .poll(async () => statsHistorySchema.parse((await call(`${httpUrl}/stats/history`)).body).samples.length)
      .toBeGreaterThan(0);

    const { viewer: admin, answer } = await subscribe(wsUrl, ["stats"]);
    await admin.until(() => admin.messages.some(({ content }) => content?.queues?.[0]?.counts));

    expect(admin.messages.map(({ type }) => type).slice(0, 3)).toEqual(["connected", "stats", "subscribed"]);
    expect(answer).toMatchObject({ content: { topics: ["stats"] } });
    const stats = admin.messages.filter(({ type }) => type === "stats");
    expect(stats.at(-1)).toMatchObject({
      meta: {},
      content: {
        at: INSTANT,
        connections: 2,
        outbox: { messages: 0, bytes: 0 },
        health: { status: "healthy", checks: { redis: { status: "healthy" } } },
        sources: expect.arrayContaining([expect.objectContaining({ kind: "event-stream", queue: "emails" })]),
        queues: [{ queue: "emails", counts: expect.objectContaining({ delayed: 1, waiting: 0 }) }],
        queues_total: 1,
        totals: { connections: { current: 2, peak: 2, total: 2 }, messages: { by_type: { task_delayed: 1 } } },
      },
    });
    expect(viewer.messages.map(({ type }) => type)).not.toContain("stats");
  });
});

describe("`stats` in trouble", () => {
  it("goes on without Redis, says that it is away, and keeps the jobs as last counted", async () => {
    const redis = await openPrivateRedis();
    const prefix = uniquePrefix();
    await openQueue("emails", prefix, { redisUrl: redis.url }).add("letter", {}, { delay: 60_000 });
    const { wsUrl } = await startBridge({ queues: ["emails"], prefix, connection: redis.url });
    const { viewer: admin } = await subscribe(wsUrl, ["stats"]);
    const newest = () => admin.messages.filter(({ type }) => type === "stats").at(-1)?.content;
    await admin.until(() => newest()?.queues[0]?.counts !== null && newest() !== undefined);
    const { queues } = newest();

    await redis.stop();
    await admin.until(() => newest()?.health.status === "unhealthy", "Redis is said to be away");

    expect(newest().health.checks.redis).toMatchObject({ status: "unhealthy", reason: expect.any(String) });
    expect(newest().queues[0].counts).toEqual(queues[0].counts);
    expect(Date.parse(newest().queues[0].counted_at)).toBeLessThanOrEqual(Date.parse(newest().at));
  });

  it("shows what waits for a viewer that reads nothing, and again when nothing does", async () => {
    const { wsUrl, httpUrl, bridge } = await startBridge({ maxQueueSize: 100_000, maxQueueBytes: 64 * 1024 ** 2 });
    const { viewer: admin } = await subscribe(wsUrl, ["stats", "clients"]);
    const slow = await Viewer.open(`${wsUrl}/slow?watch=none`);
    slow.socket.pause();
    const listed = async () => clientsSchema.parse((await call(`${httpUrl}/clients`)).body).clients;
    const waits = async () => (await listed()).find(({ client_id: id }) => id === "slow")?.outbox.messages ?? 0;
    const content = "x".repeat(64 * 1024);
    // As much as the two sockets between take, and more.
    while ((await waits()) < 10) {
      for (let count = 0; count < 10; count += 1) bridge.notify({ type: "news", content }, { clientId: "slow" });
    }

    const isBehind = ({ type, content: client }: ReceivedMessage) =>
      type === "client_updated" && client.client_id === "slow" && client.outbox.messages >= 10 && client.lag_ms > 0;
    await admin.next(isBehind);
    await admin.next(({ type, content: stats }) => type === "stats" && stats.outbox.messages >= 10);
    expect(bridge.stats().outbox.messages).toBe(await waits());

    slow.socket.resume();
    await expect.poll(waits).toBe(0);
    const isWell = ({ type, content: client }: ReceivedMessage) =>
      type === "client_updated" && client.client_id === "slow" && client.outbox.messages === 0;
    await admin.until(() => admin.messages.slice(admin.messages.findIndex(isBehind)).some(isWell), "it is well again");
  });

  it("leaves a detached queue out", async () => {
    const { wsUrl, bridge } = await startBridge({ queues: ["emails", "images"] });
    const { viewer: admin } = await subscribe(wsUrl, ["stats"]);
    const listed = (names: string[]) => (message: ReceivedMessage) =>
      message.type === "stats" &&
      JSON.stringify(message.content.queues.map(({ queue }: { queue: string }) => queue)) === JSON.stringify(names);
    await admin.next(listed(["emails", "images"]));
    bridge.detachQueue("emails");
    const { content } = await admin.next(listed(["images"]));
    expect(content.sources.map(({ queue }: { queue: string | null }) => queue)).not.toContain("emails");
  });
});

describe("`clients`", () => {
  it("tells who connects, what changes and who leaves, and why", async () => {
    const { wsUrl, httpUrl } = await startBridge();
    const { viewer: admin } = await subscribe(wsUrl, ["clients"]);
    const anna = await Viewer.open(`${wsUrl}/anna?queue=emails`);
    const connected = await admin.next("client_connected");
    expect(connected).toMatchObject({
      content: { client_id: "anna", topics: ["queue:emails"], is_admin: true, rtt_ms: null, connected_at: INSTANT },
    });
    const { clients } = clientsSchema.parse((await call(`${httpUrl}/clients`)).body);
    expect(clients).toContainEqual({ ...connected.content, last_seen_at: INSTANT });
    strict(clientsSchema).parse({ total: 1, clients: [connected.content] });

    anna.send({ type: "subscribe", content: { topics: ["queue:images"] } });
    const isOfAnna = ({ type, content }: ReceivedMessage) => type === "client_updated" && content.client_id === "anna";
    expect((await admin.next(isOfAnna)).content.topics).toEqual(["queue:emails", "queue:images"]);

    await call(`${httpUrl}/clients/anna`, { method: "DELETE" });
    expect(await admin.next("client_disconnected")).toMatchObject({
      content: {
        client_id: "anna",
        connected_at: connected.content.connected_at,
        code: 4410,
        reason: "disconnected by an administrator",
      },
    });
  });

  it("tells that somebody came before that they were turned away", async () => {
    const { wsUrl } = await startBridge({ queues: ["emails"] });
    const { viewer: admin } = await subscribe(wsUrl, ["clients"]);
    await expect(Viewer.open(`${wsUrl}/anna?queue=emails&since=nonsense`)).rejects.toThrow();
    const isOfAnna = ({ content }: ReceivedMessage) => content?.client_id === "anna";
    await admin.until(() => admin.messages.filter(isOfAnna).length === 2);
    expect(admin.messages.filter(isOfAnna)).toMatchObject([
      { type: "client_connected" },
      { type: "client_disconnected", content: { code: 4400 } },
    ]);
  });
});
