import type { StreamId } from "./fact.ts";
import { compareStreamIds, MAX_SEQUENCE } from "./fact.ts";

/** How far a stream has been read. */
export interface ReadMark {
  id: StreamId;
  /** Whether `id` is that of an entry that was read; where reading began need not be. */
  isEntry: boolean;
  /** Entries ever added to the stream up to `id`; null when not known (Redis before 7.0). */
  added: number | null;
}

/** What Redis says of a stream. */
export interface StreamState {
  exists: boolean;
  length: number;
  /** The oldest entry there is; null when there is none. */
  firstId: StreamId | null;
  /** The newest id ever given out, `0-0` when there was none. */
  lastId: StreamId;
  /** Entries ever added; null when the server does not count them. */
  added: number | null;
}

/** A place in a stream where history is missing. */
export interface Hole {
  /** Entries lost; null when their number is not known. */
  missed: number | null;
  /** Where reading goes on. */
  mark: ReadMark;
}

/**
 * Says whether history is missing between a mark and the entries that were read after it; null when none is. A stream is
 * trimmed from its old end, so while the mark's own entry stands, nothing after it has gone.
 *
 * @param hasEntry whether the mark's own entry was there after the entries were read.
 * @param state what Redis said of the stream after that.
 */
export function findHole(
  mark: ReadMark,
  readIds: readonly StreamId[],
  hasEntry: boolean,
  state: StreamState,
): Hole | null {
  const isUnread = compareStreamIds(mark.id, "0-0") === 0;
  if (!state.exists) return isUnread ? null : { missed: null, mark: { id: "0-0", isEntry: false, added: 0 } };
  // A server that lost its newest entries, or a stream that was made anew by a clock set back.
  if (compareStreamIds(state.lastId, mark.id) < 0) {
    return { missed: null, mark: { id: state.lastId, isEntry: false, added: state.added } };
  }
  if (hasEntry) return null;
  const { firstId } = state;
  if (firstId !== null && compareStreamIds(firstId, mark.id) <= 0) {
    // Trimming takes the older ones first: this one was never there in what is now the stream's history.
    return mark.isEntry ? { missed: null, mark: { ...mark, isEntry: false, added: null } } : null;
  }
  // What is left all came after the mark; some of what was read may have been trimmed since.
  const readAndGone = readIds.filter((id) => firstId === null || compareStreamIds(id, firstId) < 0).length;
  // So many were added up to where reading goes on: the same hole is not found again.
  const added = state.added === null ? null : state.added - state.length - readAndGone;
  if (mark.added === null || added === null) {
    // Where reading began in the middle of entries, what came before the first one there is now may have been wanted.
    const isWanted = mark.isEntry || mark.id.endsWith(`-${MAX_SEQUENCE}`);
    const isUntrimmed = state.added !== null && state.added === state.length;
    if (!isWanted || isUntrimmed) return null;
    return { missed: null, mark: { id: mark.id, isEntry: false, added } };
  }
  const missed = added - mark.added;
  if (missed === 0) return null;
  // Fewer than were counted: the stream was deleted and made anew.
  return missed < 0 ? { missed: null, mark: { ...mark, isEntry: false, added } } : { missed, mark: { ...mark, added } };
}
