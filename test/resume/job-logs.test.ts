import { expect, test } from "vitest";
import { openPrivateRedis, openQueue, readStats } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { addReadOnlyUser } from "../support/read-only-user.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker, startWorker } from "../support/worker-process.ts";

const LINES = 200;

/** Numbers of the lines a viewer has of a job, those of its snapshot first. */
function linesOf({ messages }: Viewer, taskId: string): (number | null)[] {
  return messages
    .filter(({ meta }) => meta.task_id === taskId)
    .flatMap(({ type, content, meta }): (number | null)[] => {
      if (type === "snapshot") return (content.logs as { line: number | null }[]).map(({ line }) => line);
      return type === "logs" ? [meta.line ?? null] : [];
    });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

test.each([
  { mode: "tracking", denied: [], boundMs: 10 },
  { mode: "polling", denied: ["-client|tracking"], boundMs: 600 },
])(
  "$mode: a viewer that joins at line 100 of 200 has all of them, in order, once each, before the end",
  {
    timeout: 60_000,
  },
  async ({ mode, denied, boundMs }) => {
    const { url } = await openPrivateRedis();
    const connection = await addReadOnlyUser(url, denied);
    const { prefix, wsUrl, httpUrl } = await startBridge({ connection, queues: ["emails"] });
    const queue = openQueue("emails", prefix, { redisUrl: url });
    await startWorker("job-log-worker.mjs", { queue: "emails", prefix, redisUrl: url });
    const first = await Viewer.open(wsUrl);
    const delays: number[] = [];
    first.socket.on("message", (data) => {
      const { type, content } = JSON.parse(String(data)) as ReceivedMessage;
      if (type === "logs" && content) delays.push(Date.now() - Number(String(content).split(" ")[1]));
    });
    const { id = "" } = await queue.add("job", { lines: LINES, pauseMs: 10 });
    await first.until(() => linesOf(first, id).length >= LINES / 2);
    const late = await Viewer.open(`${wsUrl}?job=emails:${id}`);
    const all = Array.from({ length: LINES }, (_, line) => line);
    for (const viewer of [first, late]) {
      await viewer.next("task_success");
      expect(linesOf(viewer, id)).toEqual(all);
      expect(viewer.messages.at(-1)?.type).toMatch(/task_success|queue_drained/);
    }
    expect(median(delays)).toBeLessThan(boundMs);
    expect((await readStats(httpUrl)).sources).toContainEqual(
      expect.objectContaining({ kind: "job-log-tail", mode, state: "reading" }),
    );
  },
);

test("lines of jobs that end faster than they can be tailed come before their ends, each once", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const queue = openQueue("emails", prefix);
  await startStockWorker({ queue: "emails", prefix, concurrency: 20 });
  const viewer = await Viewer.open(wsUrl);
  const jobs = await queue.addBulk(Array.from({ length: 100 }, () => ({ name: "job", data: { logs: 5 } })));
  await viewer.until(() => viewer.messages.filter(({ type }) => type === "task_success").length === 100);
  for (const { id = "" } of jobs) {
    expect(linesOf(viewer, id)).toEqual([0, 1, 2, 3, 4]);
    const own = viewer.messages.filter(({ meta }) => meta.task_id === id);
    expect(own.at(-1)?.type).toBe("task_success");
  }
});

test("lines that were logged while nobody watched, or while the bridge was away, come with the resume", async () => {
  const { prefix, wsUrl, close } = await startBridge({ queues: ["emails"] });
  const queue = openQueue("emails", prefix);
  await startStockWorker({ queue: "emails", prefix, concurrency: 5 });
  const left = await Viewer.open(wsUrl);
  const cursor = (await left.next("subscribed")).content.cursors.emails;
  left.socket.terminate();
  await left.closed;
  const meanwhile = await queue.add("job", { logs: 3 });
  await expect.poll(() => queue.getJobCountByTypes("completed")).toBe(1);
  const back = await Viewer.open(`${wsUrl}?since=${cursor}`);
  expect(linesOf(back, meanwhile.id ?? "")).toEqual([0, 1, 2]);
  const order = back.messages.map(({ type }) => type).filter((type) => /^(logs|task_success|subscribed)$/.test(type));
  expect(order).toEqual(["logs", "logs", "logs", "task_success", "subscribed"]);

  await close();
  const away = await queue.add("job", { logs: 4 });
  await expect.poll(() => queue.getJobCountByTypes("completed")).toBe(2);
  const second = await startBridge({ prefix, queues: ["emails"] });
  const again = await Viewer.open(`${second.wsUrl}?since=${cursor}`);
  expect(linesOf(again, meanwhile.id ?? "")).toEqual([0, 1, 2]);
  expect(linesOf(again, away.id ?? "")).toEqual([0, 1, 2, 3]);
});

test("where `keepLogs` was faster than the bridge a mark stands for the missing lines", async () => {
  const { prefix, wsUrl } = await startBridge({ queues: ["emails"] });
  const queue = openQueue("emails", prefix);
  const viewer = await Viewer.open(wsUrl);
  const { id = "" } = await queue.add("job", { logs: 50 }, { keepLogs: 5 });
  await startStockWorker({ queue: "emails", prefix });
  await viewer.next("task_success");
  const logs = viewer.messages.filter(({ type, meta }) => type === "logs" && meta.task_id === id);
  const contents = logs.map(({ content }) => content);
  expect(contents.slice(-5)).toEqual([45, 46, 47, 48, 49].map((line) => `line ${line}`));
  const lines = contents.filter((content) => content !== null);
  expect(new Set(lines).size).toBe(lines.length);
  expect(logs.filter(({ content, meta }) => content === null && meta.dropped === null).length).toBeGreaterThan(0);
});
