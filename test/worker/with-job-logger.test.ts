import type { Job, SandboxedJob } from "bullmq";
import { Worker } from "bullmq";
import type { Job as Job5, SandboxedJob as SandboxedJob5 } from "bullmq5";
import { Worker as Worker5 } from "bullmq5";
import { afterEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import type { LoggableJob } from "../../src/worker/index.ts";
import { createJobLogger, flushJobLogger, withJobLogger } from "../../src/worker/index.ts";
import { latch } from "./support.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("withJobLogger", () => {
  it("hands token and signal on and returns what the processor returns", async () => {
    const seen: unknown[] = [];
    const processor = withJobLogger(async (job: LoggableJob, _logger, token, signal) => {
      seen.push(job, token, signal);
      return 42;
    });
    const job = { id: "1", log: () => 1 };
    const { signal } = new AbortController();

    expect(await processor(job, "token", signal)).toBe(42);
    expect(seen).toEqual([job, "token", signal]);
  });

  it("declares a signal to BullMQ only where the processor takes one", () => {
    expect(withJobLogger(async (_job, _logger, _token, _signal) => null)).toHaveLength(3);
    expect(withJobLogger(async (_job, _logger, _token) => null)).toHaveLength(2);
  });

  it("fits workers of BullMQ 5 and 6 without casts", () => {
    const ofSix = withJobLogger(async (job: Job<{ size: number }>, logger) => {
      logger.info("%d", job.data.size);
      return job.data.size;
    });
    const ofFive = withJobLogger(async (job: Job5<{ size: number }>) => job.data.size);
    const start = () => [new Worker("six", ofSix, { connection: {} }), new Worker5("five", ofFive)];

    expect(start).toBeTypeOf("function");
    expectTypeOf(ofSix).returns.resolves.toBeNumber();
    // @ts-expect-error an annotated job's data is what it says
    const wrong = withJobLogger(async (job: Job<{ size: number }>) => job.data.sice);
    expect(wrong).toBeTypeOf("function");
  });

  it("takes a processor that does not say which job it takes, for workers and sandboxes of BullMQ 5 and 6", () => {
    const processor = withJobLogger(async (job, logger) => {
      logger.info({ to: job.data.to, attempt: job.attemptsMade + 1 }, job.name);
      await job.updateProgress(50);
      return { sent: true };
    });
    const start = () => [new Worker("six", processor, { connection: {} }), new Worker5("five", processor)];
    const isolated = (job: SandboxedJob) => processor(job);
    const isolated5 = (job: SandboxedJob5) => processor(job);

    expect([start, isolated, isolated5]).toHaveLength(3);
    expectTypeOf(processor).returns.resolves.toEqualTypeOf<{ sent: boolean }>();
  });

  it("rejects with the very error of the processor, thrown at once or later", async () => {
    const error = new Error("mine");
    const job = { id: "1", log: () => 1 };
    const atOnce = withJobLogger((_job: LoggableJob): Promise<never> => {
      throw error;
    });
    const later = withJobLogger(async (_job: LoggableJob) => {
      throw error;
    });

    await expect(atOnce(job)).rejects.toBe(error);
    await expect(later(job)).rejects.toBe(error);
  });

  it.each(["returns", "throws"])(
    "waits for unanswered lines for one second at most when the processor %s",
    async (how) => {
      vi.useFakeTimers();
      const job = { id: "1", log: () => new Promise(() => {}) };
      const processor = withJobLogger(async (_job: LoggableJob, logger) => {
        logger.info("unanswered");
        if (how === "throws") throw new Error("mine");
      });
      let isSettled = false;
      const settled = processor(job).then(
        () => {
          isSettled = true;
          return "returns";
        },
        () => {
          isSettled = true;
          return "throws";
        },
      );
      await vi.advanceTimersByTimeAsync(999);
      expect(isSettled).toBe(false);
      await vi.advanceTimersByTimeAsync(1);

      expect(await settled).toBe(how);
    },
  );

  it("does not wait when the processor logged nothing", async () => {
    vi.useFakeTimers();
    const job = { id: "1", log: () => new Promise(() => {}) };

    expect(await withJobLogger(async (_job: LoggableJob) => "quick")(job)).toBe("quick");
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a job without a Redis client of its own", () => {
  it("is logged through job.log, in order, with level and data as text", async () => {
    const rows: string[] = [];
    const logger = createJobLogger({ id: "1", log: async (row) => rows.push(row) });
    logger.info("plain");
    logger.warn({ a: 1 }, "with data");

    expect(await flushJobLogger(logger)).toBe(true);
    expect(rows).toEqual(["info: plain", 'warn: with data {"a":1}']);
  });

  const clientless: [why: string, queue: () => object][] = [
    ["has no client", () => ({ toKey: String })],
    [
      "has a client of another kind",
      () => ({ toKey: String, backend: { client: Promise.resolve({ query: () => {} }) } }),
    ],
    ["lost its client", () => ({ toKey: String, client: Promise.reject(new Error("closed")) })],
    ["builds no keys", () => ({ client: Promise.resolve({ xadd: () => "1-0" }) })],
    [
      "throws when asked for its client",
      () => ({
        toKey: String,
        get backend(): never {
          throw new Error("closed");
        },
      }),
    ],
  ];

  it.each(clientless)("is logged through job.log when its queue %s", async (_why, queue) => {
    const rows: string[] = [];
    const job = { id: "1", queue: queue(), log: async (row: string) => rows.push(row) };
    const logger = createJobLogger(job);
    logger.info("plain");

    expect(await flushJobLogger(logger)).toBe(true);
    expect(rows).toEqual(["info: plain"]);
  });

  it("names dropped lines in its log", async () => {
    const rows: string[] = [];
    const held = latch();
    const job = {
      id: "1",
      log: async (row: string) => {
        await held.promise;
        rows.push(row);
      },
    };
    const logger = createJobLogger(job);
    for (let index = 0; index < 1003; index += 1) logger.info("line");
    held.open();
    await flushJobLogger(logger);

    expect(rows).toHaveLength(1001);
    expect(rows[1000]).toBe("[3 log lines dropped]");
  });

  it("suffers nothing when job.log throws or rejects", async () => {
    const rejecting = createJobLogger({ id: "1", log: async () => Promise.reject(new Error("missing job")) });
    rejecting.info("lost");
    const throwing = createJobLogger({
      id: "1",
      log() {
        throw new Error("missing job");
      },
    });
    throwing.info("lost");

    expect(await flushJobLogger(rejecting)).toBe(false);
    expect(await flushJobLogger(throwing)).toBe(false);
  });

  it("refuses a level that pino does not know when the logger is made", () => {
    expect(() => Reflect.apply(createJobLogger, null, [{ log: () => 1 }, { level: "loud" }])).toThrow("loud");
  });
});
