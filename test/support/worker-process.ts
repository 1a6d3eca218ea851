import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inject, onTestFinished } from "vitest";

export interface WorkerProcess {
  process: ChildProcess;
  /** Ends the worker and waits until its process is gone. */
  stop(): Promise<void>;
}

/** Starts a worker of `test/fixtures`, a process of its own that ends with the test, and waits until it takes jobs. */
export async function startWorker(fixture: string, settings: Record<string, unknown>): Promise<WorkerProcess> {
  const path = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
  const child = fork(path, [JSON.stringify({ redisUrl: inject("redisUrl"), ...settings })], {
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

/** A worker that knows nothing of bullcast; what a job does is in its data, see the fixture. */
export function startStockWorker(settings: {
  queue: string;
  prefix: string;
  redisUrl?: string;
  bullmq?: 5 | 6;
  concurrency?: number;
}): Promise<WorkerProcess> {
  return startWorker("stock-worker.mjs", { bullmq: 6, concurrency: 10, ...settings });
}
