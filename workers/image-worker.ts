// Resizes pictures, in pretence: reports progress in steps and logs at four levels, each line live in the browser.
import { setTimeout as sleep } from "node:timers/promises";
import { withJobLogger } from "bullcast/worker";
import type { Job } from "bullmq";
import { Worker } from "bullmq";
import type { ImageJob } from "./support.ts";
import { options, shownUrl, supervise } from "./support.ts";

const STEPS = ["decode", "scale", "sharpen", "compress", "upload"];

const worker = new Worker(
  "images",
  withJobLogger(async (job: Job<ImageJob>, logger) => {
    const { file, width, height, isDamaged, stepMs = 500 } = job.data;
    logger.info({ width, height }, `resizing ${file}`);
    for (const [index, step] of STEPS.entries()) {
      await sleep(stepMs);
      logger.debug({ step, ms: stepMs }, `${step} done`);
      if (step === "decode") logger.warn(`${file} carries no colour profile, sRGB assumed`);
      if (step === "scale" && isDamaged) {
        logger.error({ row: 1184 }, `${file} ends in the middle of the picture`);
        throw new Error(`${file} is damaged`);
      }
      if (step === "compress") logger.error("thumbnail cache refused the write, going on without it");
      await job.updateProgress(Math.round(((index + 1) / STEPS.length) * 100));
    }
    logger.info(`${file} is ready`);
    return { file, bytes: Math.round(width * height * 0.18) };
  }),
  { ...options, concurrency: 3 },
);

supervise("image-worker", [worker]);
console.log(`image-worker: waiting for jobs of queue images at ${shownUrl()}`);
