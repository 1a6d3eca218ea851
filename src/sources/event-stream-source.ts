import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { ConnectionSetting } from "../handed-in.ts";
import type { Logger } from "../logger.ts";
import type { SourceState, SourceStatus } from "../protocol/source-status.ts";
import type { FactSink } from "./fact.ts";
import type { Unreadable } from "./feed-positions.ts";
import { locateFeeds, probeFeeds } from "./feed-positions.ts";
import type { Suspect } from "./gap-check.ts";
import { checkGaps } from "./gap-check.ts";
import type { RawEntry } from "./queue-feed.ts";
import { QueueFeed, READ_COUNT } from "./queue-feed.ts";
import { describeError, RedisConnection } from "./redis-connections.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** How long one read waits for news; also how soon a newly attached queue is read. */
const BLOCK_MS = 1000;
/** Silence after which a command is given up, on top of the time for which it may block. */
const ANSWER_TIMEOUT_MS = 700;
const READ_TIMEOUT_MS = BLOCK_MS + ANSWER_TIMEOUT_MS;
/** How often Redis is asked for a sign of life while there is no queue to read. */
const IDLE_MS = 500;
/** A blocked XREAD costs Redis time for each of its streams; this bounds streams x reads per second. */
const MAX_STREAM_READS_PER_SECOND = 40_000;
const MAX_BACKOFF_MS = 1000;
/** How often a queue that cannot be read is tried again. */
const RETRY_FEED_MS = 5000;

type Reply = [key: string, entries: RawEntry[]][] | null;

/**
 * Reads the event and log streams of all attached queues in one loop on one blocking connection.
 *
 *     connecting --read--> reading <--read / failure--> reconnecting
 *     any of them --close()--> closed
 *
 * No entry can end the loop: parsing is guarded per entry, and whatever else fails is logged and tried again.
 */
export class EventStreamSource {
  readonly #connection: RedisConnection;
  readonly #sink: FactSink;
  readonly #logger: Logger;
  readonly #prefix: string;
  readonly #queries: StreamQueries;
  readonly #feeds = new Map<string, QueueFeed>();
  readonly #stopping = new AbortController();
  #state: SourceState = "connecting";
  #loop: Promise<void> | undefined;
  #handedOn: Promise<void> | undefined;
  #failures = 0;
  /** Whether Redis was away, so that history may be missing. */
  #isSuspicious = false;
  #wake: (() => void) | undefined;
  #onReading: (() => void) | undefined;
  /** Resolves when reading has begun. */
  readonly reading = new Promise<void>((resolve) => {
    this.#onReading = resolve;
  });
  #retryFeedsAt = 0;
  #locating: Promise<void> | undefined;

  constructor(options: {
    connection: ConnectionSetting;
    /** On another connection, as this one's is blocked most of the time. */
    queries: StreamQueries;
    prefix: string;
    sink: FactSink;
    logger: Logger;
  }) {
    this.#connection = new RedisConnection(options.connection);
    this.#queries = options.queries;
    this.#prefix = options.prefix;
    this.#sink = options.sink;
    this.#logger = options.logger;
  }

  /** Why nothing is read; null while reading. */
  get problem(): string | null {
    if (this.#connection.problem !== null) return this.#connection.problem;
    return this.#state === "reading" ? null : "Redis has not answered yet";
  }

  /** The queues that cannot be read although the others can. */
  get feedProblems(): { queue: string; reason: string }[] {
    return [...this.#feeds.values()].flatMap(({ queue, problem: reason }) => (reason ? [{ queue, reason }] : []));
  }

  start(): void {
    this.#connection.open();
    this.#loop ??= this.#run();
  }

  /** Adds a queue; history from `attachedAtMs` (epoch ms) on is read if Redis still has it. */
  attach(queue: string, attachedAtMs: number): QueueFeed {
    const feed = new QueueFeed(this.#prefix, queue, attachedAtMs, this.#logger);
    this.#feeds.set(queue, feed);
    // At once, as the loop may be blocked for a second.
    void this.#locateSoon();
    this.#wake?.();
    return feed;
  }

  feed(queue: string): QueueFeed | undefined {
    return this.#feeds.get(queue);
  }

  detach(queue: string): void {
    this.#feeds.delete(queue);
  }

  status(): SourceStatus[] {
    return [...this.#feeds.values()].flatMap((feed) => feed.status(feed.problem ? "reconnecting" : this.#state));
  }

  /** Stops reading; resolves when the loop has ended. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#setState("closed");
    this.#wake?.();
    this.#connection.close();
    await this.#loop;
    await this.#handedOn;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const startedAt = performance.now();
      try {
        await this.#readOnce();
        this.#failures = 0;
        // What was read goes out before Redis is asked for more.
        await turn();
        const spentMs = performance.now() - startedAt;
        await this.#pause((this.#feeds.size * 2 * 1000) / MAX_STREAM_READS_PER_SECOND - spentMs);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #readOnce(): Promise<void> {
    if (!(await this.#connection.whenReady(READ_TIMEOUT_MS))) throw new Error("Redis does not answer");
    await this.#retrySetAside();
    const readable = [...this.#feeds.values()].filter(({ problem }) => !problem);
    const [unreadable] = this.feedProblems;
    if (readable.length === 0 && unreadable) throw new Error(unreadable.reason);
    const locating = readable.some(({ position }) => !position) ? this.#locateSoon() : null;
    // Those that are located already need not wait for the others.
    if (!readable.some(({ position }) => position)) await locating;
    const isLocated = readable.some(({ position }) => position);
    if (!isLocated && readable.length > 0) throw new Error("Redis has not said where the queues stand");
    // After a failure only a read that succeeds proves anything.
    if (this.#failures === 0) this.#setState("reading");
    if (!isLocated) await this.#idle();
    else await this.#readStreams(readable);
    this.#setState("reading");
  }

  async #retrySetAside(): Promise<void> {
    if (Date.now() < this.#retryFeedsAt) return;
    const feeds = [...this.#feeds.values()].filter(({ problem }) => problem);
    const unreadable = await probeFeeds(this.#connection, feeds, READ_TIMEOUT_MS);
    for (const feed of feeds) {
      if (unreadable.has(feed)) continue;
      feed.problem = null;
      this.#logger.info({ queue: feed.queue }, "queue can be read again");
    }
    this.#retryFeedsAt = Date.now() + RETRY_FEED_MS;
  }

  #setAside(unreadable: Unreadable): void {
    for (const [feed, reason] of unreadable) {
      feed.setAside(reason);
      this.#logger.warn({ queue: feed.queue, reason }, "queue cannot be read; tried again every 5 s");
    }
    if (unreadable.size > 0) this.#retryFeedsAt = Date.now() + RETRY_FEED_MS;
  }

  async #readStreams(feeds: readonly QueueFeed[]): Promise<void> {
    try {
      // Before the read, which may block: a queue that stays silent would not learn of its loss.
      if (this.#isSuspicious) await this.#handOn(feeds, new Map());
      const streams = feeds.flatMap((feed) => feed.reads);
      const [keys, ids] = [streams.map(([key]) => key), streams.map(([, id]) => id)];
      const { client } = this.#connection;
      const read = client.xread("COUNT", READ_COUNT, "BLOCK", BLOCK_MS, "STREAMS", ...keys, ...ids) as Promise<Reply>;
      await this.#handOn(feeds, new Map((await this.#connection.inTime(read, READ_TIMEOUT_MS)) ?? []));
    } catch (error) {
      if (!(await this.#setAsideUnreadable(feeds, error))) throw error;
    }
  }

  /**
   * One key that is no stream, or is forbidden, fails the read of all. Looks for such queues and leaves them out for a
   * while; false when none is to blame.
   */
  async #setAsideUnreadable(feeds: readonly QueueFeed[], error: unknown): Promise<boolean> {
    if (!(error instanceof Error) || error.name !== "ReplyError") return false;
    const unreadable = await probeFeeds(this.#connection, feeds, READ_TIMEOUT_MS);
    this.#setAside(unreadable);
    return unreadable.size > 0;
  }

  async #handOn(feeds: readonly QueueFeed[], entries: ReadonlyMap<string, RawEntry[]>): Promise<void> {
    const suspects = this.#suspectsIn(feeds, entries);
    if (suspects.length > 0) await checkGaps(this.#queries, suspects);
    this.#isSuspicious = false;
    // What was read came while the batches before it were handed on.
    await this.#handedOn;
    const batches = [];
    for (const feed of feeds) {
      const events = entries.get(feed.eventsKey) ?? [];
      const logs = entries.get(feed.logsKey) ?? [];
      if (events.length + logs.length === 0) feed.markIdle();
      if (events.length + logs.length === 0 && !feed.hasGap) continue;
      // A queue detached during the read is no longer anybody's business.
      if (this.#feeds.get(feed.queue) === feed) batches.push(feed.takeRead(events, logs));
    }
    if (batches.length > 0) this.#handedOn = this.#sink.accept(batches);
  }

  /** After an outage every stream is to be looked at for holes, also one of which nothing was read. */
  #suspectsIn(feeds: readonly QueueFeed[], entries: ReadonlyMap<string, RawEntry[]>): Suspect[] {
    return feeds.flatMap((feed) =>
      feed.reads.flatMap(([key, , stream]) => {
        const read = entries.get(key) ?? [];
        return this.#isSuspicious || feed.mayHaveHole(stream, read) ? [{ feed, stream, entries: read }] : [];
      }),
    );
  }

  /** Finds the positions of new queues, for all that are attached in one turn together. */
  #locateSoon(): Promise<void> {
    this.#locating ??= Promise.resolve().then(() => {
      this.#locating = undefined;
      return this.#locateNew();
    });
    return this.#locating;
  }

  async #locateNew(): Promise<void> {
    const feeds = [...this.#feeds.values()].filter(({ position, problem }) => !position && !problem);
    try {
      const { located, unreadable } = await locateFeeds(this.#queries, feeds);
      this.#setAside(unreadable);
      // A queue detached meanwhile may have been attached again, with a start of its own.
      const current = feeds.filter((feed) => this.#feeds.get(feed.queue) === feed);
      const absent = current.flatMap(({ queue, position, isInRedis }) => (position && !isInRedis ? [queue] : []));
      if (absent.length > 0)
        this.#logger.info({ queues: absent, prefix: this.#prefix }, "not in Redis yet; shown when they are");
      const names = new Set(current.map(({ queue }) => queue));
      await this.#sink.accept(located.filter(({ queue }) => names.has(queue)));
    } catch (error) {
      // The loop asks again.
      this.#logger.debug({ queues: feeds.length, reason: describeError(error) }, "queues not located yet");
    }
  }

  /** There is no queue: whether Redis is there is worth knowing all the same. */
  async #idle(): Promise<void> {
    await this.#connection.inTime(this.#connection.client.ping(), ANSWER_TIMEOUT_MS);
    if (this.#isStopping || this.#feeds.size > 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, IDLE_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#isStopping) return;
    this.#connection.problem ??= describeError(error);
    if (this.#state !== "reconnecting")
      this.#logger.warn({ reason: this.problem ?? describeError(error) }, "reading stopped; trying again");
    this.#setState("reconnecting");
    this.#failures += 1;
    this.#isSuspicious = true;
    await this.#pause(Math.min(MAX_BACKOFF_MS, 50 * 2 ** this.#failures) * (0.5 + Math.random() / 2));
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    if (ms < 1) return;
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #setState(state: SourceState): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#logger.debug({ from: this.#state, to: state }, "event stream source");
    if (this.#state === "reconnecting" && state === "reading") this.#logger.info("reading again");
    if (state === "reading") {
      this.#connection.problem = null;
      this.#onReading?.();
    }
    this.#state = state;
  }
}
