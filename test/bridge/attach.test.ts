import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/private-redis.mjs";
import { BridgeClosedError, createBridge, InvalidQueueError, InvalidSettingsError } from "../../src/index.ts";
import { startBridge } from "../support/bridge.ts";
import { connectionTo, openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { expectWholeStream, openPrivateRedis, openQueue, readHealth, readStats, told, typesOf } from "./support.ts";

const STORY = ["task_added", "task_waiting", "task_active", "task_success"];
const WAITING = ["task_added", "task_waiting"];

function hasBeenTold(viewer: Viewer, queue: string, id: string | undefined, types: string[]): Promise<void> {
  const told = () => typesOf(viewer, queue, id ?? "");
  return viewer.until(() => told().length >= types.length, `${queue}:${id}: not all of ${types}`);
}

/** Whether a queue's streams have been found, as then a subscriber is given its cursor. */
async function isReading(wsUrl: string, queue: string): Promise<boolean> {
  const viewer = await Viewer.open(`${wsUrl}?queue=${queue}`);
  return queue in (await viewer.next("subscribed")).content.cursors;
}

test("jobs of several queues under a custom prefix are told, each under its queue's name", async () => {
  // Characters with a meaning of their own, for SCAN and for Redis Cluster.
  const prefix = `{${uniquePrefix()}}[a-z]*`;
  const names = ["emails", "images to crop", "größe", "{tag}.v2"];
  const { wsUrl, bridge } = await startBridge({ prefix, queues: names });
  await startStockWorker({ queue: "emails", prefix, redisUrl: inject("redisUrl") });
  expect(bridge.queues).toEqual(names);
  const viewer = await Viewer.open(wsUrl);

  for (const name of names) {
    const { id } = await openQueue(name, prefix).add("job", {});
    const story = name === "emails" ? STORY : WAITING;
    await hasBeenTold(viewer, name, id, story);
    expect(typesOf(viewer, name, id ?? "")).toEqual(story);
  }
});

test("the same job id in two queues is two jobs", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails", "images"] });
  await startStockWorker({ queue: "images", prefix, redisUrl: inject("redisUrl") });
  const [all, one] = await Promise.all([Viewer.open(wsUrl), Viewer.open(`${wsUrl}?job=images:same`)]);

  await openQueue("emails", prefix).add("letter", {}, { jobId: "same" });
  await openQueue("images", prefix).add("crop", { progress: [1] }, { jobId: "same" });

  const namesIn = (viewer: Viewer, queue: string) =>
    new Set(told(viewer, queue).flatMap(({ meta }) => (meta.task_id === "same" ? [meta.name] : [])));
  const imageStory = ["task_added", "task_waiting", "task_active", "task_progress", "task_success"];
  await Promise.all([all, one].map((viewer) => hasBeenTold(viewer, "images", "same", imageStory)));
  await hasBeenTold(all, "emails", "same", WAITING);
  expect(typesOf(all, "emails", "same")).toEqual(WAITING);
  expect(namesIn(all, "emails")).toEqual(new Set(["letter"]));
  for (const viewer of [all, one]) {
    expect(typesOf(viewer, "images", "same")).toEqual(imageStory);
    expect(namesIn(viewer, "images")).toEqual(new Set(["crop"]));
  }
  expect(told(one, "emails")).toEqual([]);
});

test("a queue that does not exist yet is told from its first job on", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["someday"] });
  const viewer = await Viewer.open(wsUrl);
  expect(await openRedis().keys(`${prefix}*`)).toEqual([]);

  const { id } = await openQueue("someday", prefix).add("first", {});
  await hasBeenTold(viewer, "someday", id, WAITING);
  expect(typesOf(viewer, "someday", id ?? "")).toEqual(WAITING);
});

test("discovery finds the queues there are, and later ones with the jobs they began with", async () => {
  const prefix = uniquePrefix();
  await openQueue("early", prefix).waitUntilReady();
  // A job whose id is "meta", and a queue of another prefix, are no queues of ours.
  await openQueue("early", prefix).add("job", {}, { jobId: "meta" });
  await openQueue("foreign", `${prefix}x`).waitUntilReady();
  const { bridge, wsUrl } = await startBridge({ prefix, discover: true });
  expect(bridge.queues).toEqual(["early"]);
  const viewer = await Viewer.open(wsUrl);
  const early = await openQueue("early", prefix).add("job", {});
  await hasBeenTold(viewer, "early", early.id, WAITING);

  const later = openQueue("later", prefix);
  const first = await later.add("first", {});
  const second = await later.add("second", {});
  await hasBeenTold(viewer, "later", second.id, WAITING);
  expect(typesOf(viewer, "later", first.id ?? "")).toEqual(WAITING);
  await expectWholeStream(viewer, openRedis(), later, prefix);

  bridge.detachQueue("later");
  const third = await later.add("third", {});
  await openQueue("latest", prefix).add("job", {});
  await viewer.until(() => told(viewer, "latest").length > 0);
  expect(typesOf(viewer, "later", third.id ?? ""), "what was detached is not discovered again").toEqual([]);
  expect(bridge.queues).toEqual(["early", "latest"]);
});

test("a queue attached while running is told with everything that happens from then on", async () => {
  const { bridge, prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const [emails, images, redis] = [openQueue("emails", prefix), openQueue("images", prefix), openRedis()];
  const earlier = await images.add("earlier", {});
  const now = async () => {
    const [seconds, microseconds] = await redis.time();
    return Number(seconds) * 1000 + Number(microseconds) / 1000;
  };
  const addedAtMs = await now();
  // The bridge takes Redis' clock at the end of a round trip, which may be long on a busy machine: it begins that much earlier.
  await expect.poll(now, { interval: 10 }).toBeGreaterThan(addedAtMs + 100);

  bridge.attachQueue("images");
  // Two connections' commands may reach Redis in either order; after one round trip the bridge's has.
  await redis.ping();
  const { id } = await images.add("crop", {});
  // Ends the read that was under way without the new queue.
  await emails.add("letter", {});

  await expect.poll(() => isReading(wsUrl, "images"), { timeout: 5000 }).toBe(true);
  await hasBeenTold(viewer, "images", (await images.add("fence", {})).id, WAITING);
  expect(typesOf(viewer, "images", id ?? "")).toEqual(WAITING);
  expect(typesOf(viewer, "images", earlier.id ?? "")).toEqual([]);
  bridge.attachQueue("images");
  expect(bridge.queues).toEqual(["emails", "images"]);
});

test("a QueueEvents attached while running is told with everything that happens from then on", async () => {
  const { bridge, prefix, wsUrl, httpUrl } = await startBridge({ queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const images = openQueue("images", prefix);
  const instance = new QueueEvents("images", { prefix, connection: connectionTo(inject("redisUrl")) });
  onTestFinished(() => instance.close());
  const reported = new Promise((resolve) => instance.once("waiting", resolve));
  // Its own start is its own affair: it reads from when it first says something.
  await expect.poll(() => Promise.race([reported, images.add("earlier", {}).then(() => null)])).not.toBeNull();

  bridge.attachQueue(instance);
  await openRedis().ping();
  const { id } = await images.add("crop", {});
  await openQueue("emails", prefix).add("letter", {});

  await hasBeenTold(viewer, "images", (await images.add("fence", {})).id, WAITING);
  expect(typesOf(viewer, "images", id ?? "")).toEqual(WAITING);
  expect((await readStats(httpUrl)).sources).toContainEqual(
    expect.objectContaining({ kind: "queue-events", queue: "images", state: "reading" }),
  );
  expect(bridge.detachQueue(instance)).toBe(true);
  const unseen = await images.add("crop", {});
  for (const _ of [1, 2]) {
    const letter = await openQueue("emails", prefix).add("letter", {});
    await hasBeenTold(viewer, "emails", letter.id, WAITING);
  }
  expect(typesOf(viewer, "images", unseen.id ?? "")).toEqual([]);
  expect(instance.closing, "it stays the application's to close").toBeUndefined();
});

test("a detached queue is told no more, and again from when it is attached again", async () => {
  const { bridge, prefix, wsUrl } = await startBridge({ queues: ["emails", "images"] });
  const viewer = await Viewer.open(wsUrl);
  const [emails, images] = [openQueue("emails", prefix), openQueue("images", prefix)];
  const first = await images.add("crop", {});
  await hasBeenTold(viewer, "images", first.id, WAITING);

  expect(bridge.detachQueue("images")).toBe(true);
  expect(bridge.detachQueue("images")).toBe(false);
  expect(bridge.queues).toEqual(["emails"]);
  const unseen = await images.add("crop", {});
  // Told in a later read than any that could still hold the unseen one.
  for (const _ of [1, 2]) await hasBeenTold(viewer, "emails", (await emails.add("letter", {})).id, WAITING);
  expect(typesOf(viewer, "images", unseen.id ?? "")).toEqual([]);

  bridge.attachQueue("images");
  await expect.poll(() => isReading(wsUrl, "images"), { timeout: 5000 }).toBe(true);
  const again = await images.add("crop", {});
  await hasBeenTold(viewer, "images", again.id, WAITING);
  expect(typesOf(viewer, "images", again.id ?? "")).toEqual(WAITING);
  expect(typesOf(viewer, "images", unseen.id ?? "")).toEqual([]);
});

test("when Redis comes up after the bridge, nothing that was added right then is lost", async () => {
  const port = await freePort();
  const { prefix, httpUrl, wsUrl } = await startBridge({
    connection: `redis://127.0.0.1:${port}`,
    queues: ["emails"],
    discover: true,
  });
  const viewer = await Viewer.open(wsUrl);
  const health = await readHealth(httpUrl);
  expect(health).toMatchObject({ httpStatus: 503, status: "unhealthy", checks: { redis: { status: "unhealthy" } } });
  expect(health.checks.redis?.reason).toContain("ECONNREFUSED");

  const { url } = await openPrivateRedis({ port });
  const emails = openQueue("emails", prefix, { redisUrl: url });
  const found = openQueue("found", prefix, { redisUrl: url });
  await Promise.all([...Array.from({ length: 20 }, () => emails.add("letter", {})), found.add("job", {})]);

  await expectWholeStream(viewer, openRedis(url), emails, prefix);
  await expectWholeStream(viewer, openRedis(url), found, prefix);
  expect(told(viewer, "emails").filter(({ type }) => type === "task_added")).toHaveLength(21);
  await expect.poll(() => readHealth(httpUrl)).toMatchObject({ httpStatus: 200, status: "healthy" });
});

test("a restart of Redis loses and doubles nothing", { timeout: 40_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "bullcast-redis-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const args = ["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"];
  const first = await openPrivateRedis({ args });
  const { url, port } = first;
  const { prefix, httpUrl, wsUrl } = await startBridge({ connection: url, queues: ["emails"] });
  const worker = await startStockWorker({ queue: "emails", prefix, redisUrl: url, concurrency: 4 });
  const viewer = await Viewer.open(wsUrl);
  const emails = openQueue("emails", prefix, { redisUrl: url });
  await emails.addBulk(
    Array.from({ length: 400 }, () => ({ name: "letter", data: { progress: [1, 2, 3], stepMs: 10 } })),
  );
  const done = () => told(viewer, "emails").filter(({ type }) => type === "task_success").length;
  await viewer.until(() => done() >= 10, "fewer than 10 done");

  await first.stop("SIGKILL");
  await expect.poll(() => readHealth(httpUrl), { timeout: 5000 }).toMatchObject({ httpStatus: 503 });
  const doneBefore = done();
  expect(doneBefore, "killed in mid-stream").toBeLessThan(350);
  await openPrivateRedis({ port, args });

  // Not all of them: a job whose worker never got Redis' answer waits for BullMQ to call it stalled.
  await viewer.until(() => done() >= doneBefore + 10, "nothing done after the restart");
  await worker.stop();
  await expectWholeStream(viewer, openRedis(url), emails, prefix);
  await expect.poll(() => readHealth(httpUrl)).toMatchObject({ httpStatus: 200, status: "healthy" });
});

test("connections killed in mid-stream lose and double nothing", { timeout: 40_000 }, async () => {
  const { url } = await openPrivateRedis();
  const { prefix, httpUrl, wsUrl } = await startBridge({ connection: url, queues: ["emails"] });
  const worker = await startStockWorker({ queue: "emails", prefix, redisUrl: url, concurrency: 4 });
  const viewer = await Viewer.open(wsUrl);
  const emails = openQueue("emails", prefix, { redisUrl: url });
  const killer = openRedis(url);
  const data = { progress: [1, 2, 3, 4, 5], stepMs: 5 };
  await emails.addBulk(Array.from({ length: 200 }, () => ({ name: "letter", data })));
  const done = () => told(viewer, "emails").filter(({ type }) => type === "task_success").length;

  for (let round = 1; round <= 6; round += 1) {
    await viewer.until(() => done() >= round * 20, `fewer than ${round * 20} done`);
    const killed = await killer.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    // Some of the last round's may not be back yet.
    expect(killed).toBeGreaterThan(0);
  }

  await viewer.until(() => done() >= 140, "nothing done after the last time");
  await worker.stop();
  await expectWholeStream(viewer, killer, emails, prefix);
  await expect.poll(() => readHealth(httpUrl)).toMatchObject({ httpStatus: 200, status: "healthy" });
});

test.each([
  { major: 6, open: () => new Redis(inject("redisUrl")) },
  { major: 5, open: () => new Redis5(inject("redisUrl")) },
])("a client of ioredis $major that was handed in is used and left open", async ({ open }) => {
  const client = open();
  onTestFinished(() => client.disconnect());
  await client.ping();
  const { prefix, wsUrl, close } = await startBridge({ connection: client, queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const { id } = await openQueue("emails", prefix).add("letter", {});
  await hasBeenTold(viewer, "emails", id, WAITING);

  await close();

  expect(client.status).toBe("ready");
  expect(await client.ping()).toBe("PONG");
});

test("ioredis options do for a connection, whatever they say of retries and key prefixes", async () => {
  const connection = { ...connectionTo(inject("redisUrl")), maxRetriesPerRequest: null, keyPrefix: "app:" };
  const { prefix, wsUrl } = await startBridge({ connection, queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const { id } = await openQueue("emails", prefix).add("letter", {});
  await hasBeenTold(viewer, "emails", id, WAITING);
  expect(told(viewer, "emails")[0]?.meta.name).toBe("letter");
});

test("what is no queue is refused", async () => {
  const { bridge, prefix } = await startBridge({ queues: ["emails"] });
  const impossible = ["", "a:b", "x".repeat(257), 7, null, {}, { name: "a:b", on() {}, off() {} }];
  for (const queue of impossible as string[]) {
    expect(() => bridge.attachQueue(queue), JSON.stringify(queue)).toThrow(InvalidQueueError);
    expect(() => bridge.detachQueue(queue), JSON.stringify(queue)).toThrow(InvalidQueueError);
    expect(() => createBridge({ connection: inject("redisUrl"), prefix, queues: [queue, "good"] })).toThrow(
      queue === (impossible.at(-1) as unknown) ? InvalidQueueError : InvalidSettingsError,
    );
  }
  expect(bridge.queues).toEqual(["emails"]);
});

test("a QueueEvents of another prefix is refused, and the error names both", async () => {
  const { bridge, prefix } = await startBridge();
  const connection = connectionTo(inject("redisUrl"));
  const foreign = new QueueEvents("emails", { prefix: "elsewhere", connection });
  const usual = new QueueEvents("emails", { connection });
  onTestFinished(async () => void (await Promise.all([foreign.close(), usual.close()])));

  expect(() => bridge.attachQueue(foreign)).toThrow(InvalidQueueError);
  expect(() => bridge.attachQueue(foreign)).toThrow(/"elsewhere".*"test-/);
  expect(() => bridge.attachQueue(usual)).toThrow(/"bull"/);
  expect(() => createBridge({ connection: inject("redisUrl"), prefix, queues: [foreign] })).toThrow(InvalidQueueError);
  expect(bridge.queues).toEqual([]);
});

test("starting and closing twice is starting and closing once, and what is closed stays closed", async () => {
  const { bridge, wsUrl, httpUrl, prefix } = await startBridge({ queues: ["emails"] });
  expect(bridge.start()).toBe(bridge.start());
  await bridge.start();
  const viewer = await Viewer.open(wsUrl);
  await openQueue("emails", prefix).add("letter", {}, { jobId: "once" });
  await hasBeenTold(viewer, "emails", "once", WAITING);
  expect(typesOf(viewer, "emails", "once")).toEqual(WAITING);

  const closing = bridge.close();
  expect(bridge.close()).toBe(closing);
  await closing;
  expect(await viewer.closed).toMatchObject({ code: 1001 });
  await expect(bridge.start()).rejects.toThrow(BridgeClosedError);
  expect((await Viewer.refusal(wsUrl)).status).toBeGreaterThanOrEqual(400);
  expect(await readHealth(httpUrl)).toMatchObject({ httpStatus: 503, status: "unhealthy" });
});

test("a bridge that was never started can be closed, and one closes while Redis does not answer", async () => {
  const idle = createBridge({ connection: inject("redisUrl"), queues: ["emails"] });
  await idle.close();
  await expect(idle.start()).rejects.toThrow(BridgeClosedError);

  const redis = await openPrivateRedis();
  const { close, wsUrl, prefix } = await startBridge({ connection: redis.url, queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const { id } = await openQueue("emails", prefix, { redisUrl: redis.url }).add("letter", {});
  await hasBeenTold(viewer, "emails", id, WAITING);
  process.kill(redis.pid ?? 0, "SIGSTOP");
  onTestFinished(() => void process.kill(redis.pid ?? 0, "SIGCONT"));
  const startedAtMs = performance.now();
  await close();
  expect(performance.now() - startedAtMs).toBeLessThan(5000);
});
