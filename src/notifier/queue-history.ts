import type { Frame } from "../connections/frame.ts";
import { textOf } from "../connections/frame.ts";
import type { Position, StreamId } from "../sources/fact.ts";
import { compareStreamIds, MAX_SEQUENCE, millisecondsOf } from "../sources/fact.ts";
import type { LineFrame, RingEntry } from "./ring.ts";
import { covers, Ring } from "./ring.ts";
import type { RingBudget } from "./ring-budget.ts";

/** Attempts to put the past in front of a ring that changes meanwhile. */
const MAX_FILLS = 3;
/** How long there is taken to be no room for the past when there was none. */
const FULL_MS = 10_000;
/** How often to ask why a queue has not been found yet. */
const LOOK_AGAIN_MS = 500;
/** How long a cursor of another node may be ahead of this one's reading. */
const MAX_AHEAD_MS = 3000;

/** Messages made of what the streams still hold. */
export interface Past {
  start: Position;
  entries: RingEntry[];
  /** Ids of all entries of the event stream that were read. */
  ids: Pick<ReadonlySet<StreamId>, "has">;
}

/** Where the past of a queue comes from when memory does not reach back. */
export interface PastSource {
  /** Whether Redis answers but does not let the queue's streams be read. */
  isUnreadable(queue: string): boolean;
  /** Reads and translates what the streams hold up to a position; may reject. */
  readPast(queue: string, upTo: Position, later: Ring): Promise<Past>;
  /** Reads the lines of the jobs' own logs that go before these ends, in their order; may reject. */
  readLines(queue: string, ends: readonly RingEntry[]): Promise<LineFrame[][]>;
}

/** Where a connection that catches up stands in the ring. */
export interface Place {
  /** The number of the next message; null until it is known. */
  next: number | null;
}

/** One watched queue: how far its messages have been published, and the recent ones. */
export class QueueHistory {
  readonly queue: string;
  /** Names the queue in cursors. */
  readonly tag: string;
  /** Whether it was attached while the bridge was running, so that viewers of all queues may never have heard of it. */
  readonly isLate: boolean;
  readonly ring = new Ring({ events: "0-0", logs: "0-0" });
  /** Where connections that catch up on it stand: they count as viewers. */
  readonly places = new Set<Place>();
  readonly #source: PastSource;
  readonly #budget: RingBudget;
  #position: Position | null = null;
  /** Where reading began. */
  #located: Position | null = null;
  /** When, by Redis' clock, epoch ms: what the streams had got by then is known. */
  readonly #attachedAtMs: () => number;
  #isClosed = false;
  /** How far back the streams reached when they were last read, and what was read. */
  #past: (Omit<Past, "entries"> & { upTo: Position }) | null = null;
  /** How far messages had been published when it was noticed that history before it was lost. */
  #lost: { position: Position; isInclusive: boolean } | null = null;
  #isGapPostponed = false;
  /** Until when there is no room for the past, ms of the monotonic clock. */
  #noFillUntil = 0;
  /** When the streams were read last, ms of the monotonic clock. */
  #filledAt = Number.NEGATIVE_INFINITY;
  #filling: Promise<void> | undefined;
  #lineReads: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  constructor(options: {
    queue: string;
    tag: string;
    isLate: boolean;
    attachedAtMs: () => number;
    source: PastSource;
    budget: RingBudget;
  }) {
    this.queue = options.queue;
    this.tag = options.tag;
    this.isLate = options.isLate;
    this.#attachedAtMs = options.attachedAtMs;
    this.#source = options.source;
    this.#budget = options.budget;
  }

  /** Whether the queue is no longer attached. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How far messages have been published; null until the queue's streams are found. */
  get position(): Position | null {
    return this.#position;
  }

  /** Where reading of the queue began; null until its streams are found. */
  get beginning(): Position | null {
    return this.#located;
  }

  /** Publishing stands at a position now. */
  moveTo(position: Position): void {
    if (!this.#position) {
      this.ring.start = position;
      this.#located = position;
    }
    this.#position = position;
    for (const check of [...this.#waiting]) check();
  }

  /**
   * History is missing before a position: what comes does not join what was. Who stands where publishing stood, or
   * before, has not been told of all, unless a loss of Redis' newest entries has set the position back to there.
   */
  restartAt(position: Position): void {
    this.#budget.change(this.ring, () => this.ring.restart(position));
    this.#past = null;
    this.#filledAt = Number.NEGATIVE_INFINITY;
    const before = this.#position;
    if (before) this.#lost = { position: before, isInclusive: covers(position, before) };
    this.moveTo(position);
  }

  /** A gap was found that live viewers are told later: until then nobody's cursor says that it missed nothing. */
  postponeGap(): void {
    this.#isGapPostponed = true;
  }

  /** It is told now: whoever left before, wherever it stood, has not been told. */
  tellPostponedGap(): void {
    this.#isGapPostponed = false;
    if (this.#position) this.#lost = { position: this.#position, isInclusive: true };
  }

  append({ stream, jobId, line, frame, lines }: Omit<RingEntry, keyof Position>): void {
    const { events, logs } = this.#position ?? this.ring.start;
    this.#budget.change(this.ring, () => this.ring.append({ stream, events, logs, jobId, line, frame, lines }));
  }

  /** The queue is no longer attached. */
  close(): void {
    this.#isClosed = true;
    this.#budget.delete(this.ring);
    for (const check of [...this.#waiting]) check();
  }

  /**
   * The number of the first message that who holds this cursor may not have seen, or null when messages since then
   * cannot be given any more. Reads the streams if memory does not reach back; whoever asks meanwhile waits for the same.
   *
   * @throws {Error} when Redis does not answer.
   */
  async reach(cursor: Position): Promise<number | null> {
    while (!this.#position && !this.#isClosed && !this.#source.isUnreadable(this.queue)) {
      await this.#until(() => this.#position !== null, LOOK_AGAIN_MS);
    }
    if (this.#position && !this.#covers(cursor)) await this.#until(() => this.#covers(cursor), MAX_AHEAD_MS);
    if (this.#isClosed || !this.#covers(cursor)) return null;
    for (let fills = 0; fills < MAX_FILLS; fills += 1) {
      const number = this.ring.find(cursor);
      if (number !== null) return this.#isOfThisHistory(cursor) ? number : null;
      if (this.#past && !covers(cursor, this.#past.start)) return null;
      if (performance.now() < this.#noFillUntil) return null;
      const before = this.ring.start;
      await this.fill();
      // Read, but dropped at once for want of room: so would the next read be.
      const isDropped = this.ring.find(cursor) === null && this.ring.start !== before;
      if (isDropped && this.#past && covers(cursor, this.#past.start)) this.#noFillUntil = performance.now() + FULL_MS;
    }
    return null;
  }

  /** Waits until publishing has come to a position, but not longer than this, ms. */
  published(position: Position, patienceMs: number): Promise<void> {
    return this.#until(() => this.#position !== null && covers(this.#position, position), patienceMs);
  }

  /**
   * Puts what the streams still hold in front of the ring.
   *
   * @throws {Error} when Redis does not answer.
   */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** Whether the streams have been read as far back as they reach, or a moment ago, when there was no room for it. */
  get isFilled(): boolean {
    return this.#past !== null || performance.now() - this.#filledAt < FULL_MS;
  }

  /**
   * Reads the lines that go before the ends of these numbers, where nobody has before.
   *
   * @throws {Error} when Redis does not answer.
   */
  readLines(numbers: readonly number[]): Promise<void> {
    const read = this.#lineReads.then(async () => {
      const unread = numbers.filter((number) => this.ring.at(number)?.lines === null);
      const ends = unread.flatMap((number) => this.ring.at(number) ?? []);
      const lines = ends.length > 0 ? await this.#source.readLines(this.queue, ends) : [];
      if (this.#isClosed) return;
      for (const [index, number] of unread.entries()) {
        this.#budget.change(this.ring, () => this.ring.setLines(number, lines[index] ?? []));
      }
    });
    this.#lineReads = read.catch(() => undefined);
    return read;
  }

  async #fill(): Promise<void> {
    const [upTo, isLocated] = [this.ring.start, this.#position !== null];
    const { start, entries, ids } = await this.#source.readPast(this.queue, upTo, this.ring);
    if (isLocated) this.#filledAt = performance.now();
    // It was restarted, or has dropped its oldest: what was read does not join it any more.
    if (this.#isClosed || this.ring.start !== upTo) return;
    this.#past = { start, upTo, ids };
    if (!covers(upTo, start)) return;
    // What comes in front may get numbers of what was there before: whoever has lost its place must not find one.
    for (const place of this.places) {
      if (place.next !== null && place.next < this.ring.first) place.next = Number.NEGATIVE_INFINITY;
    }
    this.#budget.change(this.ring, () => this.ring.prepend(entries, start));
  }

  #covers(cursor: Position): boolean {
    return this.#isClosed || (this.#position !== null && covers(this.#position, cursor));
  }

  /** A cursor from before the bridge's time must be of an entry that is there: Redis may have lost its newest ones. */
  #isOfThisHistory(cursor: Position): boolean {
    const lost = this.#lost;
    const isAtStart = cursor.events === this.ring.start.events;
    if (this.#isGapPostponed) return false;
    if (lost && covers(lost.position, cursor) && (lost.isInclusive || !isAtStart)) return false;
    // Of a time from which there was nothing when the bridge began: Redis has lost it.
    const isFuture = this.#located !== null && compareStreamIds(cursor.events, this.#located.events) > 0;
    if (isFuture && millisecondsOf(cursor.events) < this.#attachedAtMs()) return false;
    const past = this.#past;
    if (!past || !covers(past.upTo, cursor)) return true;
    const { events } = cursor;
    return (
      events === past.start.events ||
      past.ids.has(events) ||
      events.endsWith(`-${MAX_SEQUENCE}`) ||
      events === past.upTo.events
    );
  }

  #until(holds: () => boolean, patienceMs: number): Promise<void> {
    if (this.#isClosed || holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const check = () => {
        if (this.#isClosed || holds()) finish();
      };
      const timer = setTimeout(finish, patienceMs);
      this.#waiting.add(check);
    });
  }
}

/** The text of a frame, read again. */
export function readFrame(frame: Frame): {
  type: string;
  content: unknown;
  meta: Record<string, unknown>;
  timestamp: string;
} {
  return JSON.parse(textOf(frame));
}
