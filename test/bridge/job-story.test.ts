import { FlowProducer } from "bullmq";
import { FlowProducer as FlowProducer5 } from "bullmq5";
import { expect, inject, onTestFinished, test } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { connectionTo, openRedis, readStream } from "../support/redis.ts";
import type { ReceivedMessage } from "../support/viewer.ts";
import { startStockWorker, startWorker } from "../support/worker-process.ts";
import { PythonViewer } from "./python-viewer.ts";
import type { ProducerQueue } from "./support.ts";
import { openQueue, openQueue5, timeOf, told, typesOf } from "./support.ts";

/** One line of a story: type, content, attempt. */
type Line = [type: string, content: unknown, attempt: number];

const MAJORS = [6, 5] as const;

/** One bridge, which knows nothing of versions, with a queue of BullMQ 6 and one of BullMQ 5, and a viewer of both. */
async function openScene({ workers = true }: { workers?: boolean } = {}) {
  const { prefix, wsUrl, httpUrl } = await startBridge({ queues: ["emails-6", "emails-5"] });
  const redisUrl = inject("redisUrl");
  const [viewer] = await Promise.all([
    PythonViewer.open(wsUrl),
    ...MAJORS.map((bullmq) =>
      workers ? startStockWorker({ queue: `emails-${bullmq}`, prefix, redisUrl, bullmq }) : undefined,
    ),
  ]);
  const queues = new Map<5 | 6, ProducerQueue>([
    [6, openQueue("emails-6", prefix)],
    [5, openQueue5("emails-5", prefix)],
  ]);
  const inBoth = (play: (queue: ProducerQueue, bullmq: 5 | 6) => Promise<void>) =>
    Promise.all([...queues].map(([bullmq, queue]) => play(queue, bullmq)));
  return { prefix, httpUrl, viewer, inBoth };
}

/** Waits until a job has had as many messages as its story has lines, and checks all of each. */
async function expectStory(
  viewer: PythonViewer,
  { queue, id = "", name }: { queue: string; id: string | undefined; name: string },
  story: Line[],
): Promise<ReceivedMessage[]> {
  const ofJob = () => told(viewer, queue).filter(({ meta }) => meta.task_id === id);
  await viewer.until(() => ofJob().length >= story.length, `${queue}: fewer messages than ${story.length}`);
  const messages = ofJob();
  expect(messages.map(({ type, content, meta }) => [type, content, meta.attempt])).toEqual(story);
  for (const { meta } of messages) {
    expect(meta).toMatchObject({ queue, task_id: id, name, cursor: expect.stringMatching(/^.+$/) });
  }
  expect(new Set(messages.map(({ meta }) => meta.cursor)).size, "each message has its own cursor").toBe(story.length);
  const times = messages.map(({ timestamp }) => Date.parse(timestamp));
  expect(times).toEqual([...times].sort((left, right) => left - right));
  return messages;
}

/** Times of a job's entries as Redis wrote them, of those events that make messages. */
async function writtenTimes(key: string, id: string | undefined): Promise<string[]> {
  const entries = await readStream(openRedis(), key);
  return entries.flatMap((entry) =>
    entry.fields.jobId === id && entry.fields.event !== "retries-exhausted" ? [timeOf(entry.id)] : [],
  );
}

const FAILING_ONCE = { progress: [50, { step: "sent" }], failFirst: 1, reason: "smtp is down", result: { sent: true } };

test("a job that fails once and is tried again at once is told from its adding to its return value", async () => {
  const { prefix, viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const { id } = await queue.add("welcome", FAILING_ONCE, { attempts: 2 });
    const messages = await expectStory(viewer, { queue: queue.name, id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_progress", 50, 1],
      ["task_progress", { step: "sent" }, 1],
      ["task_retrying", "smtp is down", 1],
      ["task_active", null, 2],
      ["task_progress", 50, 2],
      ["task_progress", { step: "sent" }, 2],
      ["task_success", { sent: true }, 2],
    ]);
    expect(messages[5]?.meta).toMatchObject({ attempts: 2, retry_at: messages[5]?.timestamp });
    expect(messages.map(({ timestamp }) => timestamp)).toEqual(
      await writtenTimes(`${prefix}:${queue.name}:events`, id),
    );
  });
});

test("with back-off the failed attempt is told with the time of the next one", async () => {
  const { prefix, viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const { id } = await queue.add("welcome", FAILING_ONCE, { attempts: 2, backoff: 200 });
    const messages = await expectStory(viewer, { queue: queue.name, id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_progress", 50, 1],
      ["task_progress", { step: "sent" }, 1],
      ["task_retrying", "smtp is down", 1],
      ["task_waiting", null, 1],
      ["task_active", null, 2],
      ["task_progress", 50, 2],
      ["task_progress", { step: "sent" }, 2],
      ["task_success", { sent: true }, 2],
    ]);
    const entries = await readStream(openRedis(), `${prefix}:${queue.name}:events`);
    const delayed = entries.find(({ fields }) => fields.event === "delayed");
    expect(messages[5]?.meta).toMatchObject({
      attempts: 2,
      retry_at: new Date(Number(delayed?.fields.delay)).toISOString(),
    });
    expect(messages.map(({ timestamp }) => timestamp)).toEqual(
      await writtenTimes(`${prefix}:${queue.name}:events`, id),
    );
  });
});

test("each failed attempt is told with its own reason", async () => {
  const { viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const { id } = await queue.add(
      "welcome",
      { failFirst: 3, reason: ["busy", "smtp:\nstill down", "gave up"] },
      { attempts: 3 },
    );
    await expectStory(viewer, { queue: queue.name, id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_retrying", "busy", 1],
      ["task_active", null, 2],
      ["task_retrying", "smtp:\nstill down", 2],
      ["task_active", null, 3],
      ["task_failed", "gave up", 3],
    ]);
  });
});

test("a delayed job is told with the time it is due", async () => {
  const { prefix, viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const { id } = await queue.add("later", { result: 1 }, { delay: 200 });
    await viewer.until(() => typesOf(viewer, queue.name, id ?? "").includes("task_success"), "never succeeded");
    const entries = await readStream(openRedis(), `${prefix}:${queue.name}:events`);
    const dueAtMs = Number(entries.find(({ fields }) => fields.event === "delayed")?.fields.delay);
    await expectStory(viewer, { queue: queue.name, id, name: "later" }, [
      ["task_added", null, 0],
      ["task_delayed", new Date(dueAtMs).toISOString(), 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_success", 1, 1],
    ]);
  });
});

test("the parent of a flow is told to wait for its children", async () => {
  const { prefix, viewer, inBoth } = await openScene();
  const connection = connectionTo(inject("redisUrl"));
  await inBoth(async ({ name: queueName }, bullmq) => {
    const flows = new (bullmq === 5 ? FlowProducer5 : FlowProducer)({ prefix, connection });
    onTestFinished(() => flows.close());
    const { job } = await flows.add({
      name: "newsletter",
      queueName,
      data: { result: "all sent" },
      children: [{ name: "letter", queueName, data: {} }],
    });
    await expectStory(viewer, { queue: queueName, id: job.id, name: "newsletter" }, [
      ["task_added", null, 0],
      ["task_waiting_children", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_success", "all sent", 1],
    ]);
  });
});

test("a job whose worker process was killed is told as stalled and goes on in the next one", async () => {
  const { prefix, viewer, inBoth } = await openScene({ workers: false });
  await inBoth(async (queue, bullmq) => {
    const settings = { queue: queue.name, prefix, bullmq, options: { lockDuration: 500, stalledInterval: 250 } };
    const doomed = await startWorker("troubled-worker.mjs", settings);
    const { id } = await queue.add("welcome", { hang: true });
    await viewer.until(() => typesOf(viewer, queue.name, id ?? "").includes("task_active"), "never active");

    doomed.process.kill("SIGKILL");
    await startWorker("troubled-worker.mjs", settings);

    await expectStory(viewer, { queue: queue.name, id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      // A stall is no attempt made: BullMQ does not count it, and the next one is the first again.
      ["task_waiting", null, 0],
      ["task_stalled", null, 0],
      ["task_active", null, 1],
      ["task_success", "done", 1],
    ]);
  });
});

test("a stall is no failed attempt, also when it is read together with the end of its job", async () => {
  const { prefix, viewer, inBoth } = await openScene({ workers: false });
  await inBoth(async (queue) => {
    const { id = "" } = await queue.add("welcome", {});
    const key = `${prefix}:${queue.name}:events`;
    // What BullMQ writes while a job stalls and is then done, all at once.
    await openRedis()
      .multi()
      .hset(`${prefix}:${queue.name}:${id}`, { ats: 2, atm: 1, stc: 1 })
      .xadd(key, "*", "event", "active", "jobId", id, "prev", "waiting")
      .xadd(key, "*", "event", "waiting", "jobId", id, "prev", "active")
      .xadd(key, "*", "event", "stalled", "jobId", id)
      .xadd(key, "*", "event", "active", "jobId", id, "prev", "waiting")
      .xadd(key, "*", "event", "completed", "jobId", id, "returnvalue", "1", "prev", "active")
      .exec();
    await expectStory(viewer, { queue: queue.name, id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_waiting", null, 0],
      ["task_stalled", null, 0],
      ["task_active", null, 1],
      ["task_success", 1, 1],
    ]);
  });
});

test("a job that stalls more often than it may is told as failed", async () => {
  const { prefix, viewer, inBoth } = await openScene({ workers: false });
  await inBoth(async (queue, bullmq) => {
    const options = { lockDuration: 500, stalledInterval: 250, maxStalledCount: 0 };
    const settings = { queue: queue.name, prefix, bullmq, options };
    const doomed = await startWorker("troubled-worker.mjs", settings);
    const { id } = await queue.add("welcome", { hang: true });
    await viewer.until(() => typesOf(viewer, queue.name, id ?? "").includes("task_active"), "never active");

    doomed.process.kill("SIGKILL");
    await startWorker("troubled-worker.mjs", settings);

    await expectStory(viewer, { queue: queue.name, id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_waiting", null, 0],
      ["task_stalled", null, 0],
      ["task_active", null, 1],
      ["task_failed", "job stalled more than allowable limit", 1],
    ]);
  });
});

test("a removed job is told as removed", async () => {
  const { viewer, inBoth } = await openScene({ workers: false });
  await inBoth(async (queue) => {
    const job = await queue.add("welcome", {});
    await job.remove();
    await expectStory(viewer, { queue: queue.name, id: job.id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_removed", null, 0],
    ]);
  });
});

test("what is done to a whole queue is told to everybody who watches it", async () => {
  const { viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const ofQueue = () => told(viewer, queue.name).filter(({ type }) => type.startsWith("queue_"));
    await queue.pause();
    await queue.add("welcome", {});
    await queue.add("welcome", {});
    await queue.resume();
    await viewer.until(() => ofQueue().some(({ type }) => type === "queue_drained"), "never drained");
    await queue.clean(0, 100, "completed");
    await viewer.until(() => ofQueue().some(({ type }) => type === "queue_cleaned"), "never cleaned");

    expect(ofQueue().map(({ type, content }) => [type, content])).toEqual([
      ["queue_paused", null],
      ["queue_resumed", null],
      ["queue_drained", null],
      ["queue_cleaned", 2],
    ]);
    for (const { meta } of ofQueue()) {
      expect(meta).toEqual({ queue: queue.name, cursor: expect.stringMatching(/^.+$/) });
    }
  });
});

test("a failed job that is retried by hand goes on after its end", async () => {
  const { viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const job = await queue.add("welcome", { failFirst: 1, reason: "smtp is down", result: 1 });
    await viewer.until(() => typesOf(viewer, queue.name, job.id ?? "").includes("task_failed"), "never failed");
    await job.retry();
    await expectStory(viewer, { queue: queue.name, id: job.id, name: "welcome" }, [
      ["task_added", null, 0],
      ["task_waiting", null, 0],
      ["task_active", null, 1],
      ["task_failed", "smtp is down", 1],
      ["task_waiting", null, 1],
      ["task_active", null, 2],
      ["task_success", 1, 2],
    ]);
  });
});

test("a job that is removed on its completion is told with its name, its attempts and its return value", async () => {
  const { viewer, inBoth } = await openScene();
  await inBoth(async (queue) => {
    const options = { removeOnComplete: true };
    const ids = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const { id } = await queue.add(`letter-${index}`, { progress: [index], result: { index } }, options);
        return id;
      }),
    );
    for (const [index, id] of ids.entries()) {
      await expectStory(viewer, { queue: queue.name, id, name: `letter-${index}` }, [
        ["task_added", null, 0],
        ["task_waiting", null, 0],
        ["task_active", null, 1],
        ["task_progress", index, 1],
        ["task_success", { index }, 1],
      ]);
    }
  });
});
