import { Queue } from "bullmq";
import { expect, inject, onTestFinished, test } from "vitest";
import { startBridge } from "./support/bridge.ts";
import { Viewer } from "./support/viewer.ts";
import { startStockWorker } from "./support/worker-process.ts";

test("a viewer sees a job of a worker process from its adding to its end", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  await startStockWorker({ queue: "emails", prefix, redisUrl: inject("redisUrl") });
  const viewer = await Viewer.open(wsUrl);
  const queue = new Queue("emails", { prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());

  const { id = "" } = await queue.add("welcome", { progress: [50], result: { sent: true } });

  await viewer.next("task_success");
  expect(viewer.ofJob(id).map(({ type }) => type)).toEqual([
    "task_added",
    "task_waiting",
    "task_active",
    "task_progress",
    "task_success",
  ]);
});
