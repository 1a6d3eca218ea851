import { QueueEvents } from "bullmq";
import { expect, inject, onTestFinished, test } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { connectionTo, openRedis, readStream } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker, startWorker } from "../support/worker-process.ts";
import { openPrivateRedis, openQueue, readHealth, readStats, timeOf, typesOf } from "./support.ts";

function linesOf(viewer: Viewer, taskId: string): ReceivedMessage[] {
  return viewer.messages.filter(({ type, meta }) => type === "logs" && meta.task_id === taskId);
}

/** A `QueueEvents` of the application that is reading already, and ends with the test. */
async function openQueueEvents(prefix: string): Promise<QueueEvents> {
  const instance = new QueueEvents("emails", { prefix, connection: connectionTo(inject("redisUrl")) });
  onTestFinished(() => instance.close());
  const queue = openQueue("emails", prefix);
  const reported = new Promise((resolve) => instance.once("waiting", resolve));
  await expect.poll(() => Promise.race([reported, queue.add("first", { lines: 0 }).then(() => null)])).not.toBeNull();
  return instance;
}

test("entries of the log stream are told as lines, with level, time, data and a cursor of their own", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const { id = "" } = await openQueue("emails", prefix).add("letter", {});
  const [redis, key] = [openRedis(), `${prefix}:emails:bullcast-logs`];
  const loggedAtMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

  const fields = ["job", id, "level", "warn", "msg", "the queue is <long>\n", "time", String(loggedAtMs)];
  await redis.xadd(key, "*", ...fields, "data", '{"length":7}');
  await redis.xadd(key, "*", "job", id, "msg", "bare");

  await viewer.until(() => linesOf(viewer, id).length === 2);
  const [first, second] = linesOf(viewer, id);
  const [firstEntry, secondEntry] = await readStream(redis, key);
  expect(first).toEqual({
    type: "logs",
    content: "the queue is <long>\n",
    meta: {
      queue: "emails",
      task_id: id,
      name: "letter",
      attempt: 0,
      cursor: expect.any(String),
      level: "warn",
      logged_at: "2026-01-02T03:04:05.678Z",
      data: { length: 7 },
    },
    timestamp: timeOf(firstEntry?.id ?? ""),
  });
  expect(second).toMatchObject({ content: "bare", meta: { level: null, logged_at: null } });
  expect(second?.meta).not.toHaveProperty("data");
  expect(second?.timestamp).toBe(timeOf(secondEntry?.id ?? ""));
  expect(second?.meta.cursor).not.toBe(first?.meta.cursor);
});

test.each([
  { source: "its own reading", open: () => "emails" },
  { source: "a QueueEvents", open: openQueueEvents },
])("with $source every line comes before its job's end, in order, for 300 jobs at full speed", async ({ open }) => {
  const prefix = uniquePrefix();
  const { wsUrl, httpUrl } = await startBridge({ prefix, queues: [await open(prefix)] });
  const redisUrl = inject("redisUrl");
  await startWorker("logging-worker.mjs", { queue: "emails", prefix, redisUrl, concurrency: 50 });
  const viewer = await Viewer.open(wsUrl);
  const queue = openQueue("emails", prefix);

  const jobs = await queue.addBulk(Array.from({ length: 300 }, () => ({ name: "letter", data: { lines: 20 } })));
  const ids = new Set(jobs.map(({ id }) => id));
  const ended = () =>
    viewer.messages.filter(({ type, meta }) => type === "task_success" && ids.has(meta.task_id)).length;
  await viewer.until(() => ended() === 300, "not all jobs ended");

  const expected = [...Array.from({ length: 20 }, (_, line) => `line ${line}`), "task_success"];
  for (const { id = "" } of jobs) {
    const story = viewer.messages.flatMap(({ type, content, meta }) => {
      if (meta.task_id !== id || !["logs", "task_success"].includes(type)) return [];
      return type === "logs" ? [content] : [type];
    });
    expect(story).toEqual(expected);
  }
  const cursors = viewer.messages.flatMap(({ meta }) => meta.cursor ?? []);
  expect(new Set(cursors).size, "no cursor stands twice").toBe(cursors.length);
  expect(viewer.messages.filter(({ meta }) => meta.late || meta.dropped)).toEqual([]);
  expect((await readStats(httpUrl)).messages.dropped).toBe(0);
  expect((await readHealth(httpUrl)).status, "nothing was taken over").toBe("healthy");
});

test("missing lines are told as such, with their number", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const key = `${prefix}:emails:bullcast-logs`;
  const time = String(Date.UTC(2026, 0, 2));
  await openRedis().xadd(key, "*", "job", "17", "dropped", "250", "time", time);

  const message = await viewer.next("logs");
  expect(message.content).toBeNull();
  expect(message.meta).toMatchObject({
    task_id: "17",
    name: null,
    dropped: 250,
    level: null,
    logged_at: "2026-01-02T00:00:00.000Z",
  });
});

test("a line written after its job's end is marked as late, and one of its next run is not", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  await startStockWorker({ queue: "emails", prefix, redisUrl: inject("redisUrl") });
  const viewer = await Viewer.open(wsUrl);
  const queue = openQueue("emails", prefix);
  const [redis, key] = [openRedis(), `${prefix}:emails:bullcast-logs`];
  const job = await queue.add("letter", { failFirst: 1 });
  const { id = "" } = job;
  await viewer.until(() => typesOf(viewer, "emails", id).includes("task_failed"));

  await redis.xadd(key, "*", "job", id, "msg", "after the end");
  const late = await viewer.next(({ content }) => content === "after the end");
  expect(late.meta).toMatchObject({ late: true, name: "letter", attempt: 1 });
  const failed = viewer.messages.find(({ type }) => type === "task_failed");
  expect(Date.parse(late.timestamp)).toBeGreaterThanOrEqual(Date.parse(failed?.timestamp ?? ""));

  await queue.pause();
  await job.retry();
  await viewer.until(() => typesOf(viewer, "emails", id).at(-1) === "task_waiting");
  await redis.xadd(key, "*", "job", id, "msg", "in the next run");
  const next = await viewer.next(({ content }) => content === "in the next run");
  expect(next.meta).not.toHaveProperty("late");
});

test("a viewer of one job gets that job's lines and no others", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const [ofJob, ofQueue] = await Promise.all([
    Viewer.open(`${wsUrl}?job=emails:b`),
    Viewer.open(`${wsUrl}?queue=emails`),
  ]);
  const [redis, key] = [openRedis(), `${prefix}:emails:bullcast-logs`];
  for (const job of ["a", "b", "c", "b"]) await redis.xadd(key, "*", "job", job, "msg", `of ${job}`);
  await ofQueue.until(() => ofQueue.messages.filter(({ type }) => type === "logs").length === 4);
  await ofJob.until(() => linesOf(ofJob, "b").length === 2);
  expect(ofJob.messages.filter(({ type }) => type === "logs").map(({ content }) => content)).toEqual(["of b", "of b"]);
});

test("lines published on channels and patterns are told, as JSON with their job and as plain text without", async () => {
  const prefix = `channel-${process.pid}`;
  const { wsUrl, httpUrl } = await startBridge({
    queues: ["emails"],
    logChannels: [`${prefix}:plain`, `${prefix}:p:*`],
  });
  const [all, ofJob] = await Promise.all([Viewer.open(wsUrl), Viewer.open(`${wsUrl}?job=emails:17`)]);
  const redis = openRedis();
  expect((await readStats(httpUrl)).sources).toContainEqual(
    expect.objectContaining({ kind: "log-pub-sub", queue: null, state: "reading" }),
  );

  const line = { queue: "emails", task_id: "17" };
  const published: [channel: string, text: string][] = [
    [
      `${prefix}:plain`,
      JSON.stringify({ ...line, level: "error", content: "as JSON", timestamp: "2026-01-02T03:04:05+01:00" }),
    ],
    [`${prefix}:p:a`, JSON.stringify({ ...line, task_id: 17, content: "with numbers", timestamp: 1_767_225_600_000 })],
    [`${prefix}:p:b`, JSON.stringify({ ...line, content: "without a time", level: null })],
    [`${prefix}:plain`, "plain text {not JSON"],
    [`${prefix}:plain`, "42"],
    [`${prefix}:elsewhere`, "on a channel nobody asked for"],
    [`${prefix}:p:c`, "last"],
  ];
  const startedAtMs = Date.now();
  for (const [channel, text] of published) await redis.publish(channel, text);

  await all.next(({ content }) => content === "last");
  const lines = all.messages.filter(({ type }) => type === "logs");
  const [meta, plainMeta] = [
    { ...line, name: null },
    { level: null, logged_at: null },
  ];
  expect(lines.map(({ content, meta }) => [content, meta])).toEqual([
    ["as JSON", { ...meta, channel: `${prefix}:plain`, level: "error", logged_at: "2026-01-02T02:04:05.000Z" }],
    ["with numbers", { ...meta, channel: `${prefix}:p:a`, level: null, logged_at: "2026-01-01T00:00:00.000Z" }],
    ["without a time", { ...meta, channel: `${prefix}:p:b`, level: null, logged_at: null }],
    ["plain text {not JSON", { ...plainMeta, channel: `${prefix}:plain` }],
    ["42", { ...plainMeta, channel: `${prefix}:plain` }],
    ["last", { ...plainMeta, channel: `${prefix}:p:c` }],
  ]);
  for (const { timestamp } of lines) {
    expect(Date.parse(timestamp), "not the publisher's clock").toBeGreaterThanOrEqual(startedAtMs);
  }
  await ofJob.next(({ content }) => content === "without a time");
  expect(ofJob.messages.flatMap(({ type, content }) => (type === "logs" ? [content] : []))).toEqual([
    "as JSON",
    "with numbers",
    "without a time",
  ]);
});

test("a published line carries the name of its job where it is known", async () => {
  const channel = `channel-${process.pid}:named`;
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"], logChannels: [channel] });
  const viewer = await Viewer.open(wsUrl);
  const { id } = await openQueue("emails", prefix).add("letter", {});
  await viewer.next("task_waiting");
  await openRedis().publish(channel, JSON.stringify({ queue: "emails", task_id: id, content: "dear" }));
  expect((await viewer.next("logs")).meta).toMatchObject({ task_id: id, name: "letter" });
});

test("a log channel is heard again after its connection was lost", async () => {
  const { url } = await openPrivateRedis();
  const { wsUrl, httpUrl } = await startBridge({ connection: url, logChannels: ["lines", "more:*"] });
  const viewer = await Viewer.open(wsUrl);
  const redis = openRedis(url);
  await redis.call("CLIENT", "KILL", "TYPE", "pubsub");
  const subscribers = async () => (await redis.call("PUBSUB", "NUMPAT")) as number;
  await expect.poll(subscribers, { timeout: 5000 }).toBe(1);
  await expect.poll(() => redis.publish("lines", "heard"), { timeout: 5000 }).toBe(1);
  await redis.publish("more:of:them", "heard too");
  await viewer.next(({ content }) => content === "heard too");
  expect(viewer.messages.filter(({ content }) => content === "heard")).toHaveLength(1);
  const pubSub = async () => (await readStats(httpUrl)).sources.find(({ kind }) => kind === "log-pub-sub");
  await expect.poll(pubSub).toMatchObject({ state: "reading" });
});

test("a line on a channel that several settings name is shown once, and as often as it was published", async () => {
  const prefix = uniquePrefix();
  const channels = [`${prefix}:lines`, `${prefix}:*`, `${prefix}:li*`];
  const { wsUrl } = await startBridge({ prefix, queues: ["emails"], logChannels: channels });
  const viewer = await Viewer.open(wsUrl);
  const redis = openRedis();
  for (const text of ["same", "same", "other", "same"]) await redis.publish(`${prefix}:lines`, text);
  await redis.publish(`${prefix}:last`, "last");
  const lines = () => viewer.messages.flatMap(({ type, content }) => (type === "logs" ? [content] : []));
  await viewer.until(() => lines().includes("last"), "the last line did not come");
  expect(lines()).toEqual(["same", "same", "other", "same", "last"]);
});
