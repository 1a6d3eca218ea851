import type { Queue } from "bullmq";
import { pino } from "pino";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import type { QueueCount } from "../../src/sources/queue-counts.ts";
import { QueueCounts } from "../../src/sources/queue-counts.ts";
import { RedisConnection } from "../../src/sources/redis-connections.ts";
import { connectionTo, openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { MAJORS } from "./majors.ts";
import { openPrivateRedis } from "./support.ts";

const HOUR_MS = 3_600_000;
const NONE = {
  active: 0,
  waiting: 0,
  prioritized: 0,
  delayed: 0,
  "waiting-children": 0,
  paused: 0,
  failed: 0,
  completed: 0,
};

/** Counts queues as the recommended Redis user; `again` counts past the pause between two counts. */
async function openCounts(prefix: string, queues: string[], redisUrl = inject("readOnlyUrl")) {
  const connection = new RedisConnection(redisUrl);
  onTestFinished(() => connection.close());
  connection.open();
  expect(await connection.whenReady(5000)).toBe(true);
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  onTestFinished(() => clock.mockRestore());
  const counts = new QueueCounts({ connection, prefix, queues: () => queues, logger: pino({ level: "silent" }) });
  const again = async (queue: string): Promise<QueueCount | null> => {
    nowMs += HOUR_MS;
    await counts.refresh();
    return counts.of(queue);
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { counts, again, pass };
}

describe.each(MAJORS)("of BullMQ $bullmq", ({ bullmq, QueueClass, FlowClass }) => {
  function openScope() {
    const scope = { prefix: uniquePrefix(), connection: connectionTo(inject("redisUrl")) };
    const openQueue = (name: string): Queue => {
      const queue = new QueueClass(name, scope);
      onTestFinished(() => queue.close());
      return queue;
    };
    return { ...scope, scope, openQueue };
  }

  test("jobs are counted by state as BullMQ itself counts them", async () => {
    const { prefix, scope, openQueue } = openScope();
    const [idle, worked] = [openQueue("idle"), openQueue("worked")];
    const flow = new FlowClass(scope);
    onTestFinished(() => flow.close());
    await idle.add("letter", {});
    await idle.add("letter", {}, { priority: 3 });
    await idle.addBulk([1, 2].map(() => ({ name: "letter", data: {}, opts: { delay: HOUR_MS } })));
    await flow.add({
      name: "book",
      queueName: "idle",
      children: [1, 2, 3].map(() => ({ name: "page", queueName: "idle" })),
    });
    await startStockWorker({ queue: "worked", prefix, bullmq });
    await worked.addBulk([0, 0, 1].map((failFirst) => ({ name: "letter", data: { failFirst } })));
    await worked.add("letter", { progress: [1, 2], stepMs: HOUR_MS });
    const { again } = await openCounts(prefix, ["idle", "worked"]);

    await expect
      .poll(async () => (await again("worked"))?.counts, { timeout: 10_000 })
      .toEqual({ ...NONE, active: 1, completed: 2, failed: 1 });
    expect(await again("idle")).toMatchObject({
      isPaused: false,
      counts: { ...NONE, waiting: 4, prioritized: 1, delayed: 2, "waiting-children": 1 },
    });
    for (const queue of [idle, worked]) {
      const { waiting, ...others } = await queue.getJobCounts();
      expect((await again(queue.name))?.counts).toMatchObject({ ...others, waiting });
    }
  });

  test("a paused queue is known as such, and its jobs are counted where BullMQ has them", async () => {
    const { prefix, openQueue } = openScope();
    const queue = openQueue("halted");
    const { again } = await openCounts(prefix, ["halted"]);
    await queue.add("letter", {});
    await queue.pause();
    const counts = bullmq === 5 ? { ...NONE, paused: 1 } : { ...NONE, waiting: 1 };
    expect(await again("halted")).toMatchObject({ isPaused: true, counts });
    await queue.resume();
    expect(await again("halted")).toMatchObject({ isPaused: false, counts: { ...NONE, waiting: 1 } });
  });
});

test("what early versions of BullMQ 5 put at the end of a list is not counted", async () => {
  const prefix = uniquePrefix();
  const redis = openRedis();
  await redis.rpush(`${prefix}:old:wait`, "3", "2", "0:1700000000000");
  await redis.rpush(`${prefix}:old:paused`, "0:0");
  const { again } = await openCounts(prefix, ["old"]);
  expect((await again("old"))?.counts).toEqual({ ...NONE, waiting: 2 });
});

test("a queue that does not exist has no jobs, one with a key of another kind no counts; others are counted", async () => {
  const prefix = uniquePrefix();
  const redis = openRedis();
  await redis.set(`${prefix}:odd:wait`, "no list");
  const { again, counts } = await openCounts(prefix, ["none", "odd", "__proto__"]);
  expect(counts.of("none")).toBeNull();
  expect((await again("none"))?.counts).toEqual(NONE);
  expect(counts.of("odd")).toBeNull();
  expect(counts.of("__proto__")?.counts).toEqual(NONE);
  expect(counts.of("constructor")).toBeNull();
});

test("few queues are counted once a second at most, many less often", async () => {
  const prefix = uniquePrefix();
  const redis = openRedis();
  const queues = ["first"];
  const { counts, pass } = await openCounts(prefix, queues);
  const seen = async () => {
    await counts.refresh();
    return counts.of("first")?.counts.waiting;
  };
  await Promise.all([seen(), seen()]);
  await redis.lpush(`${prefix}:first:wait`, "1");
  pass(899);
  expect(await seen()).toBe(0);
  pass(1);
  expect(await seen()).toBe(1);

  queues.push(...Array.from({ length: 199 }, (_, index) => `more ${index}`));
  pass(1000);
  expect(await seen()).toBe(1);
  expect(counts.of("more 198")?.counts).toEqual(NONE);
  await redis.lpush(`${prefix}:first:wait`, "2");
  pass(10_000);
  expect(await seen()).toBe(1);
  pass(1000);
  expect(await seen()).toBe(2);
});

test("while Redis is away the last counts stay, with their time", async () => {
  const redis = await openPrivateRedis();
  const { counts, again } = await openCounts("bull", ["letters"], redis.url);
  const before = await again("letters");
  expect(before?.counts).toEqual(NONE);
  await redis.stop();
  expect(await again("letters")).toEqual(before);
  expect(counts.of("letters")).toEqual(before);
});

test("a queue that is attached no more is forgotten", async () => {
  const queues = ["letters"];
  const { counts, again } = await openCounts(uniquePrefix(), queues);
  expect(await again("letters")).not.toBeNull();
  queues.pop();
  expect(await again("letters")).toBeNull();
  expect(counts.of("letters")).toBeNull();
});
