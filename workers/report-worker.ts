// Writes reports, in pretence, and knows nothing of bullcast: a stock BullMQ worker with updateProgress and job.log.
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "bullmq";
import { Worker } from "bullmq";
import type { ReportJob } from "./support.ts";
import { options, shownUrl, supervise } from "./support.ts";

const STEPS = ["query", "aggregate", "draw charts", "lay out"];

const worker = new Worker(
  "reports",
  async (job: Job<ReportJob>) => {
    const { title, rows, isUnreadable, stepMs = 700 } = job.data;
    await job.log(`report "${title}" over ${rows} rows`);
    for (const [index, step] of STEPS.entries()) {
      await sleep(stepMs);
      if (step === "aggregate" && isUnreadable) throw new Error(`rows of "${title}" have no currency`);
      await job.log(`${step}: done`);
      await job.updateProgress(Math.round(((index + 1) / STEPS.length) * 100));
    }
    return { title, pages: Math.ceil(rows / 400) };
  },
  { ...options, concurrency: 2 },
);

supervise("report-worker", [worker]);
console.log(`report-worker: waiting for jobs of queue reports at ${shownUrl()}`);
