import type { QueueEventsLike } from "../handed-in.ts";
import type { Logger } from "../logger.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import type { FactSink, StreamId } from "./fact.ts";
import { checkGaps } from "./gap-check.ts";
import type { QueueFeed } from "./queue-feed.ts";
import { READ_COUNT } from "./queue-feed.ts";
import { describeError } from "./redis-connections.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** How often the stream is looked at unasked. */
const CHECK_INTERVAL_MS = 2000;

/** Events that make messages; `QueueEvents` has no way to listen to all. */
const EVENTS: readonly string[] = [
  "added",
  "waiting",
  "active",
  "progress",
  "completed",
  "failed",
  "delayed",
  "stalled",
  "waiting-children",
  "removed",
  "paused",
  "resumed",
  "drained",
  "cleaned",
];

/**
 * Follows a queue by a BullMQ `QueueEvents` instance of the application, which stays the application's: it is neither
 * started nor closed here. What the instance reports says when there is something to read; what there is, is read from
 * the stream after the feed's position, as such an instance skips entries when it reconnects. It also ends for good on
 * one malformed entry, and may fall silent unnoticed: then the bridge's own loop takes the queue over.
 */
export class QueueEventsSource {
  readonly #instance: QueueEventsLike;
  readonly #feed: QueueFeed;
  readonly #queries: StreamQueries;
  readonly #sink: FactSink;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, (...args: never[]) => void>();
  #timer: NodeJS.Timeout | undefined;
  /** Whether the instance has reported something that is not read yet. */
  #isDue = false;
  #isReading = false;
  /** The first entry after the position at the last check. */
  #unreported: StreamId | null = null;
  #takenOver: string | null = null;

  constructor(options: {
    instance: QueueEventsLike;
    feed: QueueFeed;
    queries: StreamQueries;
    sink: FactSink;
    logger: Logger;
  }) {
    this.#instance = options.instance;
    this.#feed = options.feed;
    this.#queries = options.queries;
    this.#sink = options.sink;
    this.#logger = options.logger;
  }

  /** Why the bridge reads this queue by itself; null while the instance leads. */
  get takenOver(): string | null {
    return this.#takenOver;
  }

  start(): void {
    this.#feed.readsEvents = false;
    for (const event of EVENTS) this.#listen(event, () => this.#reported());
    this.#listen("ioredis:close", () => this.#takeOver("its connection was closed"));
    this.#listen("error", (error: unknown) => this.#takeOver(`it reported an error: ${describeError(error)}`));
    this.#timer = setInterval(() => void this.#check(), CHECK_INTERVAL_MS).unref();
    void this.#feed.located.then(() => this.#reported());
  }

  status(): SourceStatus {
    const state = this.#takenOver === null ? "reading" : "taken_over";
    const { lagMs, malformed, gaps } = this.#feed.eventCounters;
    // Once taken over they are counted with the event stream.
    const counted = this.#takenOver === null ? { malformed, gaps } : { malformed: 0, gaps: 0 };
    return { kind: "queue-events", queue: this.#feed.queue, state, lag_ms: lagMs, ...counted };
  }

  /** Stops listening; the instance is left as it was. */
  close(): void {
    clearInterval(this.#timer);
    for (const [event, listener] of this.#listeners) this.#instance.off(event, listener);
    this.#listeners.clear();
  }

  #listen(event: string, listener: (...args: never[]) => void): void {
    this.#listeners.set(event, listener);
    this.#instance.on(event, listener);
  }

  #reported(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    // The instance reports one reply event by event, all in this turn: they are read together.
    setImmediate(() => void this.#read());
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#isDue && this.#isLeading) {
        this.#isDue = false;
        const { position } = this.#feed;
        if (!position) return;
        const { eventsKey, logsKey } = this.#feed;
        // Events first: a line that precedes one of them is in the stream when the lines are read.
        const [events = [], logs = []] = await this.#queries.entriesAfter(
          [eventsKey, position.events],
          [logsKey, position.logs],
        );
        // An instance that fell behind, or was cut off, says nothing of it.
        await checkGaps(this.#queries, [
          { feed: this.#feed, stream: "events", entries: events },
          { feed: this.#feed, stream: "logs", entries: logs },
        ]);
        if (!this.#isLeading) return;
        await this.#sink.accept([this.#feed.takeRead(events, logs)]);
        if (events.length === READ_COUNT || logs.length === READ_COUNT) this.#isDue = true;
      }
    } catch (error) {
      // Nothing is lost: the position has not moved, and the next check reads again.
      this.#logger.debug({ queue: this.#feed.queue, reason: describeError(error) }, "queue events not read");
    } finally {
      this.#isReading = false;
    }
  }

  get #isLeading(): boolean {
    return this.#takenOver === null && this.#listeners.size > 0;
  }

  /** An entry that stands after the position twice in a row has not been reported: the instance has fallen silent. */
  async #check(): Promise<void> {
    const { position, eventsKey } = this.#feed;
    if (!position || !this.#isLeading) return;
    try {
      const [entries = []] = await this.#queries.entriesAfter([eventsKey, position.events]);
      const next = entries.find(([, flat]) => EVENTS.includes(flat[flat.indexOf("event") + 1] ?? ""))?.[0] ?? null;
      const isSilent = next !== null && next === this.#unreported;
      this.#unreported = next;
      if (this.#feed.isDoubtful && entries.length === 0) {
        await checkGaps(this.#queries, [{ feed: this.#feed, stream: "events", entries: [] }]);
        if (this.#feed.hasGap && this.#isLeading) await this.#sink.accept([this.#feed.takeRead([], [])]);
      }
      if (isSilent) this.#takeOver(`it has not reported entry ${next}, ${CHECK_INTERVAL_MS} ms after that came`);
      else if (entries.length === 0) this.#feed.markIdle();
    } catch (error) {
      // Redis is away; the reading loop says so, and there is nothing to compare with.
      this.#logger.debug({ queue: this.#feed.queue, reason: describeError(error) }, "queue events not checked");
    }
  }

  #takeOver(reason: string): void {
    if (this.#takenOver !== null) return;
    this.#takenOver = reason;
    this.close();
    // An instance whose last listener for errors is gone prints every further one.
    this.#listen("error", () => undefined);
    this.#feed.readsEvents = true;
    this.#logger.warn(
      { queue: this.#feed.queue, reason },
      "reading the queue's events instead of its QueueEvents instance",
    );
  }
}
