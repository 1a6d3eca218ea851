// Sends mail, in pretence: servers turn some attempts away, BullMQ tries again after its back-off, some mail never arrives.
import { setTimeout as sleep } from "node:timers/promises";
import { withJobLogger } from "bullcast/worker";
import type { Job } from "bullmq";
import { UnrecoverableError, Worker } from "bullmq";
import type { EmailJob } from "./support.ts";
import { options, shownUrl, supervise } from "./support.ts";

const worker = new Worker(
  "emails",
  withJobLogger(async (job: Job<EmailJob>, logger) => {
    const { to, subject, failFirstAttempts = 0, isUndeliverable, stepMs = 400 } = job.data;
    const attempt = job.attemptsMade + 1;
    logger.info({ attempt }, `sending "${subject}" to ${to}`);
    await sleep(stepMs);
    await job.updateProgress(50);
    if (isUndeliverable) {
      logger.error(`550 no mailbox ${to}`);
      throw new UnrecoverableError(`550 no mailbox ${to}`);
    }
    if (attempt <= failFirstAttempts) {
      logger.warn({ attempt, of: job.opts.attempts }, "451 greylisted, try again later");
      throw new Error("451 greylisted, try again later");
    }
    await sleep(stepMs);
    await job.updateProgress(100);
    logger.info("250 accepted");
    return { messageId: `<${job.id}@mail.example>`, attempt };
  }),
  { ...options, concurrency: 5 },
);

supervise("email-worker", [worker]);
console.log(`email-worker: waiting for jobs of queue emails at ${shownUrl()}`);
