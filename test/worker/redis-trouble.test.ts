import type { Job } from "bullmq";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { startPrivateRedis } from "../../scripts/private-redis.mjs";
import type { Logger } from "../../src/worker/index.ts";
import { createJobLogger, flushJobLogger, withJobLogger } from "../../src/worker/index.ts";
import { connectionTo, openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { latch, openBench, readLog, versions } from "./support.ts";

describe.each(versions)("more lines than Redis has answered for, with $version", ({ open }) => {
  it("are dropped beyond 1,000, and the stream says how many where they are missing", async () => {
    const bench = openBench(
      open,
      withJobLogger(async (_job, logger) => {
        for (let index = 0; index < 1500; index += 1) logger.info(`line ${index}`);
        await flushJobLogger(logger);
        logger.info("after the hole");
      }),
    );
    const { id } = await bench.run();
    const entries = await readLog(openRedis(), bench);

    expect(entries).toHaveLength(1002);
    expect(entries.slice(0, 1000).map(({ fields }) => fields.msg)).toEqual(
      Array.from({ length: 1000 }, (_, index) => `line ${index}`),
    );
    expect(entries[1000]?.fields).toEqual({ job: id, dropped: "500", time: expect.stringMatching(/^\d{13}$/) });
    expect(entries[1001]?.fields.msg).toBe("after the hole");
  });
});

describe("a Redis that dies during a job", () => {
  it("neither throws into the job nor holds it up, and gets the lines and the count of the missing when it is back", async () => {
    const server = await startPrivateRedis();
    const redis = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    redis.on("error", () => {});
    const prefix = uniquePrefix();
    const active = latch();
    const dead = latch();
    const outcome = latch<{ result: string; logger: Logger }>();
    let seen: Logger | undefined;
    const processor = withJobLogger(async (_job: Job, logger) => {
      seen = logger;
      active.open();
      await dead.promise;
      for (let index = 0; index < 1200; index += 1) logger.info(`line ${index}`);
      return "done";
    });
    const queue = new Queue("jobs", { connection: redis, prefix });
    const worker = new Worker(
      "jobs",
      async (job) => {
        const result = await processor(job);
        if (seen) outcome.open({ result, logger: seen });
      },
      { connection: redis, prefix },
    );
    queue.on("error", () => {});
    worker.on("error", () => {});
    await queue.add("job", {});
    await active.promise;
    await server.stop();
    dead.open();
    const { result, logger } = await outcome.promise;
    expect(result).toBe("done");
    expect(await flushJobLogger(logger, 1)).toBe(false);

    const revived = await startPrivateRedis({ port: server.port });
    onTestFinished(async () => {
      // BullMQ's own close can wait for ever once a server has died under a worker: cut the connections instead.
      worker.close(true).catch(() => {});
      await worker.getBackend().disconnect();
      redis.disconnect();
      await revived.stop();
    });
    expect(await flushJobLogger(logger, 15_000)).toBe(true);
    const entries = await readLog(redis, { prefix, queue: "jobs" });
    expect(entries).toHaveLength(1001);
    expect(entries[0]?.fields.msg).toBe("line 0");
    expect(entries[1000]?.fields).toMatchObject({ dropped: "200" });
  });
});

describe("a Redis user that may not write the log stream", () => {
  it("lets the job complete, and the hole is marked once the user may", async () => {
    const admin = openRedis();
    const prefix = uniquePrefix();
    // Every key of the queue but those that begin with a b, as only the log stream's does.
    const keys = [`~${prefix}:jobs:`, `~${prefix}:jobs:[^b]*`];
    await admin.call("ACL", "SETUSER", prefix, "on", ">secret", "+@all", ...keys);
    onTestFinished(async () => {
      await admin.call("ACL", "DELUSER", prefix);
    });
    const refused = latch<boolean>();
    const granted = latch();
    const options = {
      connection: { ...connectionTo(inject("redisUrl")), username: prefix, password: "secret" },
      prefix,
    };
    const queue = new Queue("jobs", options);
    const worker = new Worker(
      "jobs",
      async (job) => {
        const logger = createJobLogger(job);
        logger.info("refused");
        logger.info("refused as well");
        refused.open(await flushJobLogger(logger));
        await granted.promise;
        logger.info("written");
        return flushJobLogger(logger);
      },
      options,
    );
    onTestFinished(async () => {
      await worker.close();
      await queue.close();
    });
    const completed = latch<unknown>();
    worker.on("completed", (_job, result) => completed.open(result));
    const { id } = await queue.add("job", {});

    expect(await refused.promise).toBe(false);
    expect(await readLog(admin, { prefix, queue: "jobs" })).toEqual([]);
    await admin.call("ACL", "SETUSER", prefix, `~${prefix}:jobs:bullcast-logs`);
    granted.open();
    expect(await completed.promise).toBe(true);
    const entries = await readLog(admin, { prefix, queue: "jobs" });
    expect(entries.map(({ fields }) => fields.dropped ?? fields.msg)).toEqual(["2", "written"]);
    expect(entries[0]?.fields.job).toBe(id);
  });
});

describe("the log stream", () => {
  it("keeps about 10,000 entries", async () => {
    const redis = openRedis(inject("redisUrl"));
    const prefix = uniquePrefix();
    const job = { id: "1", queue: { toKey: (type: string) => `${prefix}:jobs:${type}`, client: redis }, log: () => 1 };
    const logger = createJobLogger(job);
    for (let batch = 0; batch < 12; batch += 1) {
      for (let index = 0; index < 1000; index += 1) logger.info("line");
      expect(await flushJobLogger(logger, 10_000)).toBe(true);
    }
    const length = await redis.xlen(`${prefix}:jobs:bullcast-logs`);

    expect(length).toBeGreaterThanOrEqual(10_000);
    expect(length).toBeLessThan(10_200);
  });
});
