import { startWorker } from "../support/worker-process.ts";

/** What a job is told to do. */
type Order =
  | { progress: unknown }
  | { level: "trace" | "debug" | "info" | "warn" | "error" | "fatal"; line: string }
  | { line: string }
  | { fail: string }
  | { result: unknown };

/** A worker whose jobs do what the test tells them, in order; `tell` may come before the job does. */
export async function startLedWorker(queue: string, prefix: string) {
  const worker = await startWorker("led-worker.mjs", { queue, prefix });
  return {
    ...worker,
    tell: (id: string | undefined, ...orders: Order[]) => {
      for (const order of orders) worker.process.send({ id, ...order });
    },
  };
}
