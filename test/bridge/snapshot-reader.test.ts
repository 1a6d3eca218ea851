import type { FlowProducer, JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import type { ConnectionSetting } from "../../src/handed-in.ts";
import { compareStreamIds } from "../../src/sources/fact.ts";
import { RedisConnection } from "../../src/sources/redis-connections.ts";
import type { JobSnapshot } from "../../src/sources/snapshot-reader.ts";
import { SnapshotReader } from "../../src/sources/snapshot-reader.ts";
import { connectionTo, openRedis, readStream } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker, startWorker } from "../support/worker-process.ts";
import { MAJORS } from "./majors.ts";
import { openPrivateRedis } from "./support.ts";

const HOUR_MS = 3_600_000;

type Major = (typeof MAJORS)[number];

/** What Redis lets the recommended user do. */
const ACL_LINE =
  "%R~bull:* &__redis__:invalidate +ping +hello +info +client|setname +client|id +client|tracking +subscribe +unsubscribe " +
  "+multi +exec +xread +xrange +xrevrange +xinfo|stream +hget +hmget +lrange +llen +lpos +zscore +zcard +zrange " +
  "+exists +type +scan";

async function openReader(prefix: string, setting: ConnectionSetting = inject("redisUrl")): Promise<SnapshotReader> {
  const connection = new RedisConnection(setting);
  onTestFinished(() => connection.close());
  connection.open();
  expect(await connection.whenReady(5000)).toBe(true);
  return new SnapshotReader(connection, prefix);
}

/** Queues of one major, a reader, and what reads one job; all ends with the test. */
async function openScene({ QueueClass, FlowClass }: Major = MAJORS[0], redisUrl = inject("redisUrl"), prefix?: string) {
  const scope = { prefix: prefix ?? uniquePrefix(), connection: connectionTo(redisUrl) };
  const openQueue = (name: string): Queue => {
    const queue = new QueueClass(name, scope);
    onTestFinished(() => queue.close());
    return queue;
  };
  const openFlow = (): FlowProducer => {
    const flow = new FlowClass(scope);
    onTestFinished(() => flow.close());
    return flow;
  };
  const reader = await openReader(scope.prefix);
  const read = async (queue: string, jobId = ""): Promise<JobSnapshot> => {
    const [snapshot] = await reader.read([{ queue, jobId }]);
    if (!snapshot) throw new Error("no snapshot");
    return snapshot;
  };
  return { prefix: scope.prefix, redis: openRedis(redisUrl), openQueue, openFlow, reader, read };
}

/** Adds a job and waits until it is in this state. */
async function addUntil(queue: Queue, state: string, data: object, options?: JobsOptions): Promise<string> {
  const job = await queue.add("letter", data, options);
  await expect.poll(() => job.getState(), { timeout: 10_000 }).toBe(state);
  return job.id ?? "";
}

describe.each(MAJORS)("of BullMQ $bullmq", (major) => {
  test("a job in every state reads as BullMQ itself says, and as it was before", async () => {
    const { prefix, openQueue, openFlow, reader } = await openScene(major);
    const { bullmq } = major;
    const [idle, halted, worked, hanging] = ["idle", "halted", "worked", "hanging"].map(openQueue) as [
      Queue,
      Queue,
      Queue,
      Queue,
    ];
    await halted.pause();
    await startStockWorker({ queue: "worked", prefix, bullmq });
    await startWorker("troubled-worker.mjs", { queue: "hanging", prefix, bullmq });
    const { job: parent } = await openFlow().add({
      name: "parent",
      queueName: "idle",
      children: [{ name: "child", queueName: "idle" }],
    });
    const removed = await idle.add("letter", {});
    await removed.remove();
    const expected: [queue: Queue, jobId: string, state: string][] = [
      [idle, await addUntil(idle, "waiting", {}), "waiting"],
      [halted, await addUntil(halted, "waiting", {}), "waiting"],
      [idle, await addUntil(idle, "delayed", {}, { delay: HOUR_MS }), "delayed"],
      [idle, await addUntil(idle, "prioritized", {}, { priority: 5 }), "prioritized"],
      [halted, await addUntil(halted, "prioritized", {}, { priority: 5 }), "prioritized"],
      [idle, parent.id ?? "", "waiting-children"],
      [hanging, await addUntil(hanging, "active", { hang: true }), "active"],
      [worked, await addUntil(worked, "completed", {}), "completed"],
      [worked, await addUntil(worked, "failed", { failFirst: 1 }), "failed"],
      [worked, await addUntil(worked, "delayed", { failFirst: 1 }, { attempts: 2, backoff: HOUR_MS }), "delayed"],
      [idle, removed.id ?? "", "unknown"],
      [idle, "never-existed", "unknown"],
    ];

    const snapshots = await reader.read(expected.map(([queue, jobId]) => ({ queue: queue.name, jobId })));

    const told = snapshots.map(({ queue, jobId, state, exists }) => [queue, jobId, state, exists]);
    expect(told).toEqual(expected.map(([queue, jobId, state]) => [queue.name, jobId, state, state !== "unknown"]));
    expect(await Promise.all(expected.map(([queue, jobId]) => queue.getJobState(jobId)))).toEqual(
      snapshots.map(({ state }) => state),
    );
  });

  test("a job that succeeded after a failure is told with all that is known of it", async () => {
    const { prefix, openQueue, read } = await openScene(major);
    await startStockWorker({ queue: "emails", prefix, bullmq: major.bullmq });
    const queue = openQueue("emails");
    const data = { progress: [{ step: "ä" }], logs: 2, failFirst: 1, reason: "busy", result: { pages: [1, null] } };
    const id = await addUntil(queue, "completed", data, { attempts: 3, keepLogs: 100 });
    const job = await queue.getJob(id);

    expect(await read("emails", id)).toEqual({
      queue: "emails",
      jobId: id,
      position: { events: expect.stringMatching(/^\d{13}-\d+$/), logs: "0-0" },
      state: "completed",
      exists: true,
      name: "letter",
      progress: { step: "ä" },
      attemptsMade: 2,
      attempts: 3,
      result: { pages: [1, null] },
      failedReason: "busy",
      logs: ["line 0", "line 1", "line 0", "line 1"],
      firstLine: 0,
      logCount: 4,
      keepLogs: 100,
      addedAtMs: job?.timestamp,
      startedAtMs: job?.processedOn,
      finishedAtMs: job?.finishedOn,
      parent: null,
      children: null,
    });
  });

  test("a job that is waiting has what it was added with, and one that never existed has nothing", async () => {
    const { openQueue, read } = await openScene(major);
    const { id, timestamp } = await openQueue("emails").add("letter", {});
    const nothing = {
      queue: "emails",
      progress: null,
      result: null,
      failedReason: null,
      logs: [],
      firstLine: 0,
      logCount: 0,
      keepLogs: null,
      startedAtMs: null,
      finishedAtMs: null,
      parent: null,
      children: null,
    };
    const known = { exists: true, name: "letter", attemptsMade: 0, attempts: 1, addedAtMs: timestamp };
    const unknown = { exists: false, name: null, attemptsMade: null, attempts: null, addedAtMs: null };

    const waiting = await read("emails", id);
    expect(waiting).toEqual({ ...nothing, ...known, jobId: id, state: "waiting", position: waiting.position });
    const position = { events: "0-0", logs: "0-0" };
    expect(await read("nowhere", "1")).toEqual({
      ...nothing,
      ...unknown,
      queue: "nowhere",
      jobId: "1",
      state: "unknown",
      position,
    });
  });

  test("a parent has its children counted, whatever became of them, and a child names its parent", async () => {
    const { prefix, openQueue, openFlow, read } = await openScene(major);
    const queue = openQueue("children");
    await startStockWorker({ queue: "children", prefix, bullmq: major.bullmq });
    const child = (name: string, data: object, opts: JobsOptions) => ({ name, queueName: "children", data, opts });
    const { job: parent, children = [] } = await openFlow().add({
      name: "parent",
      queueName: "parents",
      children: [
        child("done", {}, {}),
        child("done too", {}, {}),
        child("ignored", { failFirst: 1 }, { ignoreDependencyOnFailure: true }),
        child("later", {}, { delay: HOUR_MS }),
        child("failed", { failFirst: 1 }, {}),
      ],
    });
    await expect.poll(() => queue.getJobCountByTypes("completed", "failed"), { timeout: 10_000 }).toBe(4);

    const snapshot = await read("parents", parent.id);

    expect(snapshot).toMatchObject({ state: "waiting-children", children: { total: 5, done: 3 }, parent: null });
    for (const { job } of children) {
      const told = await read("children", job.id);
      expect(told).toMatchObject({ parent: { queue: "parents", id: parent.id }, children: null });
    }
  });

  test("of a long log the last 1,000 lines are told, with the number of the first", async () => {
    const { prefix, openQueue, read } = await openScene(major);
    await startStockWorker({ queue: "emails", prefix, bullmq: major.bullmq });
    const id = await addUntil(openQueue("emails"), "completed", { logs: 1500 });

    const { logs, firstLine, logCount } = await read("emails", id);

    expect({ count: logs.length, first: logs[0], last: logs.at(-1) }).toEqual({
      count: 1000,
      first: "line 500",
      last: "line 1499",
    });
    expect({ firstLine, logCount }).toEqual({ firstLine: 500, logCount: 1500 });
  });

  test("lines are numbered only while keepLogs has removed none", async () => {
    const { openQueue, read } = await openScene(major);
    const job = await openQueue("emails").add("letter", {}, { keepLogs: 5 });
    const tell = async (count: number) => {
      for (let line = 0; line < count; line += 1) await job.log(`line ${line}`);
      const { logs, firstLine, logCount, keepLogs } = await read("emails", job.id);
      return { lines: logs.length, firstLine, logCount, keepLogs };
    };
    expect(await tell(4)).toEqual({ lines: 4, firstLine: 0, logCount: 4, keepLogs: 5 });
    // With as many as are kept there may have been one more.
    expect(await tell(1)).toEqual({ lines: 5, firstLine: null, logCount: 5, keepLogs: 5 });
    expect(await tell(3)).toEqual({ lines: 5, firstLine: null, logCount: 5, keepLogs: 5 });
  });
});

test("every snapshot taken while jobs are worked on is exact as of its position", async () => {
  const { prefix, redis, openQueue, reader } = await openScene();
  const queue = openQueue("busy");
  const jobs = await queue.addBulk(
    Array.from({ length: 150 }, (_, index) => ({ name: "letter", data: { failFirst: index % 3 === 0 ? 1 : 0 } })),
  );
  const keys = jobs.map(({ id = "" }) => ({ queue: "busy", jobId: id }));
  const taken: JobSnapshot[] = [];
  await startStockWorker({ queue: "busy", prefix, concurrency: 3 });
  while ((await queue.getJobCountByTypes("completed", "failed")) < jobs.length)
    taken.push(...(await reader.read(keys)));

  const stateAfter: Record<string, string> = {
    waiting: "waiting",
    active: "active",
    completed: "completed",
    failed: "failed",
  };
  const entries = await readStream(redis, `${prefix}:busy:events`);
  const stateAt = ({ jobId, position }: JobSnapshot) =>
    entries.reduce((state, { id, fields: { jobId: of, event = "" } }) => {
      const counts = of === jobId && compareStreamIds(id, position.events) <= 0;
      return (counts && stateAfter[event]) || state;
    }, "unknown");
  expect(new Set(taken.map(({ state }) => state))).toEqual(new Set(Object.values(stateAfter)));
  const inexact = taken.filter((snapshot) => snapshot.state !== stateAt(snapshot));
  expect(inexact).toEqual([]);
});

test("lines beyond 256 KiB are left out, the newest kept, and bytes are counted, not characters", async () => {
  const { openQueue, read } = await openScene();
  const job = await openQueue("emails").add("letter", {});
  for (let line = 0; line < 10; line += 1) await job.log(`${line}${"é".repeat(32 * 1024 - 1)}`);
  const { logs, firstLine, logCount } = await read("emails", job.id);
  expect(logs.map((line) => line[0])).toEqual(["6", "7", "8", "9"]);
  expect({ firstLine, logCount }).toEqual({ firstLine: 6, logCount: 10 });
});

test("exactly 256 KiB of lines are told, and of one more byte the oldest line is not", async () => {
  const { openQueue, read } = await openScene();
  const job = await openQueue("emails").add("letter", {});
  await job.log("a".repeat(128 * 1024));
  await job.log("b".repeat(128 * 1024));
  expect(await read("emails", job.id)).toMatchObject({
    logs: [expect.stringMatching(/^a/), expect.stringMatching(/^b/)],
    firstLine: 0,
  });
  await job.log("c");
  expect(await read("emails", job.id)).toMatchObject({ logs: [expect.stringMatching(/^b/), "c"], firstLine: 1 });
  await job.log("d".repeat(256 * 1024 + 1));
  expect(await read("emails", job.id)).toMatchObject({ logs: [], firstLine: 4, logCount: 4 });
});

test("a field that is not what it should be is null, and the others are told", async () => {
  const { prefix, redis, openQueue, read } = await openScene();
  const { id = "" } = await openQueue("emails").add("letter", {});
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  await redis.hset(`${prefix}:emails:${id}`, {
    progress: "{not json",
    atm: "many",
    opts: "[",
    returnvalue: deep,
    timestamp: "99999999999999999999",
    processedOn: "-5",
    finishedOn: "NaN",
    parent: '{"id":7}',
    failedReason: "",
  });
  await redis.rpush(`${prefix}:emails:${id}:logs`, "a line");

  const snapshot = await read("emails", id);

  expect(snapshot).toMatchObject({
    exists: true,
    state: "waiting",
    name: "letter",
    progress: null,
    attemptsMade: null,
    attempts: null,
    result: null,
    failedReason: "",
    keepLogs: null,
    addedAtMs: null,
    startedAtMs: null,
    finishedAtMs: null,
    parent: null,
    logs: ["a line"],
    // Whether the job keeps all of its lines cannot be read.
    firstLine: null,
  });
  for (const [progress, told] of [
    ["", null],
    ["null", null],
    ["0", 0],
    ['"é"', "é"],
  ] as const) {
    await redis.hset(`${prefix}:emails:${id}`, { progress });
    expect((await read("emails", id)).progress).toEqual(told);
  }
});

test("keys of other kinds than they should be hide nothing but themselves", async () => {
  const { prefix, redis, openQueue, read, reader } = await openScene();
  const { id = "" } = await openQueue("emails").add("letter", {});
  const base = `${prefix}:emails`;
  for (const key of ["completed", "failed", "delayed", "prioritized", "active", "paused", "waiting-children"]) {
    await redis.set(`${base}:${key}`, "a string");
  }
  for (const key of ["bullcast-logs", `${id}:logs`, `${id}:dependencies`, "a-string"])
    await redis.set(`${base}:${key}`, "");

  const snapshot = await read("emails", id);
  expect(snapshot).toMatchObject({ state: "waiting", name: "letter", logs: [], logCount: 0, children: null });
  expect(snapshot.position.events).toMatch(/^\d{13}-\d+$/);
  expect(snapshot.position.logs).toBe("0-0");
  expect(await read("emails", "a-string")).toMatchObject({ exists: false, state: "unknown", name: null });
  expect(await reader.probe([{ queue: "emails", jobId: "a-string" }])).toEqual([{ exists: false, finished: false }]);
  expect(await reader.jobsSince("emails", 0)).toEqual({ ids: [], truncated: false });
  for (const key of ["events", id]) await redis.set(`${base}:${key}`, "");
  expect(await read("emails", id)).toMatchObject({
    position: { events: "0-0", logs: "0-0" },
    exists: false,
    state: "waiting",
  });
  // Another hash of the queue's is no job.
  expect(await read("emails", "meta")).toMatchObject({ exists: false, state: "unknown" });
});

test("a job deep in a list too long to be searched is waiting, and one that is nowhere is unknown", async () => {
  const { prefix, redis, openQueue, read } = await openScene();
  const queue = openQueue("emails");
  const deep = await queue.add("letter", {});
  const nowhere = await queue.add("letter", {});
  const wait = `${prefix}:emails:wait`;
  await redis.lrem(wait, 1, nowhere.id ?? "");
  const fillUntil = async (length: number) => {
    const missing = length - (await redis.llen(wait));
    await redis.lpush(wait, ...Array.from({ length: missing }, (_, index) => `filler-${length}-${index}`));
  };

  await fillUntil(10_000);
  expect((await read("emails", deep.id)).state).toBe("waiting");
  expect((await read("emails", nowhere.id)).state).toBe("unknown");
  await fillUntil(10_001);
  expect((await read("emails", deep.id)).state).toBe("waiting");
  expect((await read("emails", "never-existed")).state).toBe("unknown");
  // A place that can be told goes before what is only left over.
  const delayed = await queue.add("letter", {}, { delay: HOUR_MS });
  expect((await read("emails", delayed.id)).state).toBe("delayed");
});

test("the position is the last id that each stream gave out, though its entry is gone", async () => {
  const { prefix, redis, openQueue, read } = await openScene();
  const { id } = await openQueue("emails").add("letter", {});
  const events = String(await redis.xadd(`${prefix}:emails:events`, "*", "event", "custom"));
  const logs = String(await redis.xadd(`${prefix}:emails:bullcast-logs`, "*", "job", "1", "msg", "a line"));
  await redis.xdel(`${prefix}:emails:events`, events);
  expect((await read("emails", id)).position).toEqual({ events, logs });
});

test("hundreds of jobs are read in their order, twice where asked for twice", async () => {
  const { openQueue, reader } = await openScene();
  const jobs = await openQueue("emails").addBulk(
    Array.from({ length: 430 }, (_, index) => ({ name: `letter ${index}`, data: {} })),
  );
  const keys = jobs.map(({ id = "" }) => ({ queue: "emails", jobId: id }));
  const asked = [...keys, { queue: "emails", jobId: "never-existed" }, ...keys.slice(0, 1)];

  const snapshots = await reader.read(asked);

  expect(snapshots.map(({ jobId, name }) => [jobId, name])).toEqual([
    ...jobs.map(({ id, name }) => [id, name]),
    ["never-existed", null],
    [jobs[0]?.id, "letter 0"],
  ]);
  const probed = await reader.probe(asked);
  expect(probed.map(({ exists }) => exists)).toEqual(snapshots.map(({ exists }) => exists));
  expect(await reader.read([])).toEqual([]);
  expect(await reader.probe([])).toEqual([]);
});

test("a probe says whether a job is there and whether it has finished", async () => {
  const { prefix, openQueue, reader } = await openScene();
  const [worked, idle] = [openQueue("worked"), openQueue("idle")];
  await startStockWorker({ queue: "worked", prefix });
  const keys = [
    { queue: "idle", jobId: await addUntil(idle, "waiting", {}) },
    { queue: "worked", jobId: await addUntil(worked, "completed", {}) },
    { queue: "worked", jobId: await addUntil(worked, "failed", { failFirst: 1 }) },
    { queue: "worked", jobId: await addUntil(worked, "unknown", {}, { removeOnComplete: true }) },
  ];
  expect(await reader.probe(keys)).toEqual([
    { exists: true, finished: false },
    { exists: true, finished: true },
    { exists: true, finished: true },
    { exists: false, finished: false },
  ]);
});

test("after a gap active jobs come first, then those that ended since, the newest first", async () => {
  const { prefix, openQueue, reader } = await openScene();
  const queue = openQueue("emails");
  const hanging = await startWorker("troubled-worker.mjs", {
    queue: "emails",
    prefix,
    bullmq: 6,
    options: { concurrency: 9 },
  });
  const before = await addUntil(queue, "completed", {});
  const since = ((await queue.getJob(before))?.finishedOn ?? 0) + 1;
  const active = [await addUntil(queue, "active", { hang: true }), await addUntil(queue, "active", { hang: true })];
  await hanging.stop();
  await startStockWorker({ queue: "emails", prefix });
  const ended = [
    await addUntil(queue, "completed", {}),
    await addUntil(queue, "failed", { failFirst: 1 }),
    await addUntil(queue, "completed", {}),
  ];

  const { ids, truncated } = await reader.jobsSince("emails", since);

  expect(ids.slice(0, 2)).toEqual(active.reverse());
  expect(ids.slice(2)).toEqual(ended.reverse());
  expect(truncated).toBe(false);
  expect(await reader.jobsSince("emails", Date.now() + HOUR_MS)).toEqual({ ids: active, truncated: false });
});

test("after a gap at most 100 of each are named, and that there are more is said", async () => {
  const { prefix, redis, reader } = await openScene();
  const base = `${prefix}:emails`;
  const number = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const end = (set: string, ids: string[]) => redis.zadd(`${base}:${set}`, ...ids.flatMap((id, index) => [index, id]));
  await redis.rpush(`${base}:active`, ...number("active", 100));
  await end("completed", number("completed", 60));
  await end("failed", number("failed", 40));
  expect(await reader.jobsSince("emails", 0)).toMatchObject({ ids: { length: 200 }, truncated: false });

  await end("failed", number("failed", 41));
  const more = await reader.jobsSince("emails", 0);
  expect(more.truncated).toBe(true);
  expect(more.ids).toHaveLength(200);
  expect(more.ids).not.toContain("failed-0");
  expect(more.ids).toContain("completed-1");

  await redis.rpush(`${base}:active`, "active-100");
  const most = await reader.jobsSince("emails", 1000);
  expect(most).toEqual({ ids: number("active", 100), truncated: true });
});

test("a client of ioredis 5 reads the same", async () => {
  const { prefix, openQueue, reader } = await openScene();
  await startStockWorker({ queue: "emails", prefix });
  const id = await addUntil(openQueue("emails"), "completed", { logs: 3, progress: [1], result: "é" });
  const handedIn = new Redis5(inject("redisUrl"));
  onTestFinished(() => handedIn.disconnect());
  const other = await openReader(prefix, handedIn);
  const keys = [{ queue: "emails", jobId: id }];
  expect(await other.read(keys)).toEqual(await reader.read(keys));
  expect(await other.probe(keys)).toEqual(await reader.probe(keys));
  expect(await other.jobsSince("emails", 0)).toEqual({ ids: [id], truncated: false });
});

/** A server with the recommended user, a queue of the standard prefix, and a reader under that user. */
async function openGuest(rules: string) {
  const { url } = await openPrivateRedis();
  const scene = await openScene(MAJORS[0], url, "bull");
  await scene.redis.call("ACL", "SETUSER", "guest", "on", ">secret", ...rules.split(" "));
  const reader = await openReader("bull", url.replace("redis://", "redis://guest:secret@"));
  await scene.redis.call("ACL", "LOG", "RESET");
  return { ...scene, reader };
}

function deniedTo(redis: Redis): Promise<string[]> {
  return (redis.call("ACL", "LOG") as Promise<string[][]>).then((log) =>
    log.map((entry) => `${entry[entry.indexOf("object") + 1]} ${entry[entry.indexOf("count") + 1]}`),
  );
}

test("the recommended Redis user reads everything of a job, and tries nothing that it may not", async () => {
  const { redis, openQueue, reader } = await openGuest(ACL_LINE);
  const queue = openQueue("emails");
  const job = await queue.add("letter", {}, { attempts: 4 });
  await job.log("a line");
  await job.updateProgress({ done: 1 });
  const keys = [{ queue: "emails", jobId: job.id ?? "" }];

  expect(await reader.read(keys)).toMatchObject([
    { state: "waiting", name: "letter", attempts: 4, progress: { done: 1 }, logs: ["a line"], firstLine: 0 },
  ]);
  expect(await reader.probe(keys)).toEqual([{ exists: true, finished: false }]);
  expect(await reader.jobsSince("emails", 0)).toEqual({ ids: [], truncated: false });
  expect(await deniedTo(redis)).toEqual([]);
});

test("where children may not be counted a parent is told without, and that is tried once", async () => {
  const { redis, openFlow, reader } = await openGuest(ACL_LINE);
  const { job } = await openFlow().add({
    name: "parent",
    queueName: "emails",
    children: [{ name: "child", queueName: "emails" }],
  });
  const keys = [{ queue: "emails", jobId: job.id ?? "" }];
  for (let time = 0; time < 2; time += 1) {
    expect(await reader.read(keys)).toMatchObject([{ state: "waiting-children", name: "parent", children: null }]);
  }
  expect((await deniedTo(redis)).sort()).toEqual(["hlen 2", "scard 1"]);
});

test("a Redis user that may count children has them counted", async () => {
  const { openFlow, reader } = await openGuest(`${ACL_LINE} +scard +hlen`);
  const { job } = await openFlow().add({
    name: "parent",
    queueName: "emails",
    children: [{ name: "child", queueName: "emails" }],
  });
  expect(await reader.read([{ queue: "emails", jobId: job.id ?? "" }])).toMatchObject([
    { children: { total: 1, done: 0 } },
  ]);
});

test("what the Redis user may not read is an error, and no job that does not exist", async () => {
  const { reader } = await openGuest(ACL_LINE.replace(" +hmget", ""));
  const keys = [{ queue: "emails", jobId: "1" }];
  await expect(reader.read(keys)).rejects.toThrow(/NOPERM.*hmget/);
  await expect(reader.probe(keys)).rejects.toThrow(/NOPERM.*hmget/);
});

test("a Redis that is gone or hangs is an error", async () => {
  const server = await openPrivateRedis();
  const reader = await openReader("bull", server.url);
  const keys = [{ queue: "emails", jobId: "1" }];
  const tries = () => [reader.read(keys), reader.probe(keys), reader.jobsSince("emails", 0)];

  process.kill(server.pid as number, "SIGSTOP");
  const hung = await Promise.allSettled(tries());
  expect(hung.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  await server.stop();
  const gone = await Promise.allSettled(tries());
  expect(gone.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
});
