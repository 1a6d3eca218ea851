import { compareStreamIds } from "./fact.ts";
import { findHole } from "./hole.ts";
import type { QueueFeed, RawEntry, StreamName } from "./queue-feed.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** One stream whose read is to be checked. */
export interface Suspect {
  feed: QueueFeed;
  stream: StreamName;
  entries: readonly RawEntry[];
}

/**
 * Asks Redis about the streams of these reads and tells each feed of the holes before what was read.
 *
 * @throws {Error} when Redis does not answer; nothing has been told then.
 */
export async function checkGaps(queries: StreamQueries, suspects: readonly Suspect[]): Promise<void> {
  const known = suspects.filter(({ feed }) => feed.position !== null);
  if (known.length === 0) return;
  const questions = known.map(({ feed, stream }) => ({
    key: feed.keyOf(stream),
    id: feed.markOf(stream).id,
    metaKey: stream === "events" ? feed.metaKey : null,
  }));
  const answers = await queries.streamStates(questions);
  for (const [index, { feed, stream, entries }] of known.entries()) {
    const answer = answers[index];
    feed.isDoubtful = false;
    // One that another reader has advanced meanwhile was checked by that.
    if (!answer || answer instanceof Error || feed.markOf(stream).id !== questions[index]?.id) continue;
    if (answer.maxLength !== undefined) feed.maxLength = answer.maxLength;
    const readIds = entries.map(([id]) => id);
    const hole = findHole(feed.markOf(stream), readIds, answer.hasEntry, answer.state);
    if (hole) feed.tellHole(stream, hole);
    const { id } = feed.markOf(stream);
    const unread = readIds.filter((readId) => compareStreamIds(readId, id) > 0);
    const { lastId, added, length, exists } = answer.state;
    // With nothing left to read, reading would never come to where the stream stands.
    if (exists && length === 0 && unread.length === 0) feed.skipTo(stream, lastId);
    if (added === null) feed.setUncounted(stream);
    // Where nothing came after what was read, the count is certain: more than was read has been lost on the way.
    else if (lastId === (unread.at(-1) ?? feed.markOf(stream).id)) feed.recount(stream, added - unread.length);
  }
}
