import type { FactBatch, StreamId } from "./fact.ts";
import { compareStreamIds, MAX_SEQUENCE } from "./fact.ts";
import type { QueueFeed } from "./queue-feed.ts";
import type { RedisConnection } from "./redis-connections.ts";
import type { StreamAnswer, StreamQueries } from "./stream-queries.ts";

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
  const streams = feeds.flatMap(({ eventsKey, logsKey, metaKey }) => [
    { key: eventsKey, id: null, metaKey },
    { key: logsKey, id: null, metaKey: null },
  ]);
  const aheadMs = await queries.clockAheadMs();
  const answers = await queries.streamStates(streams);
  const added = await countedAt(
    queries,
    feeds.flatMap(({ eventsKey, logsKey, attachedAtMs }, index) => {
      const attached = idBefore(attachedAtMs + aheadMs);
      const keys = [eventsKey, logsKey].filter((_, stream) => isLater(answers[index * 2 + stream], attached));
      return keys.map((key) => ({ key, id: attached }));
    }),
  );
  const located: FactBatch[] = [];
  const unreadable: Unreadable = new Map();
  for (const [index, feed] of feeds.entries()) {
    const [events, logs] = answers.slice(index * 2);
    if (feed.position || !events || !logs) continue;
    if (events instanceof Error) unreadable.set(feed, `${feed.eventsKey}: ${events.message}`);
    else if (logs instanceof Error) unreadable.set(feed, `${feed.logsKey}: ${logs.message}`);
    else {
      const attached = idBefore(feed.attachedAtMs + aheadMs);
      feed.maxLength = events.maxLength ?? null;
      feed.isInRedis = events.state.exists || feed.maxLength !== null;
      const startOf = (answer: StreamAnswer, key: string) =>
        isLater(answer, attached)
          ? { id: attached, added: added.get(key) ?? null }
          : { id: answer.state.lastId, added: answer.state.added };
      const starts = { events: startOf(events, feed.eventsKey), logs: startOf(logs, feed.logsKey) };
      const position = { events: starts.events.id, logs: starts.logs.id };
      feed.locate(position, { events: starts.events.added, logs: starts.logs.added });
      located.push({ queue: feed.queue, start: position, end: position, gap: null, facts: [] });
    }
  }
  return { located, unreadable };
}

/** The last id before a moment, epoch ms. */
function idBefore(ms: number): StreamId {
  return `${ms - 1}-${MAX_SEQUENCE}`;
}

/**
 * Whether entries came after a queue was attached, by Redis' clock: then reading begins after what there was at that
 * moment, though Redis is asked later, be it an instant or an outage.
 */
function isLater(answer: StreamAnswer | Error | undefined, attached: StreamId): boolean {
  return answer !== undefined && !(answer instanceof Error) && compareStreamIds(answer.state.lastId, attached) >= 0;
}

/** How many entries had ever been added to each stream up to an id; null where it cannot be told. */
async function countedAt(
  queries: StreamQueries,
  streams: readonly { key: string; id: StreamId }[],
): Promise<Map<string, number | null>> {
  const counts = new Map<string, number | null>();
  for (const { key, id } of streams) counts.set(key, await queries.addedUpTo(key, id));
  return counts;
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
