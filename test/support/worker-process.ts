import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const FIXTURE = fileURLToPath(new URL("../fixtures/stock-worker.mjs", import.meta.url));

export interface WorkerProcess {
  process: ChildProcess;
  /** Ends the worker and waits until its process is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a worker process that knows nothing of bullcast and waits until it takes jobs. What a job does is in its data:
 * see the fixture.
 */
export async function startStockWorker(options: {
  queue: string;
  prefix: string;
  redisUrl: string;
  bullmq?: 5 | 6;
  concurrency?: number;
}): Promise<WorkerProcess> {
  const child = fork(FIXTURE, [JSON.stringify({ bullmq: 6, concurrency: 10, ...options })], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: [],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await exited;
  };
  onTestFinished(stop);
  await Promise.race([
    new Promise<void>((resolve) => child.once("message", () => resolve())),
    exited.then(() => Promise.reject(new Error("the worker process ended at its start"))),
  ]);
  return { process: child, stop };
}
