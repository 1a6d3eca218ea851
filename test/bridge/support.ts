import { setTimeout as sleep } from "node:timers/promises";
import type { JobsOptions, QueueOptions } from "bullmq";
import { Queue } from "bullmq";
import { Queue as Queue5 } from "bullmq5";
import type { Redis } from "ioredis";
import { expect, inject, onTestFinished } from "vitest";
import { startPrivateRedis } from "../../scripts/private-redis.mjs";
import type { Health, Stats } from "../../src/index.ts";
import { connectionTo, readStream } from "../support/redis.ts";
import type { ReceivedMessage } from "../support/viewer.ts";

/** Whatever collects messages: a viewer in this process or one in its own. */
export interface Watching {
  readonly messages: readonly ReceivedMessage[];
  until(holds: () => boolean, complaint?: string): Promise<void>;
}

/** What the tests use of a queue, of whichever major of BullMQ. */
export interface ProducerQueue {
  readonly name: string;
  add(name: string, data: unknown, options?: JobsOptions): Promise<ProducerJob>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  clean(graceMs: number, limit: number, state: "completed"): Promise<string[]>;
}

export interface ProducerJob {
  readonly id?: string | undefined;
  remove(): Promise<void>;
  retry(): Promise<void>;
}

/** Longest a queue may take to close: with its Redis gone BullMQ would wait for ever. */
const CLOSE_PATIENCE_MS = 1000;

/** A queue of an application, which ends with the test. */
export function openQueue(
  name: string,
  prefix: string,
  { redisUrl = inject("redisUrl"), ...options }: { redisUrl?: string } & Partial<QueueOptions> = {},
): Queue {
  const queue = new Queue(name, { ...options, prefix, connection: connectionTo(redisUrl) });
  queue.on("error", () => undefined);
  onTestFinished(async () => void (await Promise.race([queue.close(), sleep(CLOSE_PATIENCE_MS)])));
  return queue;
}

/** The same with BullMQ 5. */
export function openQueue5(name: string, prefix: string, redisUrl = inject("redisUrl")): ProducerQueue {
  const queue = new Queue5(name, { prefix, connection: connectionTo(redisUrl) });
  queue.on("error", () => undefined);
  onTestFinished(async () => void (await Promise.race([queue.close(), sleep(CLOSE_PATIENCE_MS)])));
  return queue;
}

/** A Redis that the test may stop, which ends with the test. */
export async function openPrivateRedis(options: { port?: number; args?: string[] } = {}) {
  const redis = await startPrivateRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

/** What `GET /ws/stats` answers. */
export async function readStats(httpUrl: string): Promise<Stats> {
  return (await (await fetch(`${httpUrl}/stats`)).json()) as Stats;
}

/** What `GET /ws/health` answers, with its HTTP status. */
export async function readHealth(httpUrl: string): Promise<Health & { httpStatus: number }> {
  const response = await fetch(`${httpUrl}/health`);
  return { ...((await response.json()) as Health), httpStatus: response.status };
}

/** Malformed inputs counted by the sources of one kind. */
export function malformedOf({ sources }: Stats, kind: Stats["sources"][number]["kind"]): number {
  return sources.filter((source) => source.kind === kind).reduce((sum, { malformed }) => sum + malformed, 0);
}

/** The messages of a queue's own stream entries, in the order received. */
export function told(viewer: Watching, queue: string): ReceivedMessage[] {
  return viewer.messages.filter(({ type, meta }) => meta.queue === queue && /^(task|queue)_/.test(type));
}

/** Types of the messages about one job, without log lines. */
export function typesOf(viewer: Watching, queue: string, taskId: string): string[] {
  return told(viewer, queue)
    .filter(({ meta }) => meta.task_id === taskId)
    .map(({ type }) => type);
}

const EVENT_OF: Readonly<Record<string, string>> = {
  task_added: "added",
  task_waiting: "waiting",
  task_waiting_children: "waiting-children",
  task_delayed: "delayed",
  task_active: "active",
  task_progress: "progress",
  task_stalled: "stalled",
  task_success: "completed",
  task_failed: "failed",
  task_removed: "removed",
  queue_paused: "paused",
  queue_resumed: "resumed",
  queue_drained: "drained",
  queue_cleaned: "cleaned",
};
const SHOWN_EVENTS: ReadonlySet<string> = new Set(Object.values(EVENT_OF));

/**
 * Checks that the viewer was told every entry of a queue's event stream, each once, in order, at its own time. First a
 * job is added as a fence: whatever was told twice or late has come before it.
 */
export async function expectWholeStream(viewer: Watching, redis: Redis, queue: Queue, prefix: string): Promise<void> {
  const fence = await queue.add("fence", {}, { delay: 86_400_000 });
  await viewer.until(
    () => told(viewer, queue.name).some(({ type, meta }) => type === "task_delayed" && meta.task_id === fence.id),
    "the fence never came",
  );
  const entries = await readStream(redis, `${prefix}:${queue.name}:events`);
  const expected = entries.flatMap(({ id, fields: { event = "", jobId = "-" } }) =>
    SHOWN_EVENTS.has(event) ? [`${timeOf(id)} ${event} ${jobId}`] : [],
  );
  const heldEntries = new Set(expected.filter((line) => / (waiting|delayed) /.test(line)));
  const actual = told(viewer, queue.name).map(({ type, timestamp, meta }) => {
    const line = (event: string) => `${timestamp} ${event} ${meta.task_id ?? "-"}`;
    if (type !== "task_retrying") return line(EVENT_OF[type] ?? type);
    return heldEntries.has(line("delayed")) ? line("delayed") : line("waiting");
  });
  expect(actual).toEqual(expected);
  const cursors = told(viewer, queue.name).map(({ meta }) => meta.cursor);
  expect(new Set(cursors).size, "no cursor stands twice").toBe(cursors.length);
}

/** The time of a stream entry, ISO 8601. */
export function timeOf(streamId: string): string {
  return new Date(Number(streamId.split("-")[0])).toISOString();
}
