import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job, JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis5";
import { pino } from "pino";
import { expect, inject, onTestFinished, test } from "vitest";
import type { JobKey } from "../../src/sources/job-key.ts";
import type { JobLogLine, JobLogLines, JobLogTailOptions } from "../../src/sources/job-log-tail.ts";
import { JobLogTail } from "../../src/sources/job-log-tail.ts";

import type { LogRecords } from "../support/bridge.ts";
import { openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker, startWorker } from "../support/worker-process.ts";
import { openPrivateRedis, openQueue } from "./support.ts";

const MISSING: JobLogLine = { line: null, content: null, dropped: null };
const ACL =
  "%R~* &__redis__:invalidate +ping +hello +info +client|setname +client|id +subscribe +lrange +llen +hget +exists";

interface Told extends JobLogLine {
  atMs: number;
}

/** A tail under test, the jobs it is set on, and what it tells. */
function startTail({
  redisUrl = inject("redisUrl"),
  ...options
}: { redisUrl?: string } & Partial<JobLogTailOptions> = {}) {
  const prefix = options.prefix ?? uniquePrefix();
  const told = new Map<string, Told[]>();
  const records: LogRecords = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void records.push(JSON.parse(line)) });
  const waiting = new Set<() => void>();
  const accept = ({ queue, jobId, lines }: JobLogLines) => {
    const key = `${queue}:${jobId}`;
    told.set(key, [...(told.get(key) ?? []), ...lines.map((line) => ({ ...line, atMs: Date.now() }))]);
    for (const check of [...waiting]) check();
  };
  const tail = new JobLogTail({ connection: redisUrl, accept, logger, ...options, prefix });
  tail.start();
  onTestFinished(() => tail.close());
  const linesOf = ({ queue, jobId }: JobKey): Told[] => told.get(`${queue}:${jobId}`) ?? [];
  /** Waits until so many lines of a job are told. */
  const until = (job: JobKey, count: number): Promise<Told[]> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(new Error(`told ${linesOf(job).length} of ${count} lines: ${JSON.stringify(linesOf(job).slice(-3))}`)),
        15_000,
      );
      const check = () => {
        if (linesOf(job).length < count) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve(linesOf(job));
      };
      waiting.add(check);
      check();
    });
  return { tail, prefix, records, linesOf, until, redis: openRedis(redisUrl) };
}

type Running = ReturnType<typeof startTail>;

/** A job that nobody works on; its log is written by the test, as `job.log()` does. */
async function addJob({ prefix }: Running, options: JobsOptions = {}, redisUrl = inject("redisUrl")) {
  const job = await openQueue("emails", prefix, { redisUrl }).add("letter", {}, options);
  return { job, key: { queue: "emails", jobId: job.id ?? "" } };
}

/** Adds a job for the fixture that logs with pauses. */
async function addLogging(queue: Queue, data: { lines: number; pauseMs: number }, options: JobsOptions = {}) {
  const job = await queue.add("letter", data, options);
  return { queue: queue.name, jobId: job.id ?? "" };
}

function plain(lines: readonly JobLogLine[]): JobLogLine[] {
  return lines.map(({ line, content, dropped }) =>
    content === null ? { line, content, dropped: dropped ?? null } : { line, content },
  );
}

function numbered(contents: readonly string[], first = 0): JobLogLine[] {
  return contents.map((content, index) => ({ line: first + index, content }));
}

function logs(job: Job, from: number, to: number): Promise<unknown> {
  return Promise.all(Array.from({ length: to - from }, (_, index) => job.log(`line ${from + index}`)));
}

/** Connections the tail holds, the one that listens told by its subscription. */
async function connectionsOf(redis: Redis): Promise<{ id: string; isListening: boolean }[]> {
  const list = String(await redis.call("CLIENT", "LIST"));
  return list
    .split("\n")
    .filter((line) => / name=bullcast /.test(line))
    .map((line) => ({ id: /^id=(\d+)/.exec(line)?.[1] ?? "", isListening: / sub=1 /.test(line) }));
}

/** Waits until every change is told: one redirected connection, and one that listens. */
async function untilTracking(redis: Redis): Promise<void> {
  const isTracking = async () => {
    const list = String(await redis.call("CLIENT", "LIST"));
    const own = list.split("\n").filter((line) => / name=bullcast /.test(line));
    const listening = own.find((line) => / sub=1 /.test(line));
    const id = /^id=(\d+)/.exec(listening ?? "")?.[1];
    return own.some((line) => id !== undefined && line.includes(` redir=${id} `));
  };
  await expect.poll(isTracking, { timeout: 10_000 }).toBe(true);
}

/** Passes on what clients and Redis say, but nothing of what has changed. */
async function startLossyProxy(redisUrl: string): Promise<{ port: number; counts: { lost: number } }> {
  const counts = { lost: 0 };
  const server = createServer((socket) => {
    const redis = connect(Number(new URL(redisUrl).port), "127.0.0.1");
    socket.pipe(redis);
    redis.on("data", (chunk) => {
      if (/message\r\n\$20\r\n__redis__:invalidate/.test(String(chunk))) counts.lost += 1;
      else socket.write(chunk);
    });
    for (const end of [socket, redis]) end.on("error", () => undefined);
    redis.on("close", () => socket.destroy());
    socket.on("close", () => redis.destroy());
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, counts };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Lets a stock worker log 200 lines and answers how long each took, ms. */
async function measure(running: Running, redisUrl: string): Promise<number[]> {
  const { prefix, tail, until } = running;
  await startWorker("job-log-worker.mjs", { queue: "emails", prefix, redisUrl });
  const job = await addLogging(openQueue("emails", prefix, { redisUrl }), { lines: 200, pauseMs: 4 });
  tail.setJobs([job]);
  const told = await until(job, 200);
  expect(told.map(({ line, content }) => [line, content?.split(" ")[0]])).toEqual(
    Array.from({ length: 200 }, (_, line) => [line, String(line)]),
  );
  const delays = told.map(({ atMs, content }) => atMs - Number(content?.split(" ")[1]));
  if (process.env.SHOW_FIGURES) {
    const sorted = [...delays].sort((a, b) => a - b);
    console.log(`${tail.mode}: median ${median(delays)} ms, p99 ${sorted[197]} ms, most ${sorted.at(-1)} ms`);
  }
  return delays;
}

test("lines of an unmodified worker are told within milliseconds, where Redis tells of changes", async () => {
  const running = startTail();
  expect(median(await measure(running, inject("redisUrl")))).toBeLessThan(10);
  expect(running.tail).toMatchObject({ mode: "tracking", problem: null });
  expect(running.tail.status()).toEqual({
    kind: "job-log-tail",
    queue: null,
    state: "reading",
    lag_ms: null,
    malformed: 0,
    gaps: 0,
    mode: "tracking",
  });
});

test.each([
  { refused: "CLIENT TRACKING", rules: ACL },
  { refused: "CLIENT ID", rules: ACL.replace("+client|id", "+client|tracking") },
  { refused: "SUBSCRIBE", rules: `${ACL.replace("+subscribe", "")} +client|tracking` },
  { refused: "its channel", rules: `${ACL.replace("&__redis__:invalidate", "&other")} +client|tracking` },
])("where $refused is refused the lists are polled, which is said once", async ({ refused, rules }) => {
  const { url } = await openPrivateRedis();
  await openRedis(url).call("ACL", "SETUSER", "reader", "on", ">secret", "resetchannels", ...rules.split(" "));
  const running = startTail({ redisUrl: url, connection: url.replace("//", "//reader:secret@") });
  const { tail, records, until } = running;
  if (refused === "CLIENT TRACKING") expect(median(await measure(running, url))).toBeLessThan(600);
  else {
    const { job, key } = await addJob(running, {}, url);
    tail.setJobs([key]);
    await logs(job, 0, 2);
    await until(key, 2);
  }
  await expect.poll(() => tail.mode).toBe("polling");
  expect(tail.problem).toBeNull();
  expect(records.filter(({ msg, level }) => level === 30 && /polled/.test(msg))).toHaveLength(1);
});

test("nothing is opened before the first job, and no command is sent while there is none", async () => {
  const { url } = await openPrivateRedis();
  const running = startTail({ redisUrl: url, safetyReadMs: 20, pollMs: 20 });
  const { tail, redis, until } = running;
  tail.setJobs([]);
  expect(await connectionsOf(redis)).toEqual([]);

  const { job, key } = await addJob(running, {}, url);
  tail.setJobs([key]);
  await untilTracking(redis);
  await job.log("line 0");
  await until(key, 1);
  expect(await connectionsOf(redis)).toHaveLength(2);
  tail.setJobs([]);
  await redis.ping();

  const commands: string[] = [];
  const monitor = await redis.monitor();
  onTestFinished(() => monitor.disconnect());
  monitor.on("monitor", (_time: string, words: string[], source: string) => {
    // What BullMQ's script does by itself is not ours.
    if (source !== "lua") commands.push(words.join(" "));
  });
  // This changes a list that was read, but is no longer wanted.
  await job.log("line 1");
  // Ten rounds, if there were any.
  await sleep(200);
  await redis.echo("fence");
  await expect.poll(() => commands).toContain("echo fence");
  expect(commands.filter((command) => /^(lrange|llen|exists|ping|client) /i.test(command))).toEqual([]);
});

test("a job that is let go and taken up again is told from where it stood", async () => {
  const running = startTail();
  const { tail, until, linesOf } = running;
  const { job, key } = await addJob(running);
  const other = await addJob(running);
  tail.setJobs([key]);
  await logs(job, 0, 3);
  await until(key, 3);
  tail.setJobs([other.key]);
  await logs(job, 3, 6);
  await other.job.log("fence");
  await until(other.key, 1);
  expect(linesOf(key)).toHaveLength(3);
  expect(tail.toldOf(key)).toBe(3);

  tail.setJobs([key, other.key]);
  expect(plain(await until(key, 6))).toEqual(numbered(["line 0", "line 1", "line 2", "line 3", "line 4", "line 5"]));
  expect(tail.toldOf(key)).toBe(6);
  expect(tail.toldOf({ queue: "emails", jobId: "unheard of" })).toBe(0);
});

test("what is left of a job's lines is read at its end, and lines logged late are told once more later", async () => {
  const running = startTail();
  const { tail, until, linesOf } = running;
  const { job, key } = await addJob(running);
  await logs(job, 0, 3);
  const ends = await tail.readEnds([key]);
  expect([...ends]).toEqual([[`emails:${key.jobId}`, { ...key, lines: numbered(["line 0", "line 1", "line 2"]) }]]);
  expect(await tail.readEnds([key]), "nothing is told twice").toEqual(new Map());
  expect(linesOf(key)).toEqual([]);
  await job.log("late");
  expect(plain(await until(key, 1))).toEqual(numbered(["late"], 3));
});

test("a restarted job is told from the beginning, and a forgotten queue's jobs are let go", async () => {
  const running = startTail();
  const { tail, until, redis } = running;
  const { job, key } = await addJob(running);
  const other = { queue: "images", jobId: "1" };
  tail.setJobs([key, other]);
  await job.log("of the first life");
  await until(key, 1);
  await job.remove();
  tail.restart(key);
  const again = await openQueue("emails", running.prefix).add("letter", {}, { jobId: "again" });
  await redis.rpush(`${running.prefix}:emails:${key.jobId}:logs`, "of the second life");
  expect(plain(await until(key, 2))).toEqual([...numbered(["of the first life"]), ...numbered(["of the second life"])]);

  tail.forget("emails");
  await again.log("unwanted");
  expect(tail.toldOf(key)).toBe(0);
  await redis.rpush(`${running.prefix}:emails:${key.jobId}:logs`, "unwanted");
  await redis.rpush(`${running.prefix}:images:1:logs`, "fence");
  await until(other, 1);
  expect(running.linesOf(key)).toHaveLength(2);
});

test("lines of jobs with keepLogs are told once while the list is shortened", async () => {
  const running = startTail();
  const { tail, prefix, until } = running;
  await startWorker("job-log-worker.mjs", { queue: "emails", prefix });
  const job = await addLogging(openQueue("emails", prefix), { lines: 60, pauseMs: 4 }, { keepLogs: 20 });
  tail.setJobs([job]);
  const told = await until(job, 60);
  expect(told.map(({ content }) => content?.split(" ")[0])).toEqual(
    Array.from({ length: 60 }, (_, line) => String(line)),
  );
  // A line has its number for as long as none before it has gone unread, and none from then on.
  const exact = told.findIndex(({ line }) => line === null);
  expect(exact).toBeLessThanOrEqual(19);
  for (const [index, { line }] of told.entries()) expect(line).toBe(index < exact ? index : null);
  expect(tail.toldOf(job)).toBeNull();
});

test("reads at the end and in between overlap a hundred times, and no line is lost, doubled or out of order", async () => {
  const running = startTail();
  const { tail, prefix, redis } = running;
  const [key, list] = [{ queue: "emails", jobId: "1" }, `${prefix}:emails:1:logs`];
  const story: string[] = [];
  const collecting = startTail({
    prefix,
    accept: ({ lines }) => void story.push(...lines.map(({ line, content }) => `${line} ${content}`)),
  });
  tail.close();
  await redis.hset(`${prefix}:emails:1`, "opts", "{}");
  let logged = 0;
  for (let round = 0; round < 100; round += 1) {
    collecting.tail.setJobs([key]);
    const lines = Array.from({ length: 7 }, () => `line ${logged++}`);
    const pushed = Promise.all(lines.map((line) => redis.rpush(list, line)));
    const reads = [collecting.tail.readEnds([key]), collecting.tail.readEnds([key])];
    await pushed;
    reads.push(collecting.tail.readEnds([key]));
    for (const read of reads) {
      for (const { lines: last } of (await read).values())
        story.push(...last.map(({ line, content }) => `${line} ${content}`));
    }
  }
  expect(story).toEqual(Array.from({ length: 700 }, (_, line) => `${line} line ${line}`));
});

test.each(["the reading connection", "the listening connection", "both connections"])(
  "killing %s again and again loses no line and doubles none",
  async (which) => {
    const { url } = await openPrivateRedis();
    const running = startTail({ redisUrl: url });
    const { tail, redis, prefix, until } = running;
    await startWorker("job-log-worker.mjs", { queue: "emails", prefix, redisUrl: url });
    const queue = openQueue("emails", prefix, { redisUrl: url });
    const job = await addLogging(queue, { lines: 400, pauseMs: 4 });
    tail.setJobs([job]);
    for (let kill = 1; kill <= 6; kill += 1) {
      await until(job, kill * 50);
      await untilTracking(redis);
      for (const { id, isListening } of await connectionsOf(redis)) {
        if (which === "both connections" || isListening === (which === "the listening connection"))
          await redis.call("CLIENT", "KILL", "ID", id);
      }
    }
    const told = await until(job, 400);
    expect(told.map(({ line, content }) => [line, content?.split(" ")[0]])).toEqual(
      Array.from({ length: 400 }, (_, line) => [line, String(line)]),
    );
    await untilTracking(redis);
    expect(tail.mode).toBe("tracking");
  },
);

test("a Redis that hangs for a while costs no line and doubles none, and is named as the problem meanwhile", async () => {
  const { url, pid } = await openPrivateRedis();
  const running = startTail({ redisUrl: url, safetyReadMs: 200 });
  const { tail, redis, until } = running;
  const { job, key } = await addJob(running, {}, url);
  tail.setJobs([key]);
  await logs(job, 0, 5);
  await until(key, 5);
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  await expect.poll(() => tail.problem, { timeout: 10_000 }).not.toBeNull();
  await expect(tail.readEnds([{ queue: "emails", jobId: "other" }])).rejects.toThrow();
  expect(tail.status().state).toBe("reconnecting");
  process.kill(pid, "SIGCONT");
  await logs(job, 5, 10);
  expect(plain(await until(key, 10))).toEqual(numbered(Array.from({ length: 10 }, (_, line) => `line ${line}`)));
  await untilTracking(redis);
  await job.log("line 10");
  await until(key, 11);
  expect(tail.problem).toBeNull();
});

test("a job whose end could not be read is told when Redis is back", async () => {
  const { url, pid } = await openPrivateRedis();
  const running = startTail({ redisUrl: url, safetyReadMs: 200 });
  const { tail, until } = running;
  const { job, key } = await addJob(running, {}, url);
  const other = await addJob(running, {}, url);
  tail.setJobs([other.key]);
  await other.job.log("fence");
  await until(other.key, 1);
  await logs(job, 0, 3);
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  await expect(tail.readEnds([key])).rejects.toThrow();
  process.kill(pid, "SIGCONT");
  expect(plain(await until(key, 3))).toEqual(numbered(["line 0", "line 1", "line 2"]));
});

test("a removed job whose end could not be read is said to lack lines when Redis is back", async () => {
  const { url, pid } = await openPrivateRedis();
  const running = startTail({ redisUrl: url });
  const { tail, prefix, redis, until } = running;
  const { job, key } = await addJob(running, {}, url);
  tail.setJobs([key]);
  await untilTracking(redis);
  await logs(job, 0, 2);
  await until(key, 2);
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  await expect(tail.readEnds([key])).rejects.toThrow();
  process.kill(pid, "SIGCONT");
  await redis.del(`${prefix}:emails:${key.jobId}`, `${prefix}:emails:${key.jobId}:logs`);
  // Whoever chooses may not have heard of the end yet.
  tail.setJobs([key]);
  expect(plain((await until(key, 3)).slice(2))).toEqual([MISSING]);
});

test("changes that are told, but lost on the way, are found by reading all lists now and then", async () => {
  const { port, counts } = await startLossyProxy(inject("redisUrl"));
  const running = startTail({ connection: `redis://127.0.0.1:${port}`, safetyReadMs: 100 });
  const { tail, until } = running;
  const { job, key } = await addJob(running);
  tail.setJobs([key]);
  await logs(job, 0, 3);
  await until(key, 3);
  await expect.poll(() => tail.status().state).toBe("reading");
  for (let line = 3; line < 10; line += 1) {
    await job.log(`line ${line}`);
    await until(key, line + 1);
  }
  expect(plain(await until(key, 10))).toEqual(numbered(Array.from({ length: 10 }, (_, line) => `line ${line}`)));
  expect(tail.mode).toBe("tracking");
  expect(counts.lost).toBeGreaterThan(0);
});

test("a removed job that was told as it went ends without a mark, and one of which lines are missing with one", async () => {
  const running = startTail();
  const { tail, prefix, redis, linesOf } = running;
  await startWorker("job-log-worker.mjs", { queue: "emails", prefix });
  const queue = openQueue("emails", prefix);
  let complete = 0;
  for (let count = 0; count < 20; count += 1) {
    const job = { queue: "emails", jobId: `job-${count}` };
    tail.setJobs([job]);
    await queue.add(
      "letter",
      { lines: 5, pauseMs: count % 2 === 0 ? 50 : 0 },
      { jobId: job.jobId, removeOnComplete: true },
    );
    await expect
      .poll(
        async () => {
          const entries = await redis.xrevrange(`${prefix}:emails:events`, "+", "-", "COUNT", 20);
          return entries.some(([, fields]) => fields.includes("completed") && fields.includes(job.jobId));
        },
        { interval: 1 },
      )
      .toBe(true);
    const ends = await tail.readEnds([job]);
    const told = [...linesOf(job), ...(ends.get(`emails:${job.jobId}`)?.lines ?? [])];
    const lines = told.filter(({ content }) => content !== null);
    const marks = told.length - lines.length;
    if (lines.length === 5) expect(marks, `of job ${count}`).toBe(0);
    // One that logs with pauses is told as it goes, unless the machine is too busy to look within one.
    if (count % 2 === 0) complete += lines.length === 5 ? 1 : 0;
    else if (process.env.SHOW_FIGURES) console.log(`at full speed: ${lines.length} lines, ${marks} marks`);
    if (lines.length < 5) expect(told.at(-1), `of job ${count}`).toMatchObject(MISSING);
  }
  expect(complete).toBeGreaterThan(0);
});

test.each([
  { last: "a line", isWritten: true, lacking: [MISSING] },
  { last: "nothing", isWritten: false, lacking: [] },
])(
  "a job that logs $last in the moment of its removal ends with $lacking.length marks",
  async ({ isWritten, lacking }) => {
    const { url } = await openPrivateRedis();
    const running = startTail({ redisUrl: url });
    const { tail, prefix, redis, until } = running;
    const { job, key } = await addJob(running, {}, url);
    const jobKey = `${prefix}:emails:${key.jobId}`;
    await redis.set(`${jobKey}:lock`, "token");
    tail.setJobs([key]);
    await untilTracking(redis);
    await job.log("line 0");
    await until(key, 1);

    // In the order in which BullMQ ends a job that is removed on completion.
    const end = redis.multi();
    if (isWritten) end.rpush(`${jobKey}:logs`, "line 1");
    await end.del(`${jobKey}:lock`).del(jobKey, `${jobKey}:logs`).exec();
    const lines = (await tail.readEnds([key])).get(`emails:${key.jobId}`)?.lines ?? [];
    expect([...running.linesOf(key).slice(1), ...lines]).toEqual(lacking);
  },
);

test("without being told of changes, a removed job that has logged, or whose queue logs, ends with a mark", async () => {
  const running = startTail();
  const { tail, until } = running;
  const silent = { queue: "silent", jobId: "1" };
  tail.noteHabit("silent", { jobs: 20, withLines: 0 });
  expect(await tail.readEnds([silent], true), "nothing suggests that it logged").toEqual(new Map());
  const past = { queue: "unknown", jobId: "1" };
  const looked = await tail.readEnds([past], true);
  expect([...looked.values()], "nobody can say").toEqual([{ ...past, lines: [MISSING] }]);
  const { job, key } = await addJob(running);
  tail.setJobs([key]);
  await job.log("line 0");
  await until(key, 1);
  tail.setJobs([]);
  await job.remove();
  const unseen = { queue: "emails", jobId: "unseen" };
  const ends = await tail.readEnds([key, unseen, silent]);
  expect([...ends.values()]).toEqual([
    { ...key, lines: [MISSING] },
    { ...unseen, lines: [MISSING] },
  ]);
});

test("changes are told to an ioredis 5 client of the application too", async () => {
  const application = new Redis5(inject("redisUrl"));
  onTestFinished(() => application.disconnect());
  const running = startTail({ connection: application, safetyReadMs: 60_000, pollMs: 60_000 });
  const { tail, until } = running;
  const { job, key } = await addJob(running);
  tail.setJobs([key]);
  for (let line = 0; line < 5; line += 1) {
    await job.log(`line ${line}`);
    await until(key, line + 1);
  }
  expect(tail.mode).toBe("tracking");
});

test("the lines of a stock worker of either major are told, those of its job's last moment included", async () => {
  for (const bullmq of [5, 6] as const) {
    const running = startTail();
    const { tail, prefix, linesOf } = running;
    await startStockWorker({ queue: "emails", prefix, bullmq });
    const queue = openQueue("emails", prefix);
    const { id = "" } = await queue.add("letter", { logs: 30 });
    const job = { queue: "emails", jobId: id };
    tail.setJobs([job]);
    await expect.poll(() => queue.getCompletedCount()).toBe(1);
    const last = (await tail.readEnds([job])).get(`emails:${id}`)?.lines ?? [];
    const told = plain([...linesOf(job), ...last]);
    expect(told).toEqual(numbered(Array.from({ length: 30 }, (_, line) => `line ${line}`)));
  }
});
