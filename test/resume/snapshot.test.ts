import { expect, test } from "vitest";
import { openQueue, typesOf } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";

/** What a late viewer of one job is shown first. */
async function snapshotOf(wsUrl: string, queue: string, id: string) {
  const viewer = await Viewer.open(`${wsUrl}?job=${queue}:${encodeURIComponent(id)}`);
  const snapshots = viewer.messages.filter(({ type }) => type === "snapshot");
  expect(viewer.messages.map(({ type }) => type).slice(0, 3)).toEqual(["connected", "snapshot", "subscribed"]);
  return { viewer, snapshot: snapshots[0] };
}

test("a viewer that comes before, during or after a job is shown how it stands, then what happens", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const queue = openQueue("emails", prefix);
  const { id = "" } = await queue.add("letter", { progress: [10, 20], stepMs: 400, logs: 2, result: "sent" });
  const before = await snapshotOf(wsUrl, "emails", id);
  expect(before.snapshot?.content).toMatchObject({ state: "waiting", name: "letter", attempt: 0, logs: [] });
  await startStockWorker({ queue: "emails", prefix });
  await before.viewer.next(({ type, content }) => type === "task_progress" && content === 20);
  const during = await snapshotOf(wsUrl, "emails", id);
  expect(during.snapshot?.content).toMatchObject({
    state: "active",
    attempt: 1,
    progress: 20,
    started_at: expect.any(String),
  });
  await during.viewer.next("task_success");
  const after = await snapshotOf(wsUrl, "emails", id);
  expect(after.snapshot).toMatchObject({
    meta: { queue: "emails", task_id: id, name: "letter" },
    content: {
      state: "completed",
      result: "sent",
      logs: [
        { line: 0, level: null, content: "line 0", timestamp: null },
        { line: 1, level: null, content: "line 1", timestamp: null },
      ],
    },
  });
  expect(after.snapshot?.meta.cursor).toBeUndefined();
  expect(typesOf(during.viewer, "emails", id).filter((type) => type === "task_success")).toHaveLength(1);
});

test("200 jobs of 5 ms, removed as they complete, their viewers 300 ms late, the bridge restarted half-way: 200 right states with their results", {
  timeout: 60_000,
}, async () => {
  const prefix = uniquePrefix();
  await startStockWorker({ queue: "emails", prefix, concurrency: 20 });
  const queue = openQueue("emails", prefix);
  let running = await startBridge({ prefix, queues: ["emails"] });
  const states = new Map<string, unknown>();
  const restart = async () => {
    await running.close();
    running = await startBridge({ prefix, queues: ["emails"] });
  };
  let restarted = Promise.resolve();
  const watch = async (id: string) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    let seen: ReceivedMessage | undefined;
    // One that is cut off by the restart comes back, as a client does.
    while (!seen) {
      await restarted;
      const viewer = new Viewer(`${running.wsUrl}?job=emails:${id}`);
      await Promise.race([viewer.closed, viewer.next("snapshot").catch(() => undefined)]);
      seen = viewer.messages.find(({ type, content }) => type === "task_success" || content?.state === "completed");
      if (!seen && viewer.socket.readyState === viewer.socket.OPEN) seen = await viewer.next("task_success");
      viewer.socket.terminate();
    }
    const { type, content } = seen;
    const result = type === "snapshot" ? content.result : content;
    states.set(id, { state: "completed", result });
  };
  const watching: Promise<void>[] = [];
  const expected = new Map<string, unknown>();
  for (let count = 0; count < 200; count += 1) {
    const data = { progress: [1], stepMs: 5, result: `result ${count}` };
    const { id = "" } = await queue.add("quick", data, { removeOnComplete: true });
    expected.set(id, { state: "completed", result: `result ${count}` });
    watching.push(watch(id));
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (count === 100) restarted = restart();
  }
  await Promise.all(watching);
  expect(Object.fromEntries(states)).toEqual(Object.fromEntries(expected));
});

test("a job that is nowhere is unknown, and one that comes later is shown as it comes", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const { viewer, snapshot } = await snapshotOf(wsUrl, "emails", "later:on");
  expect(snapshot?.content).toMatchObject({ state: "unknown", name: null, result: null });
  await openQueue("emails", prefix).add("job", {}, { jobId: "later-on" });
  const queue = openQueue("emails", prefix);
  await openRedis().xadd(`${prefix}:emails:events`, "*", "event", "added", "jobId", "later:on", "name", "job");
  await viewer.next("task_added");
  await queue.close();
});

test("a job of a queue that is not attached is unknown, and is shown when its queue is", async () => {
  const { bridge, prefix, wsUrl } = await startBridge({ queues: [] });
  const queue = openQueue("emails", prefix);
  const { id = "" } = await queue.add("letter", { result: "sent" });
  const worker = await startStockWorker({ queue: "emails", prefix });
  const { viewer, snapshot } = await snapshotOf(wsUrl, "emails", id);
  expect(snapshot?.content).toMatchObject({ state: "unknown" });
  expect((await viewer.next("subscribed")).content).toMatchObject({ recovered: false, cursors: {} });
  await expect.poll(async () => (await queue.getJob(id))?.getState()).toBe("completed");
  bridge.attachQueue("emails");
  await viewer.next(({ type, content }) => type === "snapshot" && content.state === "completed");
  await worker.stop();
});

test("waiting jobs that are drained or obliterated away under their viewers are said to be removed", {
  timeout: 60_000,
}, async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const queue = openQueue("emails", prefix, { streams: { events: { maxLen: 100 } } });
  await queue.waitUntilReady();
  const viewer = await Viewer.open(wsUrl);
  const drained = (await queue.add("job", {})).id ?? "";
  await viewer.until(() => typesOf(viewer, "emails", drained).includes("task_waiting"));
  await queue.drain();
  await viewer.until(() => typesOf(viewer, "emails", drained).includes("task_removed"), "drained but not told");
  const removed = viewer.messages.find(({ type }) => type === "task_removed");
  expect(removed?.meta).toEqual({ queue: "emails", task_id: drained, name: "job" });

  const obliterated = (await queue.add("job", {})).id ?? "";
  await viewer.until(() => typesOf(viewer, "emails", obliterated).includes("task_waiting"));
  await queue.obliterate({ force: true });
  await viewer.until(() => typesOf(viewer, "emails", obliterated).includes("task_removed"), "obliterated but not told");
});
