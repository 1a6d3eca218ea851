import type { FactBatch, StreamId } from "./fact.ts";
import { compareStreamIds } from "./fact.ts";
import type { QueueFeed } from "./queue-feed.ts";
import type { RedisConnection } from "./redis-connections.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** The last entry that a millisecond can have. */
const MAX_SEQUENCE = "18446744073709551615";

/** Feeds that cannot be read although Redis answers, each with the reason. */
export type Unreadable = Map<QueueFeed, string>;

/**
 * Finds where the streams of newly attached queues are to be read from: `$` would lose what comes before the first
 * read. Answers an empty batch for each feed that was located, which tells the sink its position.
 *
 * @throws {Error} when Redis does not answer.
 */
export async function locateFeeds(
  queries: StreamQueries,
  feeds: readonly QueueFeed[],
): Promise<{ located: FactBatch[]; unreadable: Unreadable }> {
  const { ids, clockMs } = await queries.newestIds(feeds.flatMap(({ eventsKey, logsKey }) => [eventsKey, logsKey]));
  // How far Redis' clock is ahead of ours, if it says.
  const aheadMs = clockMs === null ? 0 : clockMs - Date.now();
  const located: FactBatch[] = [];
  const unreadable: Unreadable = new Map();
  for (const [index, feed] of feeds.entries()) {
    const [events = "0-0", logs = "0-0"] = ids.slice(index * 2);
    if (feed.position) continue;
    if (events instanceof Error) unreadable.set(feed, `${feed.eventsKey}: ${events.message}`);
    else if (logs instanceof Error) unreadable.set(feed, `${feed.logsKey}: ${logs.message}`);
    else {
      const attachedMs = feed.attachedAtMs + aheadMs;
      const position = { events: startAt(attachedMs, events), logs: startAt(attachedMs, logs) };
      feed.locate(position);
      located.push({ queue: feed.queue, start: position, end: position, facts: [] });
    }
  }
  return { located, unreadable };
}

/**
 * After what there was when the queue was attached, by Redis' clock, though Redis is asked later, be it a moment or an
 * outage.
 */
function startAt(attachedMs: number, newest: StreamId): StreamId {
  const attached = `${attachedMs - 1}-${MAX_SEQUENCE}`;
  return compareStreamIds(newest, attached) < 0 ? newest : attached;
}

/**
 * Reads each stream of these feeds by itself, to find those to blame for a read of all that failed.
 *
 * @throws {Error} when Redis does not answer.
 */
export async function probeFeeds(
  connection: RedisConnection,
  feeds: readonly QueueFeed[],
  timeoutMs: number,
): Promise<Unreadable> {
  const unreadable: Unreadable = new Map();
  if (feeds.length === 0) return unreadable;
  const probes = feeds.flatMap((feed) => [feed.eventsKey, feed.logsKey].map((key) => ({ feed, key })));
  const pipeline = connection.client.pipeline();
  for (const { key } of probes) pipeline.xread("COUNT", 1, "STREAMS", key, "0-0");
  const replies = (await connection.inTime(pipeline.exec(), timeoutMs)) ?? [];
  for (const [index, { feed, key }] of probes.entries()) {
    const error = replies[index]?.[0];
    if (error?.name === "ReplyError") unreadable.set(feed, `${key}: ${error.message}`);
    else if (error) throw error;
  }
  return unreadable;
}
