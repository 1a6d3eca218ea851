import type { Frame } from "../connections/frame.ts";
import type { Position, StreamId } from "../sources/fact.ts";
import { compareStreamIds } from "../sources/fact.ts";

/** A line of a job's own log, or the mark of missing ones, with the number of the last; null where that is inexact. */
export interface LineFrame {
  line: number | null;
  frame: Frame;
}

/** One message of a queue, kept for those who come back. */
export interface RingEntry {
  /** The stream it was read from; null for a line of a job's own log, which is in none. */
  stream: keyof Position | null;
  /** Where the streams stood after it. */
  events: StreamId;
  logs: StreamId;
  /** Null for a message about the whole queue. */
  jobId: string | null;
  line: number | null;
  frame: Frame;
  /** Lines of the job's own log that go before its end; null while they have not been read. Empty for all else. */
  lines: readonly LineFrame[] | null;
}

/** What an entry costs beside its text, bytes; measured with heap snapshots. */
const ENTRY_OVERHEAD_BYTES = 300;
/** Entries dropped from the front before the array is shortened. */
const COMPACT_AFTER = 1024;

/** No lines. */
export const NO_LINES: readonly LineFrame[] = [];

/**
 * The recent messages of one queue in the order in which they were told. Entries are numbered; a number stays that of
 * its entry when older ones are dropped or put in front.
 */
export class Ring {
  /** Everything the streams held after this is in the ring. */
  start: Position;
  #entries: RingEntry[] = [];
  /** Where in the array the oldest entry is. */
  #head = 0;
  /** The number of the oldest entry. */
  #first = 0;
  #bytes = 0;

  constructor(start: Position) {
    this.start = start;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the oldest entry. */
  get first(): number {
    return this.#first;
  }

  /** The number that the next entry will have. */
  get end(): number {
    return this.#first + this.length;
  }

  /** The entry of a number; undefined when it is not there any more, or not yet. */
  at(number: number): RingEntry | undefined {
    return number < this.#first ? undefined : this.#entries[this.#head + number - this.#first];
  }

  append(entry: RingEntry): void {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
  }

  /** Puts older entries in front; all there were between `start` and the present start. */
  prepend(entries: readonly RingEntry[], start: Position): void {
    this.#entries = [...entries, ...this.#entries.slice(this.#head)];
    this.#head = 0;
    this.#first -= entries.length;
    this.#bytes += entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    this.start = start;
  }

  /** Keeps the lines that were read for an end, if it is still there. */
  setLines(number: number, lines: readonly LineFrame[]): void {
    const entry = this.at(number);
    if (!entry) return;
    this.#bytes -= sizeOf(entry);
    entry.lines = lines;
    this.#bytes += sizeOf(entry);
  }

  /** Drops the oldest entries. */
  drop(count: number): void {
    for (let dropped = 0; dropped < count; dropped += 1) {
      const entry = this.#entries[this.#head];
      if (!entry) return;
      this.#bytes -= sizeOf(entry);
      this.start = { events: entry.events, logs: entry.logs };
      this.#head += 1;
      this.#first += 1;
    }
    if (this.#head < COMPACT_AFTER) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Drops everything: what comes next does not join what was. */
  restart(start: Position): void {
    // One number is left out, so that who stood at the end has lost its place too.
    this.#first = this.end + 1;
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.start = start;
  }

  /** The number of the first entry that may not have been seen by who stood at a position; null when it is not held. */
  find(position: Position): number | null {
    if (!covers(position, this.start)) return null;
    const unseen = Math.min(this.#search("events", position.events), this.#search("logs", position.logs));
    let index = unseen;
    // Lines that are in no stream are not part of a position: those right before it may not have been seen either.
    while (index > this.#head && this.#entries[index - 1]?.stream === null) index -= 1;
    return this.#first + index - this.#head;
  }

  /** The index of the first entry after which a stream stands beyond an id. */
  #search(stream: keyof Position, id: StreamId): number {
    let [low, high] = [this.#head, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry && compareStreamIds(entry[stream], id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether a position lies at or after another in both streams. */
export function covers(position: Position, other: Position): boolean {
  return compareStreamIds(position.events, other.events) >= 0 && compareStreamIds(position.logs, other.logs) >= 0;
}

function sizeOf({ frame, lines }: RingEntry): number {
  const size = ENTRY_OVERHEAD_BYTES + frame.bytes.length;
  return (lines ?? []).reduce((sum, line) => sum + ENTRY_OVERHEAD_BYTES + line.frame.bytes.length, size);
}
