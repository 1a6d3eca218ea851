import type { Position, StreamId } from "./fact.ts";
import { compareStreamIds, millisecondsOf } from "./fact.ts";

/** One stream entry, not looked into yet: its id and its flat fields as Redis returned them. */
export interface StreamEntry {
  id: StreamId;
  stream: keyof Position;
  content: readonly string[];
}

/** What one read returned of one stream. */
export interface StreamPart {
  entries: readonly StreamEntry[];
  /** False when the read stopped at its limit, so that the stream may hold more than was returned. */
  isComplete: boolean;
}

/**
 * Joins what one read returned of a queue's event and log streams into the order viewers see: by millisecond, log
 * entries first within one, so that a line written before a job ended precedes its end. Both parts MUST come from one
 * atomic read. Where one part stopped at its limit, entries of the other that might have to come after unread ones are
 * left for the next read; `end` says how far was taken. At least one entry is taken when there is any new one.
 */
export function mergeStreams(
  events: StreamPart,
  logs: StreamPart,
  start: Position,
): { entries: StreamEntry[]; end: Position } {
  const takenEvents = after(events.entries, start.events).filter(
    // Unread log entries may still carry the last read one's millisecond, and those go before events of it.
    ({ id }) => logs.isComplete || millisecondsOf(id) < lastMilliseconds(logs),
  );
  const takenLogs = after(logs.entries, start.logs).filter(
    ({ id }) => events.isComplete || millisecondsOf(id) <= lastMilliseconds(events),
  );
  const entries: StreamEntry[] = [];
  let nextLog = 0;
  for (const event of takenEvents) {
    const atMs = millisecondsOf(event.id);
    for (let log = takenLogs[nextLog]; log && millisecondsOf(log.id) <= atMs; log = takenLogs[nextLog]) {
      entries.push(log);
      nextLog += 1;
    }
    entries.push(event);
  }
  entries.push(...takenLogs.slice(nextLog));
  return { entries, end: { events: takenEvents.at(-1)?.id ?? start.events, logs: takenLogs.at(-1)?.id ?? start.logs } };
}

/** Entries already taken by an earlier read are not taken again. */
function after(entries: readonly StreamEntry[], position: StreamId): readonly StreamEntry[] {
  const first = entries.findIndex(({ id }) => compareStreamIds(id, position) > 0);
  return first === -1 ? [] : entries.slice(first);
}

function lastMilliseconds(part: StreamPart): number {
  const last = part.entries.at(-1);
  return last ? millisecondsOf(last.id) : 0;
}
