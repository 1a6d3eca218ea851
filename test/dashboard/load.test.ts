import { fork } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import type { CDPSession, Page } from "playwright-core";
import { expect, inject, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/private-redis.mjs";
import { launchBrowser } from "../support/browser.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startWorker } from "../support/worker-process.ts";
import { openDashboard } from "./support.ts";

/** `DASHBOARD_LOAD_SECONDS=60` makes it the long run, which is to have the machine for itself. */
const SECONDS = Number(process.env.DASHBOARD_LOAD_SECONDS ?? 10);
/** Beside other tests a task also waits for its turn on a core, so that how long it took says nothing of the page. */
const IS_ALONE = process.env.DASHBOARD_LOAD_SECONDS !== undefined;
const JOBS = 10_000;
const MESSAGES_PER_SECOND = 500;
/** Of each job: that it is active, its progress, twice, and its end. */
const MESSAGES_PER_JOB = 4;
/** Jobs added at a time while the table is filled. */
const BATCH = 1000;
const MAX_TASK_MS = 100;
/** What a tab's heap may grow by, so that it counts as flat: jobs come to know when they ended, and what of. */
const MAX_GROWTH_BYTES = 8 * 1024 * 1024;
/** The code is compiled and every row has been drawn once: what a tab needs only once it has by then. */
const WARM_UP_MS = 3000;

/** The bridge in a process of its own, as with a page of one's own beside it nothing could be said of either. */
async function startServer(prefix: string): Promise<{ httpUrl: string; wsUrl: string }> {
  const port = await freePort();
  const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const settings = ["--redis", inject("redisUrl"), "--queue", "load", "--prefix", prefix, "--port", String(port)];
  const child = fork(main, ["serve", ...settings], { stdio: ["ignore", "ignore", "inherit", "ipc"], execArgv: [] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const httpUrl = `http://127.0.0.1:${port}/ws`;
  const status = () =>
    fetch(`${httpUrl}/health`).then(
      (response) => response.status,
      () => 0,
    );
  await expect.poll(status, { timeout: 10_000 }).toBe(200);
  return { httpUrl, wsUrl: httpUrl.replace("http", "ws") };
}

/** Counts what a viewer of everything is sent: what the page is sent, too. */
function countMessages(wsUrl: string): { messages: number } {
  const counted = { messages: 0 };
  const socket = new WebSocket(wsUrl);
  socket.on("message", (data) => {
    if (String(data).startsWith('{"type":"task_')) counted.messages += 1;
  });
  onTestFinished(() => socket.terminate());
  return counted;
}

async function heapBytes(devtools: CDPSession): Promise<number> {
  await devtools.send("HeapProfiler.collectGarbage");
  return (await devtools.send("Runtime.getHeapUsage")).usedSize;
}

/** The tasks of the page that took 50 ms and more, which is from where browsers tell of them. */
async function watchLongTasks(tab: Page): Promise<() => Promise<number[]>> {
  await tab.evaluate(`{
    window.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTasks.push(duration);
    }).observe({ type: "longtask" });
  }`);
  return async () => (await tab.evaluate("longTasks.splice(0)")) as number[];
}

const longest = (tasks: readonly number[]) => Math.max(0, ...tasks);
const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

test(`${JOBS} jobs and ${MESSAGES_PER_SECOND} messages/s for ${SECONDS} s: all are shown, the heap is flat, and no task is long`, {
  timeout: (SECONDS + 90) * 1000,
}, async () => {
  const prefix = uniquePrefix();
  const redisUrl = inject("redisUrl");
  const queue = new Queue("load", { prefix, connection: { url: redisUrl } });
  onTestFinished(() => queue.close());
  const server = await startServer(prefix);
  const tab = await openDashboard(await launchBrowser(), server, "jobs");
  const devtools = await tab.context().newCDPSession(tab);
  const takeLongTasks = await watchLongTasks(tab);
  const counted = countMessages(server.wsUrl);

  const table = tab.getByRole("table");
  const jobs = Array.from({ length: JOBS }, (_, number) => ({ name: "job", data: { number } }));
  for (let count = 0; count < JOBS; ) {
    // Not all at once: BullMQ keeps 10,000 events of a queue, and what is trimmed before it is read is a gap.
    await queue.addBulk(jobs.slice(count, count + BATCH));
    count += BATCH;
    const rows = () => table.getAttribute("aria-rowcount");
    await expect.poll(rows, { timeout: 10_000, interval: 20 }).toBe(String(count + 1));
  }
  const whileFilling = await takeLongTasks();

  const jobsPerSecond = MESSAGES_PER_SECOND / MESSAGES_PER_JOB;
  await startWorker("paced-worker.mjs", { queue: "load", prefix, jobsPerSecond });
  await sleep(WARM_UP_MS);
  const heapBefore = await heapBytes(devtools);
  await takeLongTasks();
  const startedAt = performance.now();
  const messagesBefore = counted.messages;
  await sleep((SECONDS * 1000) / 2);
  // The second half narrowed to jobs at work, so that rows come and go all the time.
  const active = tab.getByRole("button", { name: /^active/ });
  await active.click();
  await sleep((SECONDS * 1000) / 2);
  const tasks = await takeLongTasks();
  const seconds = (performance.now() - startedAt) / 1000;
  const rate = (counted.messages - messagesBefore) / seconds;
  const heapAfter = await heapBytes(devtools);

  console.log(
    [
      `${JOBS} jobs in the table, ${rate.toFixed(0)} messages/s for ${seconds.toFixed(0)} s:`,
      `${tasks.length} tasks over 50 ms, the longest ${longest(tasks).toFixed(0)} ms;`,
      `heap ${mebibytes(heapBefore)} before, ${mebibytes(heapAfter)} after;`,
      `while the table was filled ${whileFilling.length} tasks over 50 ms, the longest ${longest(whileFilling).toFixed(0)} ms`,
    ].join(" "),
  );
  // It has not let go of jobs to stay small, and has heard of their ends.
  await active.click();
  await expect.poll(() => table.getAttribute("aria-rowcount")).toBe(String(JOBS + 1));
  await tab.getByRole("button", { name: /^completed/ }).click();
  const completed = async () => Number(await table.getAttribute("aria-rowcount")) - 1;
  await expect.poll(completed).toBeGreaterThan((SECONDS * MESSAGES_PER_SECOND * 0.9) / MESSAGES_PER_JOB);
  expect(rate).toBeGreaterThan(MESSAGES_PER_SECOND * 0.9);
  if (IS_ALONE) expect(longest(tasks)).toBeLessThan(MAX_TASK_MS);
  expect(heapAfter - heapBefore).toBeLessThan(MAX_GROWTH_BYTES);
});
