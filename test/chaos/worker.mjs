// A worker process of the chaos suite. Notes the outcome of each run in a file of its own, so that the oracle has
// another witness than Redis.
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { withJobLogger } from "bullcast/worker";

const { queues, prefix, redisUrl, bullmq, concurrency, notes } = JSON.parse(process.argv[2]);
const { Worker } = await import(bullmq === 5 ? "bullmq5" : "bullmq");
const { Redis } = await import(bullmq === 5 ? "ioredis5" : "ioredis");
const connection = new Redis(redisUrl, { maxRetriesPerRequest: null, retryStrategy: () => 100 });
connection.on("error", () => undefined);

const note = (record) => appendFileSync(notes, `${JSON.stringify({ at: Date.now(), pid: process.pid, ...record })}\n`);

async function run(job, logger) {
  const { steps, stepMs, lines, loggerLines, failFirst, result } = job.data;
  const attempt = job.attemptsMade + 1;
  const written = { lines: 0, loggerLines: 0 };
  for (let step = 0; step < Math.max(steps, lines, loggerLines); step += 1) {
    if (step < steps) await job.updateProgress(step % 2 ? { step, of: steps } : Math.round((100 * step) / steps));
    if (step < lines) {
      await job.log(`line ${step} of attempt ${attempt}`);
      written.lines += 1;
    }
    if (step < loggerLines) {
      logger.info({ step }, `line ${step} of attempt ${attempt}`);
      written.loggerLines += 1;
    }
    if (stepMs > 0) await sleep(stepMs);
  }
  const origin = { queue: job.queueName, id: job.id, attempt, ...written };
  if (attempt <= failFirst) {
    const reason = `attempt ${attempt} failed on purpose`;
    note({ ...origin, outcome: "failed", value: reason });
    throw new Error(reason);
  }
  note({ ...origin, outcome: "completed", value: result });
  return result;
}

// Short locks: a job whose worker lost Redis is to be tried again within the run.
const options = { connection, prefix, concurrency, lockDuration: 5000, stalledInterval: 2000, maxStalledCount: 20 };
const logged = withJobLogger(run);
const workers = queues.map((queue) => {
  const worker = new Worker(queue, (job, token) => (job.data.loggerLines > 0 ? logged(job, token) : run(job)), options);
  // Outages are what this is about; ends that come to nothing show in the oracle.
  worker.on("error", () => undefined);
  return worker;
});

const end = async () => {
  // With its Redis gone BullMQ would wait for ever.
  await Promise.race([Promise.all(workers.map((worker) => worker.close(true))), sleep(1000)]);
  process.exit(0);
};
process.on("SIGTERM", end);
process.on("SIGINT", () => undefined);
process.on("disconnect", end);
await Promise.all(workers.map((worker) => worker.waitUntilReady()));
process.send("ready");
