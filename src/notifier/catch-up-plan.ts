import type { Topic } from "../protocol/topic.ts";
import { parseTopic } from "../protocol/topic.ts";
import type { Position, StreamId } from "../sources/fact.ts";
import { compareStreamIds, MAX_SEQUENCE, millisecondsOf } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { decodeCursor } from "./cursor.ts";
import type { Place, QueueHistory } from "./queue-history.ts";

/** One queue a connection wants messages of. */
export interface Leg {
  history: QueueHistory;
  /** What the client has seen; null where it starts from the present. */
  cursor: Position | null;
  /** Whether it wants all messages of the queue. */
  isWhole: boolean;
  /** The jobs it wants by their ids. */
  jobIds: ReadonlySet<string>;
}

/** The same while it is brought to the present. */
export interface LegState extends Leg, Place {
  /** Since when its history is gone, or will have been if its place is lost, epoch ms; null where none was wanted. */
  goneSinceMs: number | null;
  /** Whether it has been said that its queue is no longer attached. */
  isEnded: boolean;
  /** Jobs whose snapshots are owed. */
  owed: Set<string>;
}

/** What a connection is to be brought to the present of. */
export interface Plan {
  legs: Leg[];
  /** Jobs of queues that are not attached. */
  unattached: JobKey[];
  /** How many of the cursors handed back are of what is wanted, and of queues that are not attached. */
  usedCursors: number;
  unknownCursors: number;
}

/**
 * Reads what a client hands back; the plan itself is made when it is called for, and again, as queues may come meanwhile.
 *
 * @throws {InvalidCursorError} when a cursor has not the form of one.
 */
export function planCatchUp(
  histories: ReadonlyMap<string, QueueHistory>,
  topics: readonly Topic[],
  since: readonly string[] | null,
): () => Plan {
  const cursors = new Map((since ?? []).map(decodeCursor).map(({ queueTag, position }) => [queueTag, position]));
  const left = cursors.size > 0 ? leftAt([...cursors.values()]) : null;
  return () => {
    const isAllWanted = topics.some((topic) => parseTopic(topic)?.kind === "all");
    const wanted = new Map<string, { isWhole: boolean; jobIds: Set<string> }>();
    const want = (queue: string) => {
      const entry = wanted.get(queue) ?? { isWhole: false, jobIds: new Set<string>() };
      wanted.set(queue, entry);
      return entry;
    };
    for (const topic of topics) {
      const parsed = parseTopic(topic);
      if (parsed?.kind === "all") for (const queue of histories.keys()) want(queue).isWhole = true;
      else if (parsed?.kind === "queue") want(parsed.queue).isWhole = true;
      else if (parsed?.kind === "job") want(parsed.queue).jobIds.add(parsed.id);
    }
    const legs: Leg[] = [];
    const unattached: JobKey[] = [];
    let usedCursors = 0;
    for (const [queue, { isWhole, jobIds }] of wanted) {
      const history = histories.get(queue);
      if (!history) {
        for (const jobId of jobIds) unattached.push({ queue, jobId });
        continue;
      }
      // A queue that appeared while the client was away has no cursor; it has missed all of it. One that the bridge knows
      // since it began may be as new, to a client that watches everything: of it that is all since the client left.
      const missedAll = since !== null && isWhole && history.isLate ? history.beginning : null;
      const cursor =
        cursors.get(history.tag) ??
        missedAll ??
        (isAllWanted && left && history.position ? standAt(left, history.position) : null);
      if (cursors.has(history.tag)) usedCursors += 1;
      if (cursor || jobIds.size > 0) legs.push({ history, cursor, isWhole, jobIds });
    }
    const tags = new Set([...histories.values()].map(({ tag }) => tag));
    const unknownCursors = [...cursors.keys()].filter((tag) => !tags.has(tag)).length;
    return { legs, unattached, usedCursors, unknownCursors };
  };
}

/** An id at the time of the newest of these cursors: a client that has none of a queue was told nothing of it until then. */
function leftAt(cursors: readonly Position[]): StreamId {
  const newestMs = Math.max(...cursors.flatMap(({ events, logs }) => [millisecondsOf(events), millisecondsOf(logs)]));
  return `${newestMs}-${MAX_SEQUENCE}`;
}

/** Where a queue stood at an id; null where it has not moved since. */
function standAt(id: StreamId, { events, logs }: Position): Position | null {
  const earlier = (other: StreamId) => (compareStreamIds(id, other) < 0 ? id : other);
  const stand = { events: earlier(events), logs: earlier(logs) };
  return stand.events === events && stand.logs === logs ? null : stand;
}
