import { Queue, Worker } from "bullmq";
import { Queue as Queue5, Worker as Worker5 } from "bullmq5";
import type { Redis } from "ioredis";
import { inject, onTestFinished } from "vitest";
import type { LoggableJob } from "../../src/worker/index.ts";
import type { StreamEntry } from "../support/redis.ts";
import { connectionTo, readStream } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";

type Processor = (job: LoggableJob, token?: string, signal?: AbortSignal) => Promise<unknown>;

/** How one job ended, as its worker saw it. */
export interface End {
  id: string;
  error: Error | null;
}

/** One queue with one worker of some version of BullMQ. */
export interface Bench {
  readonly prefix: string;
  readonly queue: string;
  /** Adds a job and returns how it ended. */
  run(): Promise<End>;
}

interface Workshop {
  add(): Promise<string>;
  onEnd(listener: (end: End) => void): void;
  close(): Promise<unknown>;
}

type OpenWorkshop = (processor: Processor, prefix: string) => Workshop;

const CONCURRENCY = 10;
const QUEUE = "jobs";

const openBullMq6: OpenWorkshop = (processor, prefix) => {
  const options = { connection: connectionTo(inject("redisUrl")), prefix };
  const queue = new Queue(QUEUE, options);
  const worker = new Worker(QUEUE, processor, { ...options, concurrency: CONCURRENCY });
  return {
    add: async () => (await queue.add("job", {})).id ?? "",
    onEnd: (listener) => {
      worker.on("completed", (job) => listener({ id: job.id ?? "", error: null }));
      worker.on("failed", (job, error) => listener({ id: job?.id ?? "", error }));
    },
    close: () => Promise.all([queue.close(), worker.close()]),
  };
};

const openBullMq5: OpenWorkshop = (processor, prefix) => {
  const options = { connection: connectionTo(inject("redisUrl")), prefix };
  const queue = new Queue5(QUEUE, options);
  const worker = new Worker5(QUEUE, processor, { ...options, concurrency: CONCURRENCY });
  return {
    add: async () => (await queue.add("job", {})).id ?? "",
    onEnd: (listener) => {
      worker.on("completed", (job) => listener({ id: job.id ?? "", error: null }));
      worker.on("failed", (job, error) => listener({ id: job?.id ?? "", error }));
    },
    close: () => Promise.all([queue.close(), worker.close()]),
  };
};

/** Both versions of BullMQ, for `describe.each`. */
export const versions: { version: string; open: OpenWorkshop }[] = [
  { version: "BullMQ 6", open: openBullMq6 },
  { version: "BullMQ 5", open: openBullMq5 },
];

/** A bench that lasts for the current test. */
export function openBench(open: OpenWorkshop, processor: Processor): Bench {
  const prefix = uniquePrefix();
  const workshop = open(processor, prefix);
  onTestFinished(async () => {
    await workshop.close();
  });
  const ends = new Map<string, End>();
  const waiting = new Map<string, (end: End) => void>();
  workshop.onEnd((end) => {
    ends.set(end.id, end);
    waiting.get(end.id)?.(end);
  });
  const run = async (): Promise<End> => {
    const id = await workshop.add();
    return ends.get(id) ?? new Promise((resolve) => waiting.set(id, resolve));
  };
  return { prefix, queue: QUEUE, run };
}

export function readLog(redis: Redis, { prefix, queue }: { prefix: string; queue: string }): Promise<StreamEntry[]> {
  return readStream(redis, `${prefix}:${queue}:bullcast-logs`);
}

/** A promise and the function that resolves it. */
export function latch<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
