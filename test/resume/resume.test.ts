import { expect, test } from "vitest";
import { openPrivateRedis, openQueue, told, typesOf } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { addReadOnlyUser } from "../support/read-only-user.ts";
import { openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { cursorsOf, resume, sinceQuery, streamMessages, writeJobs } from "./support.ts";

const EVENTS_PER_JOB = 4;

test("a viewer that was away for 2,000 events gets all of them, exactly as one that stayed", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const redis = openRedis();
  const [stayed, left] = await Promise.all([Viewer.open(wsUrl), Viewer.open(wsUrl)]);
  await writeJobs(redis, `${prefix}:emails:events`, 1);
  await left.next("task_success");
  left.socket.terminate();
  await left.closed;
  await writeJobs(redis, `${prefix}:emails:events`, 500, 2);
  await stayed.until(() => streamMessages(stayed).length === 501 * EVENTS_PER_JOB);

  const back = await resume(wsUrl, left);
  expect(await back.next("subscribed")).toMatchObject({ content: { recovered: true } });
  expect([...streamMessages(left), ...streamMessages(back)]).toEqual(streamMessages(stayed));
  expect(back.messages.filter(({ type }) => type === "gap" || type === "snapshot")).toEqual([]);
  await writeJobs(redis, `${prefix}:emails:events`, 1, 1000);
  await back.until(() => typesOf(back, "emails", "1000").length === EVENTS_PER_JOB);
});

test("the same over a restart of the bridge, names and attempts included", async () => {
  const prefix = uniquePrefix();
  const first = await startBridge({ prefix, queues: ["emails"] });
  await startStockWorker({ queue: "emails", prefix });
  const queue = openQueue("emails", prefix);
  const left = await Viewer.open(first.wsUrl);
  await queue.add("before", {});
  await left.next("task_success");
  await first.close();

  const failing = await queue.add("meanwhile", { progress: [50], failFirst: 1, reason: "busy" }, { attempts: 2 });
  await expect.poll(() => queue.getJobCountByTypes("completed")).toBe(2);
  const second = await startBridge({ prefix, queues: ["emails"] });
  const back = await resume(second.wsUrl, left);
  expect(await back.next("subscribed")).toMatchObject({ content: { recovered: true } });
  const story = told(back, "emails").filter(({ meta }) => meta.task_id === failing.id);
  expect(story.map(({ type, meta }) => [type, meta.name, meta.attempt])).toEqual([
    ["task_added", "meanwhile", 0],
    ["task_waiting", "meanwhile", 0],
    ["task_active", "meanwhile", 1],
    ["task_progress", "meanwhile", 1],
    ["task_retrying", "meanwhile", 1],
    ["task_active", "meanwhile", 2],
    ["task_progress", "meanwhile", 2],
    ["task_success", "meanwhile", 2],
  ]);
  expect(story.find(({ type }) => type === "task_retrying")?.content).toBe("busy");
});

test("with the bridge stopped for 2,000 events and the stream trimmed to 10 the viewer is told of the gap and shown how jobs stand", async () => {
  const prefix = uniquePrefix();
  const redis = openRedis();
  const first = await startBridge({ prefix, queues: ["emails"] });
  const queue = openQueue("emails", prefix);
  const worker = await startStockWorker({ queue: "emails", prefix, concurrency: 5 });
  const left = await Viewer.open(first.wsUrl);
  const ids: string[] = [];
  // At work when the viewer leaves; finished when it is back.
  for (let count = 0; count < 5; count += 1) {
    ids.push((await queue.add("long", { progress: [1, 2], stepMs: 300, result: count })).id ?? "");
  }
  await left.until(() => ids.every((id) => typesOf(left, "emails", id).includes("task_active")));
  await first.close();
  await queue.addBulk(Array.from({ length: 400 }, () => ({ name: "job", data: { progress: [1] } })));
  await expect.poll(() => queue.getJobCountByTypes("completed"), { timeout: 15_000 }).toBe(405);
  await worker.stop();
  await redis.xtrim(`${prefix}:emails:events`, "MAXLEN", 10);
  const waiting = await queue.add("waits", {});

  const second = await startBridge({ prefix, queues: ["emails"] });
  const back = await resume(`${second.wsUrl}?queue=emails&${ids.map((id) => `job=emails:${id}`).join("&")}`, left);
  expect((await back.next("subscribed")).content.recovered).toBe(false);
  const [connected, gap, ...rest] = back.messages;
  expect([connected?.type, gap?.type]).toEqual(["connected", "gap"]);
  expect(gap?.content).toEqual({ queue: "emails", missed: null, truncated: true });
  const snapshots = rest.filter(({ type }) => type === "snapshot");
  for (const [index, id] of ids.entries()) {
    expect(snapshots.find(({ meta }) => meta.task_id === id)?.content).toMatchObject({
      state: "completed",
      result: index,
    });
  }
  expect(snapshots.filter(({ content }) => content.state === "active")).toEqual([]);
  // What happens from now on comes as ever.
  await waiting.remove();
  await back.until(() => typesOf(back, "emails", waiting.id ?? "").includes("task_removed"));
});

test("two queues whose entries share their milliseconds: the viewer cut between them gets both, once", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["a", "b"] });
  const redis = openRedis();
  const write = (queue: string, id: string, job: string) =>
    redis.xadd(`${prefix}:${queue}:events`, id, "event", "added", "jobId", job, "name", "job");
  const ms = Date.now() + 1000;
  const left = await Viewer.open(wsUrl);
  await write("a", `${ms}-0`, "1");
  await left.next(({ meta }) => meta.queue === "a" && meta.task_id === "1");
  const cursors = cursorsOf(left);
  left.socket.terminate();
  await write("b", `${ms}-0`, "1");
  await write("a", `${ms}-1`, "2");
  await write("b", `${ms}-1`, "2");

  const back = new Viewer(`${wsUrl}?${sinceQuery(cursors)}`);
  await back.until(() => ["a", "b"].every((queue) => typesOf(back, queue, "2").length > 0));
  expect(
    streamMessages(back)
      .map(({ meta }) => `${meta.queue}:${meta.task_id}`)
      .sort(),
  ).toEqual(["a:2", "b:1", "b:2"]);
});

test("1,000 viewers returning after a restart cause one read of the stream, not 1,000", {
  timeout: 60_000,
}, async () => {
  const prefix = uniquePrefix();
  const { url } = await openPrivateRedis();
  const redis = openRedis(url);
  const connection = await addReadOnlyUser(url);
  const first = await startBridge({ connection, prefix, queues: ["emails"] });
  const left = await Viewer.open(first.wsUrl);
  await writeJobs(redis, `${prefix}:emails:events`, 10);
  await left.until(() => streamMessages(left).length === 40);
  await first.close();
  await writeJobs(redis, `${prefix}:emails:events`, 30, 100);
  const second = await startBridge({ connection, prefix, queues: ["emails"] });
  const readsOf = async () => {
    const stats = await redis.info("commandstats");
    return Number(/cmdstat_xrevrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await readsOf();
  const query = sinceQuery(cursorsOf(left));
  const counts = await Promise.all(
    Array.from({ length: 1000 }, async () => {
      const viewer = new Viewer(`${second.wsUrl}?${query}`);
      await viewer.until(() => streamMessages(viewer).length === 120 && viewer.messages.at(-1)?.type === "subscribed");
      return streamMessages(viewer).length;
    }),
  );
  expect(new Set(counts)).toEqual(new Set([120]));
  // One page of each stream.
  expect((await readsOf()) - before).toBe(2);
});
