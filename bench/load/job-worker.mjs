// A real worker with one real job at a time: `--redis URL`, then the command
//   run {updates, intervalMs}   a job that reports its progress so many times, one each interval
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { calibrateClock, epochMicroseconds } from "../support/clock.mjs";
import { answerCommands, flag, tell } from "../support/commands.mjs";

const connection = { url: flag("redis") };
const queue = new Queue("bench", { connection });
let onFinished = () => {};

async function processJob(job) {
  const { updates, intervalMs } = job.data;
  calibrateClock();
  const startedAt = performance.now();
  for (let index = 0; index < updates; index += 1) {
    await sleep(Math.max(0, startedAt + index * intervalMs - performance.now()));
    await job.updateProgress({ t: epochMicroseconds(), percent: Math.floor((index * 100) / updates) });
  }
  return { final: true };
}

const worker = new Worker("bench", processJob, { connection });
worker.on("completed", () => onFinished());
worker.on("error", (error) => process.stderr.write(`worker: ${error.message}\n`));

async function run(data) {
  const finished = new Promise((resolve) => {
    onFinished = resolve;
  });
  await queue.add("render", data);
  await finished;
}

answerCommands({ run });
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
tell("ready");
