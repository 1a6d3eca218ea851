import type { Fact, Position, StreamId } from "./fact.ts";
import type { StreamEntry } from "./merge.ts";
import { mergeStreams } from "./merge.ts";
import type { QueueFeed, RawEntry, StreamName } from "./queue-feed.ts";
import { READ_COUNT } from "./queue-feed.ts";
import { SortedIds } from "./sorted-ids.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** Most entries of one stream, and bytes of both, that one look into the past takes into memory. */
const MAX_ENTRIES = 100_000;
const MAX_BYTES = 32 * 1024 ** 2;
/** How long it may take. */
const MAX_MS = 10_000;

/** What the streams of a queue still hold from before some position. */
export interface PastFacts {
  queue: string;
  /** Everything after this is in `facts`. */
  start: Position;
  /** Ids of all entries of the event stream that were read, of those too that made no fact. */
  ids: Pick<ReadonlySet<StreamId>, "has">;
  facts: Fact[];
}

/** The entries of one stream, newest first, and after which id they are all there ever were. */
interface PastEntries {
  entries: RawEntry[];
  start: StreamId;
}

/**
 * Reads what the streams of a queue hold up to a position, newest first, so that a bound cuts off the oldest.
 *
 * @throws {Error} when Redis does not answer.
 */
export async function readPast(queries: StreamQueries, feed: QueueFeed, upTo: Position): Promise<PastFacts> {
  const deadline = performance.now() + MAX_MS;
  const budget = { bytes: MAX_BYTES };
  const events = await readBackwards("events");
  const logs = await readBackwards("logs");
  const start = { events: events.start, logs: logs.start };
  const { entries } = mergeStreams(partOf("events", events), partOf("logs", logs), start);
  const facts = entries.flatMap((entry) => feed.parsePast(entry) ?? []);
  const ids = new SortedIds(events.entries.map(([id]) => id).reverse());
  return { queue: feed.queue, start, ids, facts };

  async function readBackwards(stream: StreamName): Promise<PastEntries> {
    const entries: RawEntry[] = [];
    let before = upTo[stream];
    for (let isFirst = true; ; isFirst = false) {
      const page = await queries.entriesUpTo(feed.keyOf(stream), isFirst ? before : `(${before}`);
      entries.push(...page);
      budget.bytes -= sizeOf(page);
      const oldest = page.at(-1)?.[0];
      if (page.length < READ_COUNT || oldest === undefined) {
        // All there is; where nothing has been trimmed by now, all there ever was.
        const start = (await isWhole(stream)) ? "0-0" : (entries.at(-1)?.[0] ?? upTo[stream]);
        return { entries, start };
      }
      before = oldest;
      if (entries.length >= MAX_ENTRIES || budget.bytes <= 0 || performance.now() > deadline) {
        return { entries, start: oldest };
      }
    }
  }

  async function isWhole(stream: StreamName): Promise<boolean> {
    const [answer] = await queries.streamStates([{ key: feed.keyOf(stream), id: null, metaKey: null }]);
    if (!answer || answer instanceof Error) throw answer ?? new Error("Redis did not say how long the stream is");
    return answer.state.added === answer.state.length;
  }
}

function partOf(stream: StreamName, { entries }: PastEntries): { entries: StreamEntry[]; isComplete: boolean } {
  return { entries: entries.map(([id, content]) => ({ id, stream, content })).reverse(), isComplete: true };
}

function sizeOf(page: readonly RawEntry[]): number {
  return page.reduce((sum, [, flat]) => flat.reduce((size, { length }) => size + length, sum), 0);
}
