import { createServer } from "node:http";
import type { JobsOptions, Queue } from "bullmq";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { jobDetailsSchema, jobPageSchema, queuesSchema } from "../../src/http/job-schemas.ts";
import type { JobDetails, JobPage, JobSummary } from "../../src/protocol/job-summary.ts";
import type { QueueSummary } from "../../src/protocol/queue-summary.ts";
import { call, expectProblem, listen, makeBridge, strict } from "../http/support.ts";
import { startBridge } from "../support/bridge.ts";
import { connectionTo, openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { MAJORS } from "./majors.ts";
import { openPrivateRedis, openQueue } from "./support.ts";

const HOUR_MS = 3_600_000;
const PATIENT = { timeout: 10_000 };

/** One page, as documented. */
async function readPage(httpUrl: string, query = ""): Promise<JobPage> {
  const answer = await call(`${httpUrl}/jobs${query}`);
  expect(answer.status, answer.text).toBe(200);
  return strict(jobPageSchema).parse(answer.body) as JobPage;
}

/** All pages of this size. */
async function readPages(httpUrl: string, query: string): Promise<JobSummary[][]> {
  const pages: JobSummary[][] = [];
  for (let after = ""; ; ) {
    const { jobs, next } = await readPage(httpUrl, `?${query}${after}`);
    pages.push(jobs);
    if (next === null) return pages;
    after = `&after=${encodeURIComponent(next)}`;
  }
}

async function readJob(httpUrl: string, queue: string, id: string): Promise<JobDetails> {
  const { body } = await call(`${httpUrl}/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`);
  return strict(jobDetailsSchema).parse(body) as JobDetails;
}

const placesOf = (jobs: readonly JobSummary[]) => jobs.map(({ state, queue, id }) => `${state} ${queue} ${id}`);

describe.each(MAJORS)("of BullMQ $bullmq", ({ bullmq, QueueClass, FlowClass }) => {
  function openScope() {
    const scope = { prefix: uniquePrefix(), connection: connectionTo(inject("redisUrl")) };
    const open = (name: string): Queue => {
      const queue = new QueueClass(name, scope);
      onTestFinished(() => queue.close());
      return queue;
    };
    const flow = new FlowClass(scope);
    onTestFinished(() => flow.close());
    return { prefix: scope.prefix, open, flow };
  }

  test("the jobs of all queues are listed by state, page by page, as they stand", async () => {
    const { prefix, open, flow } = openScope();
    const [idle, worked, halted] = ["idle", "worked", "halted"].map(open) as [Queue, Queue, Queue];
    const add = (queue: Queue, jobId: string, data: object = {}, options: JobsOptions = {}) =>
      queue.add(`name of ${jobId}`, data, { jobId, ...options });
    for (const jobId of ["w1", "w2"]) await add(idle, jobId);
    await add(idle, "p9", {}, { priority: 9 });
    await add(idle, "p1", {}, { priority: 1 });
    await add(idle, "late", {}, { delay: 2 * HOUR_MS });
    await add(idle, "soon", {}, { delay: HOUR_MS });
    await flow.add({
      name: "book",
      queueName: "idle",
      opts: { jobId: "parent" },
      children: [{ name: "page", queueName: "halted", opts: { jobId: "h1" } }],
    });
    await halted.pause();
    await startStockWorker({ queue: "worked", prefix, bullmq });
    await add(worked, "done", { progress: [7], result: "x" });
    await add(worked, "broken", { failFirst: 2, reason: ["first", "r".repeat(3000)] }, { attempts: 2 });
    await add(worked, "busy", { progress: [{ page: 1 }, { page: 2 }], stepMs: HOUR_MS });
    const { httpUrl } = await startBridge({ prefix, queues: ["idle", "worked", "halted", "empty"] });

    const expected = [
      "active worked busy",
      ...(bullmq === 5 ? [] : ["waiting halted h1"]),
      "waiting idle w2",
      "waiting idle w1",
      "prioritized idle p1",
      "prioritized idle p9",
      "delayed idle soon",
      "delayed idle late",
      "waiting-children idle parent",
      ...(bullmq === 5 ? ["paused halted h1"] : []),
      "failed worked broken",
      "completed worked done",
    ];
    await expect.poll(async () => placesOf((await readPage(httpUrl)).jobs), PATIENT).toEqual(expected);
    for (const limit of [1, 2, 3, 5]) {
      const pages = await readPages(httpUrl, `limit=${limit}`);
      expect(placesOf(pages.flat())).toEqual(expected);
      expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    }
    const page = await readPage(httpUrl, "?queue=idle&state=delayed&state=waiting");
    expect(placesOf(page.jobs)).toEqual(expected.filter((place) => /^(waiting|delayed) idle/.test(place)));
    expect(page.next).toBeNull();

    const { jobs } = await readPage(httpUrl);
    const byId = new Map(jobs.map((job) => [job.id, job]));
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(byId.get("busy")).toEqual({
      queue: "worked",
      id: "busy",
      name: "name of busy",
      state: "active",
      progress: { page: 1 },
      attempt: 1,
      attempts: 1,
      added_at: time,
      started_at: time,
      finished_at: null,
      failed_reason: null,
      parent: null,
    });
    expect(byId.get("broken")).toMatchObject({
      attempt: 2,
      attempts: 2,
      finished_at: time,
      failed_reason: "r".repeat(1000),
    });
    expect(byId.get("done")).toMatchObject({ progress: 7, attempt: 1, failed_reason: null });
    expect(byId.get("h1")).toMatchObject({ attempt: 0, parent: { queue: "idle", id: "parent" } });
  });

  test("a job is told with what it was given and what it threw", async () => {
    const { prefix, open } = openScope();
    const queue = open("letters");
    await startStockWorker({ queue: "letters", prefix, bullmq });
    const data = { failFirst: 2, reason: ["first", "second"], __proto__: null, list: [1, { a: "ü" }] };
    await queue.add("letter", data, { jobId: "broken", attempts: 2, keepLogs: 3 });
    await queue.add("letter", { to: "ada" }, { jobId: "later", delay: HOUR_MS, priority: 4 });
    const { httpUrl } = await startBridge({ prefix, queues: ["letters"] });
    await expect.poll(async () => (await readJob(httpUrl, "letters", "broken")).state, PATIENT).toBe("failed");

    const broken = await readJob(httpUrl, "letters", "broken");
    expect(broken.data).toEqual(JSON.parse(JSON.stringify(data)));
    expect(broken.data_bytes).toBe(Buffer.byteLength(JSON.stringify(data)));
    expect(broken.stacktrace).toEqual([
      expect.stringMatching(/^Error: first\n/),
      expect.stringMatching(/^Error: second\n/),
    ]);
    expect(broken.options).toMatchObject({ attempts: 2, kl: 3 });
    expect(broken).toMatchObject({ failed_reason: "second", attempt: 2, delay_until: null, processed_by: null });

    const later = await readJob(httpUrl, "letters", "later");
    const addedAt = Date.parse(later.added_at ?? "");
    expect(later).toMatchObject({ state: "delayed", stacktrace: [], data: { to: "ada" } });
    expect(Date.parse(later.delay_until ?? "")).toBe(addedAt + HOUR_MS);
  });
});

test("GET /ws/queues says how each attached queue stands, and what was read of it", async () => {
  const { httpUrl, prefix } = await startBridge({ queues: ["letters", "empty"] });
  const read = async (): Promise<QueueSummary[]> => {
    const { status, body } = await call(`${httpUrl}/queues`);
    expect(status).toBe(200);
    return (strict(queuesSchema).parse(body) as { queues: QueueSummary[] }).queues;
  };
  const none = { is_paused: false, lag_ms: 0, state: "reading", events_total: 0 };
  await expect.poll(read, PATIENT).toMatchObject([
    { queue: "letters", ...none },
    { queue: "empty", ...none },
  ]);

  const queue = openQueue("letters", prefix);
  await queue.addBulk([1, 2, 3].map(() => ({ name: "letter", data: {} })));
  await queue.pause();

  await expect
    .poll(async () => (await read())[0], PATIENT)
    .toMatchObject({
      is_paused: true,
      counts: { waiting: 3, active: 0, completed: 0 },
      // Added and waiting of each, and paused.
      events_total: 7,
    });
});

test("a bridge that has not been started opens nothing for whoever asks", async () => {
  const redis = await openPrivateRedis();
  const { bridge } = makeBridge({ connection: redis.url, queues: ["letters"] });
  const port = await listen(createServer(bridge.router));
  expect((await call(`http://127.0.0.1:${port}/ws/queues`)).body).toMatchObject({
    queues: [{ queue: "letters", counts: null, state: "connecting" }],
  });
  expectProblem(await call(`http://127.0.0.1:${port}/ws/jobs`), 503);
  expectProblem(await call(`http://127.0.0.1:${port}/ws/jobs/letters/1`), 404);
  const client = openRedis(redis.url);
  expect(await client.client("LIST")).not.toContain("name=bullcast");
  await bridge.start();
  await expect.poll(() => client.client("LIST"), PATIENT).toContain("name=bullcast");
});

test("while Redis is away, queues are listed without counts, and no jobs", async () => {
  const { httpUrl } = await startBridge({ connection: "redis://127.0.0.1:1", queues: ["letters"] });
  expect((await call(`${httpUrl}/queues`)).body).toEqual({
    queues: [
      {
        queue: "letters",
        is_paused: null,
        counts: null,
        counted_at: null,
        lag_ms: null,
        state: expect.stringMatching(/connecting|reconnecting/),
        events_total: 0,
      },
    ],
  });
  expect(expectProblem(await call(`${httpUrl}/jobs`), 503).detail).toContain("Redis does not answer");
});

test("values that are too large, odd or gone are left out, and what is left is shown", async () => {
  const { httpUrl, prefix } = await startBridge({ queues: ["__proto__", "odd"] });
  const queue = openQueue("__proto__", prefix);
  const redis = openRedis();
  const key = (id: string) => `${prefix}:__proto__:${id}`;
  const add = (jobId: string, data: unknown = {}) => queue.add("letter", data, { jobId });
  for (const id of ["gone", "hash", "constructor", "small", "large", "deep"]) await add(id);
  await add("huge", "x".repeat(300_000));
  await redis.del(key("gone"), key("hash"));
  await redis.set(key("hash"), "no hash");
  await redis.hset(key("small"), "progress", JSON.stringify("ü".repeat(511)));
  await redis.hset(key("large"), "progress", JSON.stringify("ü".repeat(512)));
  await redis.hset(key("deep"), "data", "[".repeat(5000) + "]".repeat(5000), "opts", "{", "stacktrace", '[1,"a",null]');
  const traces = Array.from({ length: 60 }, (_, index) => `${index} ${"t".repeat(9000)}`);
  await redis.hset(key("small"), "stacktrace", JSON.stringify(["t".repeat(5_000_000)]));
  await redis.hset(key("large"), "stacktrace", JSON.stringify(traces), "pb", "worker 7", "data", "no JSON");
  // As early versions of BullMQ 5 do, and a key of another kind.
  await redis.rpush(key("wait"), "0:0");
  await redis.set(`${prefix}:odd:wait`, "no list");

  const { jobs, next } = await readPage(httpUrl);
  expect(jobs.map(({ id }) => id)).toEqual(["huge", "deep", "large", "small", "constructor"]);
  expect(next).toBeNull();
  const progress = new Map(jobs.map((job) => [job.id, job.progress]));
  expect([progress.get("small"), progress.get("large")]).toEqual(["ü".repeat(511), null]);
  // A page may have fewer than asked for, and still there is a next one.
  const pages = await readPages(httpUrl, "limit=3&queue=__proto__");
  expect(pages.map((page) => page.length)).toEqual([3, 2, 0]);

  expect(await readJob(httpUrl, "__proto__", "huge")).toMatchObject({ data: null, data_bytes: 300_002 });
  expect(await readJob(httpUrl, "__proto__", "deep")).toMatchObject({
    data: null,
    data_bytes: 10_000,
    options: null,
    stacktrace: ["a"],
  });
  expect((await readJob(httpUrl, "__proto__", "small")).stacktrace).toEqual([]);
  const { stacktrace, processed_by, data } = await readJob(httpUrl, "__proto__", "large");
  expect(stacktrace).toEqual(traces.slice(10).map((trace) => trace.slice(0, 8000)));
  expect({ processed_by, data }).toEqual({ processed_by: "worker 7", data: null });
  // Their ids are still in the list.
  for (const id of ["gone", "hash"]) {
    expect(await readJob(httpUrl, "__proto__", id)).toMatchObject({ state: "waiting", data: null, data_bytes: null });
  }
  for (const id of ["wait", "meta"]) {
    expectProblem(await call(`${httpUrl}/jobs/__proto__/${id}`), 404, ["id"]);
  }
});

test("a job that moves on between two pages is missed or comes twice, and no page fails for it", async () => {
  const { httpUrl, prefix } = await startBridge({ queues: ["letters"] });
  const queue = openQueue("letters", prefix);
  const add = (jobId: string) => queue.add("letter", {}, { jobId });
  for (const id of ["a", "b", "c", "d"]) await add(id);
  const first = await readPage(httpUrl, "?limit=2");
  expect(first.jobs.map(({ id }) => id)).toEqual(["d", "c"]);

  await add("e");
  const rest = async () => (await readPage(httpUrl, `?limit=2&after=${first.next}`)).jobs.map(({ id }) => id);
  expect(await rest()).toEqual(["c", "b"]);
  await queue.remove("e");
  await queue.remove("c");
  expect(await rest()).toEqual(["a"]);
  await queue.drain();
  expect(await rest()).toEqual([]);
});

test("a job that is in two places for a moment is listed once", async () => {
  const { httpUrl, prefix } = await startBridge({ queues: ["letters"] });
  await openQueue("letters", prefix).add("letter", {}, { jobId: "a" });
  await openRedis().zadd(`${prefix}:letters:completed`, 1, "a");
  expect(placesOf((await readPage(httpUrl)).jobs)).toEqual(["waiting letters a"]);
});

const CURSOR = (text: string) => Buffer.from(text).toString("base64url");

test.each([
  ["limit=0", ["limit"]],
  ["limit=201", ["limit"]],
  ["limit=-1", ["limit"]],
  ["limit=1e2", ["limit"]],
  ["limit=", ["limit"]],
  ["limit=5&limit=6", ["limit"]],
  ["state=unknown", ["state"]],
  ["state=active&state=__proto__&state=", ["state", "state"]],
  ["queue=a:b", ["queue"]],
  ["queue=", ["queue"]],
  ["queue=letters&queue=letters", ["queue"]],
  ["stat=failed", ["stat"]],
  ["__proto__=1", ["__proto__"]],
  ["after=", ["after"]],
  ["after=nonsense", ["after"]],
  [`after=${CURSOR("active 0 a:b")}`, ["after"]],
  [`after=${CURSOR("unknown 0 letters")}`, ["after"]],
  [`after=${CURSOR("active -1 letters")}`, ["after"]],
  [`after=${CURSOR("active 01 letters")}`, ["after"]],
  [`after=${CURSOR("active 1e9 letters")}`, ["after"]],
  [`after=${CURSOR(`active ${"9".repeat(16)} letters`)}`, ["after"]],
  [`after=${CURSOR("active 0 letters")}=`, ["after"]],
  [`after=${CURSOR("active 0 letters")}%20`, ["after"]],
  [`after=${CURSOR("active 0 letters")}&after=${CURSOR("active 0 letters")}`, ["after"]],
  ["limit=no&state=no&queue=a:b&after=no", ["queue", "state", "limit", "after"]],
])("what cannot be used is named: %s", async (query, fields) => {
  const { httpUrl } = await startBridge({ queues: ["letters"] });
  expectProblem(await call(`${httpUrl}/jobs?${query}`), 400, fields);
});

test.each(["active 999999999999999 letters", "active 0 nowhere", "completed 5 letters"])(
  "a cursor made by hand is a place like any other: %s",
  async (text) => {
    const { httpUrl, prefix } = await startBridge({ queues: ["letters"] });
    await openQueue("letters", prefix).add("letter", {}, { jobId: "a" });
    const { jobs } = await readPage(httpUrl, `?after=${CURSOR(text)}`);
    expect(jobs.map(({ id }) => id)).toEqual(text.startsWith("active") ? ["a"] : []);
  },
);

test("a queue's name may hold whatever a query may", async () => {
  const { httpUrl, prefix } = await startBridge({ queues: ["a", "a?b"] });
  await openQueue("a?b", prefix).add("letter", {}, { jobId: "one" });
  for (const query of ["?queue=a?b", "?queue=a%3Fb"]) {
    expect(placesOf((await readPage(httpUrl, query)).jobs)).toEqual(["waiting a?b one"]);
  }
});

test("a queue that is not attached is answered with 404", async () => {
  const { httpUrl, bridge } = await startBridge({ queues: ["letters"] });
  for (const queue of ["other", "constructor"]) {
    const { detail } = expectProblem(await call(`${httpUrl}/jobs?queue=${queue}`), 404, ["queue"]);
    expect(detail).toBe(`queue "${queue}" is not attached`);
  }
  expect((await readPage(httpUrl, "?queue=letters")).jobs).toEqual([]);
  bridge.detachQueue("letters");
  expectProblem(await call(`${httpUrl}/jobs?queue=letters`), 404, ["queue"]);
  expect(await readPage(httpUrl)).toEqual({ jobs: [], next: null });
});

test("who may not use the other routes may not read queues and jobs, and nobody may write them", async () => {
  const { httpUrl } = await startBridge({ queues: ["letters"], adminToken: "secret" });
  const headers = { authorization: "Bearer secret" };
  for (const path of ["queues", "jobs"]) {
    expectProblem(await call(`${httpUrl}/${path}`), 401);
    expect((await call(`${httpUrl}/${path}`, { headers })).status).toBe(200);
    expect(await call(`${httpUrl}/${path}`, { headers, method: "HEAD" })).toMatchObject({ status: 200, text: "" });
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const answer = await call(`${httpUrl}/${path}`, { headers, method });
      expectProblem(answer, 405);
      expect(answer.headers.allow).toBe("GET, HEAD");
    }
  }
});

test("a page costs Redis commands by the number of queues and of its jobs, not of those there are", async () => {
  const redis = await openPrivateRedis();
  const queues = Array.from({ length: 30 }, (_, index) => `queue ${index}`);
  const { httpUrl, prefix } = await startBridge({ connection: redis.url, queues });
  const queue = openQueue("queue 3", prefix, { redisUrl: redis.url });
  await queue.addBulk(Array.from({ length: 2000 }, () => ({ name: "letter", data: {} })));
  const client = openRedis(redis.url);
  const calls = async (command: string) =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await client.info("commandstats"))?.[1] ?? 0);
  const before = await Promise.all(["llen", "zcard", "lrange", "zrange"].map(calls));

  expect((await readPage(httpUrl, "?limit=200")).jobs).toHaveLength(200);

  const after = await Promise.all(["llen", "zcard", "lrange", "zrange"].map(calls));
  // Three lists and five sets of each queue, and one range of the queue that has jobs.
  expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([90, 150, 1, 0]);
});
