import type { Logger } from "../logger.ts";
import type { Fact, FactBatch, Position, SourceState, SourceStatus, StreamId } from "./fact.ts";
import { millisecondsOf } from "./fact.ts";
import { MalformedCounter } from "./malformed-counter.ts";
import type { StreamEntry, StreamPart } from "./merge.ts";
import { mergeStreams } from "./merge.ts";
import type { EntryParser } from "./parse-entry.ts";
import { fieldsOf, MalformedEntryError, parseEventEntry, parseLogEntry } from "./parse-entry.ts";

/** Entries asked of one stream in one read. */
export const READ_COUNT = 500;

/** One entry as Redis returns it: id, then names and values in turn. */
export type RawEntry = [id: StreamId, flat: string[]];

/** What is counted of one stream. */
interface StreamCounters {
  lagMs: number | null;
  malformed: MalformedCounter;
}

const PARSERS: Record<keyof Position, EntryParser> = { events: parseEventEntry, logs: parseLogEntry };

/**
 * One attached queue: the keys of its two streams and how far they have been read. The position is advanced here and
 * nowhere else, so whoever reads, and however often, an entry is taken once.
 */
export class QueueFeed {
  readonly queue: string;
  readonly eventsKey: string;
  readonly logsKey: string;
  /** When the queue was attached, epoch ms: history from there on is wanted. */
  readonly attachedAtMs: number;
  /** Null until Redis has been asked where the streams stand. */
  position: Position | null = null;
  /** Resolves when the position is known, or why it cannot be. */
  readonly located: Promise<void>;
  /** Why its streams cannot be read although Redis answers; null when they can. */
  problem: string | null = null;
  /** Whether this bridge reads the event stream itself; false while a QueueEvents instance of the application does. */
  readsEvents = true;
  #onLocated: (() => void) | undefined;
  readonly #counters: Record<keyof Position, StreamCounters>;

  constructor(prefix: string, queue: string, attachedAtMs: number, logger: Logger) {
    this.queue = queue;
    this.eventsKey = `${prefix}:${queue}:events`;
    this.logsKey = `${prefix}:${queue}:bullcast-logs`;
    this.attachedAtMs = attachedAtMs;
    this.located = new Promise((resolve) => {
      this.#onLocated = resolve;
    });
    this.#counters = {
      events: { lagMs: null, malformed: new MalformedCounter(logger) },
      logs: { lagMs: null, malformed: new MalformedCounter(logger) },
    };
  }

  /** Says where reading begins, once. */
  locate(position: Position): void {
    this.position = position;
    this.#onLocated?.();
  }

  /** Says why the streams cannot be read. */
  setAside(problem: string): void {
    this.problem = problem;
    this.#onLocated?.();
  }

  /** Takes what one read returned of both streams; entries taken before are passed over. */
  takeRead(events: readonly RawEntry[], logs: readonly RawEntry[]): FactBatch {
    if (!this.position) throw new Error(`queue "${this.queue}" was read before its position was known`);
    const start = this.position;
    const { entries, end } = mergeStreams(partOf("events", events), partOf("logs", logs), start);
    this.position = end;
    this.#counters.events.lagMs = lagBetween(start.events, end.events);
    this.#counters.logs.lagMs = lagBetween(start.logs, end.logs);
    return { queue: this.queue, start, end, facts: entries.flatMap((entry) => this.#parse(entry) ?? []) };
  }

  /** What is counted of the event stream. */
  get eventCounters(): { lagMs: number | null; malformed: number } {
    const { lagMs, malformed } = this.#counters.events;
    return { lagMs, malformed: malformed.count };
  }

  /** What statistics show of this queue's streams, of which `state` is the reader's. */
  status(state: SourceState): SourceStatus[] {
    const { queue } = this;
    const { events, logs } = this.#counters;
    const rows: SourceStatus[] = [
      { kind: "log-stream", queue, state, lag_ms: logs.lagMs, malformed: logs.malformed.count, gaps: 0 },
    ];
    if (this.readsEvents) {
      rows.unshift({
        kind: "event-stream",
        queue,
        state,
        lag_ms: events.lagMs,
        malformed: events.malformed.count,
        gaps: 0,
      });
    }
    return rows;
  }

  /** Nothing more to read at the moment. */
  markIdle(): void {
    this.#counters.events.lagMs = 0;
    this.#counters.logs.lagMs = 0;
  }

  #parse({ id, stream, content }: StreamEntry): Fact | null {
    try {
      return PARSERS[stream](this.queue, id, fieldsOf(content));
    } catch (error) {
      if (!(error instanceof MalformedEntryError)) throw error;
      this.#counters[stream].malformed.add({ queue: this.queue, stream, id, reason: error.message });
      return null;
    }
  }
}

function partOf(stream: keyof Position, raw: readonly RawEntry[]): StreamPart {
  return { entries: raw.map(([id, content]) => ({ id, stream, content })), isComplete: raw.length < READ_COUNT };
}

function lagBetween(start: StreamId, end: StreamId): number {
  return start === end ? 0 : Math.max(0, Date.now() - millisecondsOf(end));
}
