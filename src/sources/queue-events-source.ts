import type { QueueEventsLike } from "../config.ts";
import type { Logger } from "../logger.ts";
import type { FactSink, JobEvent, QueueEvent, SourceStatus, StreamId } from "./fact.ts";
import { compareStreamIds, millisecondsOf } from "./fact.ts";
import type { EntryFields } from "./parse-entry.ts";
import { parseEventEntry } from "./parse-entry.ts";
import type { QueueFeed, RawEntry } from "./queue-feed.ts";
import { READ_COUNT } from "./queue-feed.ts";
import { describeError } from "./redis-connections.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** How often the stream is compared with what the instance has reported. */
const CHECK_INTERVAL_MS = 2000;

/** Events that make messages; `QueueEvents` has no way to listen to all. */
const EVENTS = [
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
] as const;

/**
 * Takes the events of one queue from a BullMQ `QueueEvents` instance of the application, which stays the application's:
 * it is neither started nor closed here. Such an instance ends for good on one malformed entry, and may stop or fall
 * behind unnoticed; then the queue's feed goes back to being read by the bridge itself, from the last id taken.
 */
export class QueueEventsSource {
  readonly #instance: QueueEventsLike;
  readonly #feed: QueueFeed;
  readonly #queries: StreamQueries;
  readonly #sink: FactSink;
  readonly #logger: Logger;
  readonly #listeners = new Map<string, (...args: never[]) => void>();
  #pending: (JobEvent | QueueEvent)[] = [];
  #isDraining = false;
  #timer: NodeJS.Timeout | undefined;
  #overdue: StreamId | null = null;
  #takenOver: string | null = null;
  #lagMs: number | null = null;

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

  /** Why the bridge reads this queue's stream itself; null while the instance does. */
  get takenOver(): string | null {
    return this.#takenOver;
  }

  start(): void {
    this.#feed.readsEvents = false;
    for (const event of EVENTS) this.#listen(event, (...args: unknown[]) => this.#received(event, args));
    // It reconnects by itself, but what came before its first event, or while it was away, it may never report.
    this.#listen("ioredis:close", () => this.#takeOver("its connection was closed"));
    this.#listen("error", (error: unknown) => this.#takeOver(`it reported an error: ${describeError(error)}`));
    this.#timer = setInterval(() => void this.#check(), CHECK_INTERVAL_MS).unref();
  }

  status(): SourceStatus {
    const state = this.#takenOver === null ? "reading" : "taken_over";
    return { kind: "queue-events", queue: this.#feed.queue, state, lag_ms: this.#lagMs, malformed: 0, gaps: 0 };
  }

  /** Stops listening; the instance is left as it was. */
  close(): void {
    clearInterval(this.#timer);
    for (const [event, listener] of this.#listeners) this.#instance.off(event, listener);
    this.#listeners.clear();
    this.#pending = [];
  }

  #listen(event: string, listener: (...args: never[]) => void): void {
    this.#listeners.set(event, listener);
    this.#instance.on(event, listener);
  }

  /** `drained` comes with the id alone, all others with their fields and the id. */
  #received(event: string, args: readonly unknown[]): void {
    const streamId = String(args.at(-1));
    const fields = args.length > 1 ? asWritten(event, args[0] as Record<string, unknown>) : { event };
    try {
      const fact = parseEventEntry(this.#feed.queue, streamId, fields);
      if (fact) this.#pending.push(fact as JobEvent | QueueEvent);
    } catch (error) {
      // Own reading names and counts what is wrong with the entry.
      return this.#takeOver(`it passed on what cannot be read: ${describeError(error)}`);
    }
    void this.#drain();
  }

  /** Hands on what is pending, after the log lines that were written before it. */
  async #drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      while (this.#pending.length > 0 && this.#feed.position && this.#takenOver === null) {
        const count = this.#pending.length;
        const logs = await this.#readLogs(this.#feed.position.logs);
        if (this.#takenOver !== null) return;
        const facts = this.#pending.splice(0, count);
        this.#lagMs = Math.max(0, Date.now() - millisecondsOf(facts.at(-1)?.streamId ?? "0-0"));
        await this.#sink.accept([this.#feed.takeFacts(facts, logs)]);
      }
    } catch (error) {
      // The pending events are still in the stream, after the feed's position.
      this.#takeOver(`the queue's log stream could not be read: ${describeError(error)}`);
    } finally {
      this.#isDraining = false;
    }
  }

  async #readLogs(from: StreamId): Promise<RawEntry[]> {
    const entries: RawEntry[] = [];
    for (let after = from; ; after = entries.at(-1)?.[0] ?? after) {
      const page = await this.#queries.entriesAfter(this.#feed.logsKey, after, READ_COUNT);
      entries.push(...page);
      if (page.length < READ_COUNT) return entries;
    }
  }

  /** Twice in a row the same entry still to come: the instance has stopped or fallen behind. */
  async #check(): Promise<void> {
    const { position, eventsKey } = this.#feed;
    if (!position || this.#takenOver !== null) return;
    // A position found after the first events had come: they wait for it.
    void this.#drain();
    try {
      const entries = await this.#queries.entriesAfter(eventsKey, position.events, READ_COUNT);
      const next = entries.find(([, flat]) =>
        (EVENTS as readonly string[]).includes(flat[flat.indexOf("event") + 1] ?? ""),
      );
      const overdue = this.#overdue;
      this.#overdue = next?.[0] ?? null;
      if (!next) this.#lagMs = 0;
      else if (next[0] === overdue && compareStreamIds(this.#feed.position?.events ?? "0-0", overdue) < 0) {
        this.#takeOver(
          `it has not reported entry ${overdue}, which has been in the stream for ${CHECK_INTERVAL_MS} ms`,
        );
      }
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

/** The instance has parsed some fields; as text again they go the way of every entry. */
function asWritten(event: string, parsed: Record<string, unknown>): EntryFields {
  const fields: Record<string, string> = { event };
  for (const [name, value] of Object.entries(parsed)) {
    const isJson = (event === "progress" && name === "data") || (event === "completed" && name === "returnvalue");
    fields[name] = isJson ? JSON.stringify(value) : String(value);
  }
  return fields;
}
