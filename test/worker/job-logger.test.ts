import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import type { Redis } from "ioredis";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { createJobLogger, flushJobLogger, withJobLogger } from "../../src/worker/index.ts";
import { connectionTo, openRedis, readStream } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { latch, openBench, readLog, versions } from "./support.ts";

describe.each(versions)("a job's logger with $version", ({ open }) => {
  it("writes one entry per line: the job's id, level, message, the worker's time, and the other fields", async () => {
    const startedAt = Date.now();
    const bench = openBench(
      open,
      withJobLogger(async (_job, logger) => {
        logger.trace("traced");
        logger.debug({ width: 640, tags: ["a"] }, "scaled to %d", 640);
        logger.info("done");
        logger.warn(new Error("disk nearly full"));
        logger.error({ msg: "message among the fields", code: 7 });
        logger.fatal("gone");
      }),
    );
    const { id } = await bench.run();
    const entries = await readLog(openRedis(), bench);

    expect(entries.map(({ fields }) => [fields.job, fields.level, fields.msg])).toEqual([
      [id, "trace", "traced"],
      [id, "debug", "scaled to 640"],
      [id, "info", "done"],
      [id, "warn", "disk nearly full"],
      [id, "error", "message among the fields"],
      [id, "fatal", "gone"],
    ]);
    expect(entries[1]?.fields.data).toBe('{"width":640,"tags":["a"]}');
    expect(Object.keys(entries[2]?.fields ?? {})).toEqual(["job", "level", "msg", "time"]);
    expect(JSON.parse(entries[3]?.fields.data ?? "")).toMatchObject({ err: { message: "disk nearly full" } });
    expect(entries[4]?.fields.data).toBe('{"code":7}');
    for (const { fields } of entries) {
      expect(Number(fields.time)).toBeGreaterThanOrEqual(startedAt);
      expect(Number(fields.time)).toBeLessThanOrEqual(Date.now());
    }
  });

  it("keeps fields of a log call, and bindings of a child, from posing as the line's own", async () => {
    const bench = openBench(
      open,
      withJobLogger(async (_job, logger) => {
        logger.info({ level: "fatal", time: 1, job: "other" }, "real");
        logger.child({ step: 2, time: 3 }).warn({ ratio: 0.5 }, "from a child");
      }),
    );
    const { id } = await bench.run();
    const [first, second] = await readLog(openRedis(), bench);

    expect(first?.fields).toMatchObject({ job: id, level: "info", msg: "real" });
    expect(first?.fields.time).not.toBe("1");
    expect(JSON.parse(first?.fields.data ?? "")).toEqual({ level: "fatal", time: 1, job: "other" });
    expect(second?.fields).toMatchObject({ level: "warn", msg: "from a child" });
    expect(JSON.parse(second?.fields.data ?? "")).toEqual({ step: 2, time: 3, ratio: 0.5 });
  });

  it("withholds lines below the level asked for", async () => {
    const bench = openBench(open, async (job) => {
      const logger = createJobLogger(job, { level: "warn" });
      logger.info("not this");
      logger.warn("this");
      await flushJobLogger(logger);
    });
    await bench.run();

    expect((await readLog(openRedis(), bench)).map(({ fields }) => fields.msg)).toEqual(["this"]);
  });

  it("writes every line before the job ends, though the processor awaits nothing", async () => {
    const bench = openBench(open, async (job) => {
      const logger = createJobLogger(job);
      logger.info("first");
      logger.info("last");
    });
    const redis = openRedis();
    const commands = await monitor(redis);
    const ends = await Promise.all(Array.from({ length: 50 }, () => bench.run()));
    const log = await readLog(redis, bench);
    const events = await readStream(redis, `${bench.prefix}:${bench.queue}:events`);
    const seen = (await commands()).flatMap((args) => {
      if (!args[1]?.startsWith(bench.prefix) || args[0]?.toLowerCase() !== "xadd") return [];
      if (args[1].endsWith(":bullcast-logs")) return [`${args[args.indexOf("job") + 1]} logs`];
      return args.includes("completed") ? [`${args[args.indexOf("jobId") + 1]} completes`] : [];
    });

    expect(log).toHaveLength(100);
    for (const { id } of ends) {
      const own = seen.filter((what) => what.startsWith(`${id} `));
      expect(own).toEqual([`${id} logs`, `${id} logs`, `${id} completes`]);
      const lines = log.filter(({ fields }) => fields.job === id);
      const end = events.find(({ fields }) => fields.jobId === id && fields.event === "completed");
      expect(lines.map(({ fields }) => fields.msg)).toEqual(["first", "last"]);
      expect(end?.ms).toBeGreaterThanOrEqual(lines[1]?.ms ?? Number.POSITIVE_INFINITY);
    }
  });

  it("writes a failing job's lines before it fails, and leaves its error as it is", async () => {
    const thrown = new TypeError("no such image");
    const bench = openBench(
      open,
      withJobLogger(async (_job, logger) => {
        logger.error("about to fail");
        throw thrown;
      }),
    );
    const redis = openRedis();
    const { id, error } = await bench.run();
    const [line] = await readLog(redis, bench);
    const events = await readStream(redis, `${bench.prefix}:${bench.queue}:events`);
    const end = events.find(({ fields }) => fields.jobId === id && fields.event === "failed");

    expect(error).toBe(thrown);
    expect(line?.fields).toMatchObject({ job: id, level: "error", msg: "about to fail" });
    expect(end?.ms).toBeGreaterThanOrEqual(line?.ms ?? Number.POSITIVE_INFINITY);
  });

  it("shows a line while the job is still active", async () => {
    const logged = latch();
    const checked = latch();
    const bench = openBench(
      open,
      withJobLogger(async (_job, logger) => {
        logger.info("halfway");
        expect(await flushJobLogger(logger)).toBe(true);
        logged.open();
        await checked.promise;
      }),
    );
    const end = bench.run();
    await logged.promise;
    const entries = await readLog(openRedis(), bench);
    checked.open();

    expect(entries.map(({ fields }) => fields.msg)).toEqual(["halfway"]);
    expect((await end).error).toBeNull();
  });
});

/** Records the server's commands in the order of their execution, those of scripts included. */
async function monitor(redis: Redis): Promise<() => Promise<string[][]>> {
  // A bare socket: ioredis trips over what other clients do between its MONITOR and the answer to it.
  const { host, port } = connectionTo(inject("redisUrl"));
  const socket = createConnection({ host, port });
  onTestFinished(() => {
    socket.destroy();
  });
  const lines = createInterface({ input: socket });
  const commands: string[][] = [];
  const started = latch();
  lines.on("line", (line) => {
    if (line === "+OK") started.open();
    else commands.push([...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, argument]) => argument ?? ""));
  });
  socket.write("MONITOR\r\n");
  await started.promise;
  return async () => {
    const caughtUp = latch();
    const mark = `mark-${uniquePrefix()}`;
    lines.on("line", (line) => {
      if (line.includes(mark)) caughtUp.open();
    });
    await redis.echo(mark);
    await caughtUp.promise;
    return commands;
  };
}
