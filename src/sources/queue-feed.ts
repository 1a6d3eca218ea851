import type { Logger } from "../logger.ts";
import type { SourceState, SourceStatus } from "../protocol/source-status.ts";
import type { Fact, FactBatch, Gap, Position, StreamId } from "./fact.ts";
import { millisecondsOf } from "./fact.ts";
import type { Hole, ReadMark } from "./hole.ts";
import { MalformedCounter } from "./malformed-counter.ts";
import type { StreamEntry, StreamPart } from "./merge.ts";
import { mergeStreams } from "./merge.ts";
import type { EntryParser } from "./parse-entry.ts";
import { fieldsOf, MalformedEntryError, parseEventEntry, parseLogEntry } from "./parse-entry.ts";

/** Entries asked of one stream in one read. */
export const READ_COUNT = 500;

/** A stream trimmed to less than this may lose entries between two reads. */
const SAFE_LENGTH = 2 * READ_COUNT;

/** Silence of a stream after which its next entries are looked at for holes, ms. */
const PAUSE_MS = 1000;

/** How often what was read of a busy stream is counted: anybody may trim it between two reads. */
const RECOUNT_MS = 100;

/** One entry as Redis returns it: id, then names and values in turn. */
export type RawEntry = [id: StreamId, flat: string[]];

export type StreamName = keyof Position;

/** What is known and counted of one stream. */
interface StreamCounters {
  lagMs: number | null;
  /** Entries taken of it. */
  taken: number;
  malformed: MalformedCounter;
  gaps: number;
  isEntry: boolean;
  added: number | null;
  /** Whether Redis counts them. */
  isCounted: boolean;
  /** When the newest entry was taken, ms of the monotonic clock. */
  lastTakenAt: number;
  /** When the count was last compared with Redis' own. */
  recountedAt: number;
}

const PARSERS: Record<StreamName, EntryParser> = { events: parseEventEntry, logs: parseLogEntry };

/**
 * One attached queue: the keys of its two streams and how far they have been read. The position is advanced here and
 * nowhere else, so whoever reads, and however often, an entry is taken once.
 */
export class QueueFeed {
  readonly queue: string;
  readonly eventsKey: string;
  readonly logsKey: string;
  readonly metaKey: string;
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
  /** Whether anything of the queue was in Redis when it was located. */
  isInRedis = true;
  /** How many events the application lets BullMQ keep; null when it does not say (BullMQ's own default: 10,000). */
  maxLength: number | null = null;
  /** Whether its streams are to be looked at for holes although nothing was read. */
  isDoubtful = false;
  #onLocated: (() => void) | undefined;
  #gap: Gap | null = null;
  readonly #counters: Record<StreamName, StreamCounters>;

  constructor(prefix: string, queue: string, attachedAtMs: number, logger: Logger) {
    this.queue = queue;
    this.eventsKey = `${prefix}:${queue}:events`;
    this.logsKey = `${prefix}:${queue}:bullcast-logs`;
    this.metaKey = `${prefix}:${queue}:meta`;
    this.attachedAtMs = attachedAtMs;
    this.located = new Promise((resolve) => {
      this.#onLocated = resolve;
    });
    this.#counters = { events: newCounters(logger), logs: newCounters(logger) };
  }

  /** Whether events may be trimmed before they are read, however fast they are. */
  get isShort(): boolean {
    return this.maxLength !== null && this.maxLength < SAFE_LENGTH;
  }

  /** What is to be read: which stream, and after which id; nothing before the position is known. */
  get reads(): [key: string, id: StreamId, stream: StreamName][] {
    const { position, readsEvents } = this;
    if (!position) return [];
    const streams: readonly StreamName[] = readsEvents ? ["events", "logs"] : ["logs"];
    return streams.map((stream) => [this.keyOf(stream), position[stream], stream]);
  }

  keyOf(stream: StreamName): string {
    return stream === "events" ? this.eventsKey : this.logsKey;
  }

  /** Says where reading begins, once, and how many entries there had been by then. */
  locate(position: Position, added: Record<StreamName, number | null>): void {
    this.position = position;
    this.#counters.events.added = added.events;
    this.#counters.logs.added = added.logs;
    this.#onLocated?.();
  }

  /** Says why the streams cannot be read. */
  setAside(problem: string): void {
    this.problem = problem;
    this.#onLocated?.();
  }

  /** How far one stream has been read. */
  markOf(stream: StreamName): ReadMark {
    const { isEntry, added } = this.#counters[stream];
    return { id: this.position?.[stream] ?? "0-0", isEntry, added };
  }

  /** Whether what one read returned of a stream is to be looked at for holes before it is handed on. */
  mayHaveHole(stream: StreamName, entries: readonly RawEntry[]): boolean {
    const { added, isCounted } = this.#counters[stream];
    if (this.isDoubtful || (added === null && isCounted)) return true;
    if (entries.length === 0) return false;
    if (entries.length === READ_COUNT || (stream === "events" && this.isShort)) return true;
    const { lastTakenAt, recountedAt } = this.#counters[stream];
    const now = performance.now();
    return now - lastTakenAt > PAUSE_MS || (isCounted && now - recountedAt > RECOUNT_MS);
  }

  /** History is missing after the position; the next batch says so. */
  tellHole(stream: StreamName, { missed, mark }: Hole): void {
    if (!this.position) return;
    const counters = this.#counters[stream];
    counters.gaps += 1;
    Object.assign(counters, { isEntry: mark.isEntry, added: mark.added });
    this.position = { ...this.position, [stream]: mark.id };
    const before = this.#gap;
    this.#gap = { missed: before?.missed === null || missed === null ? null : (before?.missed ?? 0) + missed };
  }

  /** How many entries had ever been added up to the position; more than were read is a hole that lies behind it. */
  recount(stream: StreamName, added: number): void {
    const counters = this.#counters[stream];
    const missed = counters.added === null ? 0 : added - counters.added;
    if (missed > 0) this.tellHole(stream, { missed, mark: { ...this.markOf(stream), added } });
    counters.added = added;
    counters.recountedAt = performance.now();
  }

  /** There is nothing to read up to an id. */
  skipTo(stream: StreamName, id: StreamId): void {
    if (this.position) this.position = { ...this.position, [stream]: id };
    this.#counters[stream].isEntry = false;
  }

  /** The server does not count entries. */
  setUncounted(stream: StreamName): void {
    this.#counters[stream].isCounted = false;
  }

  /** Takes what one read returned of both streams; entries taken before are passed over. */
  takeRead(events: readonly RawEntry[], logs: readonly RawEntry[]): FactBatch {
    if (!this.position) throw new Error(`queue "${this.queue}" was read before its position was known`);
    const start = this.position;
    const { entries, end } = mergeStreams(partOf("events", events), partOf("logs", logs), start);
    this.position = end;
    for (const stream of ["events", "logs"] as const) this.#count(stream, start, end, entries);
    const gap = this.#gap;
    this.#gap = null;
    return { queue: this.queue, start, end, gap, facts: entries.flatMap((entry) => this.#parse(entry) ?? []) };
  }

  /** Whether a hole was found that no batch has told yet. */
  get hasGap(): boolean {
    return this.#gap !== null;
  }

  /** What is counted of the event stream. */
  get eventCounters(): { lagMs: number | null; malformed: number; gaps: number } {
    const { lagMs, malformed, gaps } = this.#counters.events;
    return { lagMs, malformed: malformed.count, gaps };
  }

  /** How many entries of a stream have been taken. */
  takenOf(stream: StreamName): number {
    return this.#counters[stream].taken;
  }

  /** What statistics show of this queue's streams, of which `state` is the reader's. */
  status(state: SourceState): SourceStatus[] {
    const row = (kind: SourceStatus["kind"], { lagMs, malformed, gaps }: StreamCounters): SourceStatus => {
      return { kind, queue: this.queue, state, lag_ms: lagMs, malformed: malformed.count, gaps };
    };
    const rows = [row("log-stream", this.#counters.logs)];
    if (this.readsEvents) rows.unshift(row("event-stream", this.#counters.events));
    return rows;
  }

  /** Nothing more to read at the moment. */
  markIdle(): void {
    this.#counters.events.lagMs = 0;
    this.#counters.logs.lagMs = 0;
  }

  /** What an entry from before the position says; null when it makes no fact. */
  parsePast(entry: StreamEntry): Fact | null {
    return this.#parse(entry, false);
  }

  /** What an entry says; null when it makes no fact. One that is malformed is counted, but only once. */
  #parse({ id, stream, content }: StreamEntry, isNew = true): Fact | null {
    try {
      return PARSERS[stream](this.queue, id, fieldsOf(content));
    } catch (error) {
      if (!(error instanceof MalformedEntryError)) throw error;
      if (isNew) this.#counters[stream].malformed.add({ queue: this.queue, stream, id, reason: error.message });
      return null;
    }
  }

  #count(stream: StreamName, start: Position, end: Position, entries: readonly StreamEntry[]): void {
    const counters = this.#counters[stream];
    counters.lagMs = lagBetween(start[stream], end[stream]);
    if (start[stream] === end[stream]) return;
    counters.isEntry = true;
    counters.lastTakenAt = performance.now();
    const taken = entries.filter((entry) => entry.stream === stream).length;
    counters.taken += taken;
    if (counters.added !== null) counters.added += taken;
  }
}

function newCounters(logger: Logger): StreamCounters {
  const malformed = new MalformedCounter(logger);
  return {
    lagMs: null,
    taken: 0,
    malformed,
    gaps: 0,
    isEntry: false,
    added: null,
    isCounted: true,
    lastTakenAt: -PAUSE_MS,
    recountedAt: 0,
  };
}

function partOf(stream: StreamName, raw: readonly RawEntry[]): StreamPart {
  return { entries: raw.map(([id, content]) => ({ id, stream, content })), isComplete: raw.length < READ_COUNT };
}

function lagBetween(start: StreamId, end: StreamId): number {
  return start === end ? 0 : Math.max(0, Date.now() - millisecondsOf(end));
}
