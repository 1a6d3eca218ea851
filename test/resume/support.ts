import type { Redis } from "ioredis";
import type { ReceivedMessage } from "../support/viewer.ts";
import { Viewer } from "../support/viewer.ts";

/** The newest cursor of each queue, as a client is to keep them. */
export function cursorsOf({ messages }: { messages: readonly ReceivedMessage[] }): Record<string, string> {
  const cursors: Record<string, string> = {};
  for (const { type, content, meta } of messages) {
    if (type === "subscribed") Object.assign(cursors, content.cursors);
    if (type === "ping") Object.assign(cursors, meta.cursors);
    if (meta.cursor) cursors[meta.queue] = meta.cursor;
  }
  return cursors;
}

/** The query that hands cursors back. */
export function sinceQuery(cursors: Record<string, string>): string {
  return Object.values(cursors)
    .map((cursor) => `since=${cursor}`)
    .join("&");
}

/** Connects again where a viewer left off and waits until everything since then has come. */
export async function resume(url: string, left: { messages: readonly ReceivedMessage[] }): Promise<Viewer> {
  const viewer = new Viewer(`${url}${url.includes("?") ? "&" : "?"}${sinceQuery(cursorsOf(left))}`);
  await viewer.next("subscribed");
  return viewer;
}

/** What a viewer was told of a queue's streams, without what is about the connection. */
export function streamMessages({ messages }: { messages: readonly ReceivedMessage[] }): ReceivedMessage[] {
  return messages.filter(({ meta, type }) => meta.cursor !== undefined && type !== "ping");
}

/** Writes events as a worker would: jobs one after the other, each added, waiting, active and completed. */
export async function writeJobs(redis: Redis, key: string, count: number, firstId = 1): Promise<void> {
  const pipeline = redis.pipeline();
  for (let id = firstId; id < firstId + count; id += 1) {
    pipeline.xadd(key, "*", "event", "added", "jobId", String(id), "name", "job");
    pipeline.xadd(key, "*", "event", "waiting", "jobId", String(id));
    pipeline.xadd(key, "*", "event", "active", "jobId", String(id), "prev", "waiting");
    pipeline.xadd(key, "*", "event", "completed", "jobId", String(id), "returnvalue", String(id), "prev", "active");
  }
  await pipeline.exec();
}
