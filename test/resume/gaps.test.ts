import { expect, test } from "vitest";
import { openPrivateRedis, openQueue, readStats, typesOf } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { addReadOnlyUser } from "../support/read-only-user.ts";
import { openRedis } from "../support/redis.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { resume, writeJobs } from "./support.ts";

const END_OF: Readonly<Record<string, string>> = {
  task_success: "completed",
  task_failed: "failed",
  task_removed: "removed",
};

/** How each job stands to who has seen these messages. */
function statesOf({ messages }: Viewer): Map<string, string> {
  const states = new Map<string, string>();
  for (const { type, content, meta } of messages) {
    if (type === "snapshot") states.set(meta.task_id, content.state);
    else if (type.startsWith("task_")) states.set(meta.task_id, END_OF[type] ?? type);
  }
  return states;
}

test.each([0, 10])(
  "with BullMQ keeping %i events a viewer is told of gaps and ends with every job in its right state",
  {
    timeout: 60_000,
  },
  async (maxLen) => {
    const { prefix, wsUrl, httpUrl } = await startBridge({ queues: ["emails"] });
    const queue = openQueue("emails", prefix, { streams: { events: { maxLen } } });
    await queue.waitUntilReady();
    await startStockWorker({ queue: "emails", prefix, concurrency: 20 });
    const viewer = await Viewer.open(wsUrl);
    const data = { progress: [1, 2, 3], result: "done" };
    const kept = await queue.addBulk(Array.from({ length: 300 }, () => ({ name: "job", data })));
    const removed = await queue.addBulk(
      Array.from({ length: 100 }, () => ({ name: "job", data, opts: { removeOnComplete: true } })),
    );
    await expect.poll(() => queue.getJobCountByTypes("wait", "active"), { timeout: 20_000 }).toBe(0);
    const isRight = () => {
      const states = statesOf(viewer);
      const areKept = kept.every(({ id = "" }) => states.get(id) === "completed" || !states.has(id));
      return areKept && removed.every(({ id = "" }) => [undefined, "completed", "removed"].includes(states.get(id)));
    };
    await expect.poll(isRight, { timeout: 25_000 }).toBe(true);
    expect(viewer.messages.filter(({ type }) => type === "gap").length).toBeGreaterThan(0);
    const gaps = (await readStats(httpUrl)).sources.find(({ kind }) => kind === "event-stream")?.gaps;
    expect(gaps).toBeGreaterThan(0);
    // A job of which every event was lost can be asked for.
    for (const { id = "" } of kept.slice(0, 20)) {
      viewer.send({ type: "subscribe", content: { topics: [`job:emails:${id}`] } });
      await viewer.until(() => statesOf(viewer).get(id) === "completed", `job ${id}`);
    }
  },
);

test("a trim that takes events before they could be read is a gap with their number, and one that does not is none", async () => {
  const { url } = await openPrivateRedis();
  const { prefix, wsUrl, bridge } = await startBridge({ connection: await addReadOnlyUser(url), queues: ["emails"] });
  const redis = openRedis(url);
  const key = `${prefix}:emails:events`;
  const viewer = await Viewer.open(wsUrl);
  await writeJobs(redis, key, 2);
  await viewer.until(() => typesOf(viewer, "emails", "2").length === 4);
  // All that was read is trimmed: nothing is lost.
  await redis.xtrim(key, "MAXLEN", 0);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await writeJobs(redis, key, 1, 3);
  await viewer.until(() => typesOf(viewer, "emails", "3").length === 4);
  expect(viewer.messages.filter(({ type }) => type === "gap")).toEqual([]);

  await new Promise((resolve) => setTimeout(resolve, 1100));
  const transaction = redis.multi();
  for (let job = 10; job < 30; job += 1)
    transaction.xadd(key, "*", "event", "added", "jobId", String(job), "name", "job");
  transaction.xtrim(key, "MAXLEN", 5);
  await transaction.exec();
  const gap = await viewer.next("gap");
  expect(gap.content).toEqual({ queue: "emails", missed: 15, truncated: false });
  await viewer.until(() => typesOf(viewer, "emails", "29").length === 1);
  expect(bridge.stats().sources.map(({ kind, gaps }) => [kind, gaps])).toContainEqual(["event-stream", 1]);
});

test("Redis that comes back without its newest events, or empty, is a gap; what comes then is told", {
  timeout: 60_000,
}, async () => {
  const first = await openPrivateRedis();
  const port = Number(new URL(first.url).port);
  const { prefix, wsUrl } = await startBridge({ connection: await addReadOnlyUser(first.url), queues: ["emails"] });
  const viewer = await Viewer.open(wsUrl);
  const redis = openRedis(first.url);
  await writeJobs(redis, `${prefix}:emails:events`, 3);
  await viewer.until(() => typesOf(viewer, "emails", "3").length === 4);
  const left = await Viewer.open(wsUrl);
  left.socket.terminate();
  await first.stop();
  await addReadOnlyUser((await openPrivateRedis({ port })).url);
  const gap = await viewer.next("gap");
  expect(gap.content).toEqual({ queue: "emails", missed: null, truncated: false });
  await expect.poll(() => redis.ping().catch(() => ""), { timeout: 10_000 }).toBe("PONG");
  await writeJobs(redis, `${prefix}:emails:events`, 1, 50);
  await viewer.until(() => typesOf(viewer, "emails", "50").length === 4);
  // One that was away meanwhile is told too.
  const back = await resume(wsUrl, left);
  expect(back.messages.map(({ type }) => type)).toContain("gap");
  expect((await back.next("subscribed")).content.recovered).toBe(false);
});
