import type { AddressInfo, Socket } from "node:net";
import { connect as connectSocket, createServer } from "node:net";
import { QueueEvents } from "bullmq";
import { QueueEvents as QueueEvents5 } from "bullmq5";
import { expect, inject, onTestFinished, test } from "vitest";
import type { RunningBridge } from "../support/bridge.ts";
import { startBridge } from "../support/bridge.ts";
import { connectionTo, openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { startWorker } from "../support/worker-process.ts";
import { expectWholeStream, malformedOf, openQueue, readHealth, readStats, typesOf } from "./support.ts";

const STORY = ["task_added", "task_waiting", "task_active", "task_success"];

/** What others may write into a queue's event stream, none of which can be told. */
const MALFORMED_ENTRIES = [
  ["event", "progress", "jobId", "1", "data", "{not-json"],
  ["event", "completed", "jobId", "1"],
  ["event", "error", "jobId", "1"],
  ["event", "ioredis:close"],
  ["jobId", "1", "name", "without an event"],
];

/** The warnings of a bridge about inputs it passed over. */
function complaints({ logs }: RunningBridge): unknown[] {
  return logs.flatMap(({ msg, level, reason }) =>
    level === 40 && msg === "malformed input passed over" ? reason : [],
  );
}

function hasSucceeded(viewer: Viewer, queue: string, id = ""): Promise<void> {
  return viewer.until(() => typesOf(viewer, queue, id).includes("task_success"), `job ${id} never succeeded`);
}

/** A worker, a viewer of everything and a queue. */
async function openScene(running: RunningBridge) {
  const { prefix, wsUrl } = running;
  const [viewer] = await Promise.all([
    Viewer.open(wsUrl),
    startWorker("troubled-worker.mjs", { queue: "emails", prefix, bullmq: 6 }),
  ]);
  return { viewer, queue: openQueue("emails", prefix), redis: openRedis(), key: `${prefix}:emails:events` };
}

/** A `QueueEvents` of the application, which ends with the test; what it reports as errors is its owner's affair. */
async function openQueueEvents(prefix: string, redisUrl = inject("redisUrl")): Promise<QueueEvents> {
  const instance = new QueueEvents("emails", { prefix, connection: connectionTo(redisUrl) });
  instance.on("error", () => undefined);
  onTestFinished(() => instance.close());
  await instance.waitUntilReady();
  return instance;
}

/** The same of BullMQ 5. */
async function openQueueEvents5(prefix: string): Promise<QueueEvents5> {
  const instance = new QueueEvents5("emails", { prefix, connection: connectionTo(inject("redisUrl")) });
  instance.on("error", () => undefined);
  onTestFinished(() => instance.close());
  await instance.waitUntilReady();
  return instance;
}

test("what is malformed in an event stream is passed over, counted and logged, and the next job is told", async () => {
  const running = await startBridge({ queues: ["emails"] });
  const { viewer, queue, redis, key } = await openScene(running);

  for (const fields of MALFORMED_ENTRIES) await redis.xadd(key, "*", ...fields);
  const careless = await queue.add("careless", { carelessProgress: true });
  const { id } = await queue.add("good", {});

  await hasSucceeded(viewer, "emails", id);
  expect(typesOf(viewer, "emails", id ?? "")).toEqual(STORY);
  await hasSucceeded(viewer, "emails", careless.id);
  expect(typesOf(viewer, "emails", careless.id ?? "")).toEqual(STORY);
  expect(viewer.messages.filter(({ type }) => type === "task_progress" || type === "error")).toEqual([]);
  expect(malformedOf(await readStats(running.httpUrl), "event-stream")).toBe(MALFORMED_ENTRIES.length + 1);
  expect(complaints(running)).toEqual([
    expect.stringContaining("{not-json"),
    expect.stringContaining('"returnvalue"'),
    expect.stringContaining('"error"'),
    expect.stringContaining('"ioredis:close"'),
    expect.stringContaining("without an event name"),
    expect.stringContaining('"data" is not JSON'),
  ]);
  expect(await readHealth(running.httpUrl)).toMatchObject({ httpStatus: 200, status: "healthy" });
});

test.each([
  { major: 6, open: openQueueEvents },
  { major: 5, open: openQueueEvents5 },
])(
  "a QueueEvents of BullMQ $major that dies of a malformed entry is replaced with nothing lost or doubled",
  async ({ open }) => {
    const prefix = uniquePrefix();
    const instance = await open(prefix);
    const running = await startBridge({ prefix, queues: [instance] });
    const { httpUrl } = running;
    const { viewer, queue, redis, key } = await openScene(running);
    const before = await queue.add("before", {});
    await hasSucceeded(viewer, "emails", before.id);
    expect((await readStats(httpUrl)).sources).toContainEqual(
      expect.objectContaining({ kind: "queue-events", queue: "emails", state: "reading" }),
    );
    expect((await readHealth(httpUrl)).status).toBe("healthy");

    // Without a pause, so that the deadly entries come in the same reply as good ones.
    const during = await Promise.all([
      queue.add("during", {}),
      ...MALFORMED_ENTRIES.map((fields) => redis.xadd(key, "*", ...fields)),
      queue.add("careless", { carelessProgress: true }),
      queue.add("during", {}),
    ]);
    expect(during).toHaveLength(MALFORMED_ENTRIES.length + 3);
    await viewer.until(() => viewer.messages.filter(({ type }) => type === "task_success").length === 4);
    const after = await queue.add("after", {});
    await hasSucceeded(viewer, "emails", after.id);

    await expectWholeShown(viewer, running, queue);
    expect(await readHealth(httpUrl)).toMatchObject({
      httpStatus: 200,
      status: "degraded",
      checks: { "queue_events:emails": { status: "degraded", reason: expect.stringContaining("reported an error") } },
    });
    const stats = await readStats(httpUrl);
    expect(stats.sources).toContainEqual(expect.objectContaining({ kind: "queue-events", state: "taken_over" }));
    expect(malformedOf(stats, "event-stream")).toBe(MALFORMED_ENTRIES.length + 1);
  },
);

test("a QueueEvents that its application has closed is replaced", async () => {
  const prefix = uniquePrefix();
  const instance = await openQueueEvents(prefix);
  const running = await startBridge({ prefix, queues: [instance] });
  const { viewer, queue } = await openScene(running);
  const before = await queue.add("before", {});
  await hasSucceeded(viewer, "emails", before.id);

  await instance.close();
  const after = await queue.add("after", {});
  await hasSucceeded(viewer, "emails", after.id);

  await expectWholeShown(viewer, running, queue);
  expect(await readHealth(running.httpUrl)).toMatchObject({
    status: "degraded",
    checks: { "queue_events:emails": { reason: expect.stringContaining("has not reported entry") } },
  });
});

test("a QueueEvents whose connection has gone silent is replaced, and what it says late is not told again", async () => {
  const prefix = uniquePrefix();
  const line = await openLine(inject("redisUrl"));
  const instance = await openQueueEvents(prefix, line.url);
  const running = await startBridge({ prefix, queues: [instance] });
  const { viewer, queue } = await openScene(running);
  const before = await queue.add("before", {});
  await hasSucceeded(viewer, "emails", before.id);

  line.hold();
  const during = await queue.add("during", {});
  await hasSucceeded(viewer, "emails", during.id);
  const saidLate = new Promise<void>((resolve) => {
    instance.on("completed", ({ jobId }: { jobId: string }) => {
      if (jobId === during.id) resolve();
    });
  });
  line.release();
  await saidLate;
  const after = await queue.add("after", {});
  await hasSucceeded(viewer, "emails", after.id);

  await expectWholeShown(viewer, running, queue);
  expect((await readHealth(running.httpUrl)).checks["queue_events:emails"]?.reason).toContain("has not reported entry");
});

test("what is malformed in a log stream is passed over, counted and logged, and the next line is told", async () => {
  const running = await startBridge({ queues: ["emails"] });
  const { prefix, httpUrl, wsUrl } = running;
  const viewer = await Viewer.open(wsUrl);
  const [redis, key] = [openRedis(), `${prefix}:emails:bullcast-logs`];

  for (const fields of [
    ["msg", "of no job"],
    ["job", "1", "level", "info"],
    ["job", "1", "msg", "at no time", "time", "noon"],
    ["job", "1", "dropped", "many"],
    ["job", "1", "msg", "with broken data", "data", "{"],
    ["job", "1", "msg", "after the end of time", "time", "9".repeat(20)],
  ]) {
    await redis.xadd(key, "*", ...fields);
  }
  await redis.xadd(key, "*", "job", "1", "msg", "good");

  await viewer.next(({ content }) => content === "good");
  expect(viewer.messages.filter(({ type }) => type === "logs")).toHaveLength(1);
  expect(malformedOf(await readStats(httpUrl), "log-stream")).toBe(6);
  expect(complaints(running)).toHaveLength(6);
});

test("JSON on a log channel that is no log line is passed over, counted and logged", async () => {
  const channel = "malformed:lines";
  const running = await startBridge({ logChannels: [channel] });
  const viewer = await Viewer.open(running.wsUrl);
  const redis = openRedis();
  const line = { queue: "emails", task_id: "1", content: "good" };

  for (const wrong of [
    { ...line, queue: "a:b" },
    { ...line, task_id: undefined },
    { ...line, content: { not: "text" } },
    { ...line, timestamp: "yesterday" },
    { ...line, level: "x".repeat(33) },
    [line],
  ]) {
    await redis.publish(channel, JSON.stringify(wrong));
  }
  await redis.publish(channel, JSON.stringify(line));

  await viewer.next(({ content }) => content === "good");
  expect(viewer.messages.filter(({ type }) => type === "logs")).toHaveLength(1);
  expect(malformedOf(await readStats(running.httpUrl), "log-pub-sub")).toBe(6);
  expect(complaints(running)).toHaveLength(6);
});

test("what a line on a log channel lacks is logged in plain words", async () => {
  const channel = "malformed:words";
  const running = await startBridge({ logChannels: [channel] });
  await openRedis().publish(channel, JSON.stringify({ queue: "reports" }));
  await expect.poll(() => complaints(running)).toHaveLength(1);
  expect(complaints(running)[0]).toBe(
    "task_id: expected a job id: a string of at least one character, or a number, given nothing; " +
      "content: expected the line: a string, given nothing",
  );
});

test("a flood of malformed entries does not flood the log", async () => {
  const running = await startBridge({ queues: ["emails"] });
  const { viewer, queue, redis, key } = await openScene(running);
  const pipeline = redis.pipeline();
  for (let entry = 0; entry < 5000; entry += 1) pipeline.xadd(key, "*", "event", "progress", "jobId", "1");
  await pipeline.exec();
  const { id } = await queue.add("good", {});
  await hasSucceeded(viewer, "emails", id);

  expect(malformedOf(await readStats(running.httpUrl), "event-stream")).toBe(5000);
  expect(complaints(running).length).toBeLessThan(100);
});

/** The whole stream but for what is malformed in it. */
async function expectWholeShown(
  viewer: Viewer,
  { prefix }: RunningBridge,
  queue: ReturnType<typeof openQueue>,
): Promise<void> {
  await removeMalformed(`${prefix}:emails:events`);
  await expectWholeStream(viewer, openRedis(), queue, prefix);
}

/** Takes what cannot be told out of a stream whose entries have all been read, so that the rest can be compared. */
async function removeMalformed(key: string): Promise<void> {
  const redis = openRedis();
  for (const [id, flat] of await redis.xrange(key, "-", "+")) {
    const isMalformed = MALFORMED_ENTRIES.some((fields) => fields.join() === flat.join());
    if (isMalformed || flat.join().startsWith("event,progress")) await redis.xdel(key, id);
  }
}

/** A line to Redis that can be held: what is sent meanwhile in either direction arrives when it is released. */
async function openLine(redisUrl: string) {
  const { port, hostname } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connectSocket(Number(port), hostname);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: () => {
      for (const socket of sockets) socket.pause();
    },
    release: () => {
      for (const socket of sockets) socket.resume();
    },
  };
}
