import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionSetting } from "../config.ts";
import type { Logger } from "../logger.ts";
import type { FactSink, SourceState, SourceStatus, StreamId } from "./fact.ts";
import { compareStreamIds } from "./fact.ts";
import type { RawEntry } from "./queue-feed.ts";
import { QueueFeed, READ_COUNT } from "./queue-feed.ts";
import { describeError, RedisConnection } from "./redis-connections.ts";

/** How long one read waits for news; also how soon a newly attached queue is read. */
const BLOCK_MS = 1000;
/** A read that has not returned by then never will: the socket is dropped. */
const READ_TIMEOUT_MS = BLOCK_MS + 700;
/** A blocked XREAD costs Redis time for each of its streams; this bounds streams x reads per second. */
const MAX_STREAM_READS_PER_SECOND = 40_000;
const MAX_BACKOFF_MS = 1000;
/** A queue whose streams could not be asked within this time of being attached is read from that moment on. */
const PROMPT_MS = 1000;

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
  readonly #feeds = new Map<string, QueueFeed>();
  readonly #stopping = new AbortController();
  #state: SourceState = "connecting";
  #loop: Promise<void> | undefined;
  #failures = 0;
  #wake: (() => void) | undefined;
  #onSettled: (() => void) | undefined;
  /** Resolves when every queue attached at the start has its position, or Redis turned out not to answer. */
  readonly settled = new Promise<void>((resolve) => {
    this.#onSettled = resolve;
  });

  constructor(options: { connection: ConnectionSetting; prefix: string; sink: FactSink; logger: Logger }) {
    this.#connection = new RedisConnection(options.connection);
    this.#prefix = options.prefix;
    this.#sink = options.sink;
    this.#logger = options.logger;
  }

  /** Why nothing is read; null while reading. */
  get problem(): string | null {
    return this.#state === "reading" ? null : (this.#connection.problem ?? "Redis has not answered yet");
  }

  get isStarted(): boolean {
    return this.#loop !== undefined;
  }

  start(): void {
    this.#connection.open();
    this.#loop ??= this.#run();
  }

  /** Adds a queue; history from `attachedAtMs` (epoch ms) on is read if Redis still has it. */
  attach(queue: string, attachedAtMs: number): QueueFeed {
    const feed = new QueueFeed(this.#prefix, queue, attachedAtMs, this.#logger);
    this.#feeds.set(queue, feed);
    this.#wake?.();
    return feed;
  }

  detach(queue: string): void {
    this.#feeds.delete(queue);
  }

  status(): SourceStatus[] {
    return [...this.#feeds.values()].flatMap((feed) => feed.status(this.#state));
  }

  /** Stops reading; resolves when the loop has ended. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#setState("closed");
    this.#wake?.();
    this.#connection.close();
    this.#onSettled?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const startedAt = performance.now();
      try {
        await this.#readOnce();
        this.#failures = 0;
        const spentMs = performance.now() - startedAt;
        await this.#pause((this.#feeds.size * 2 * 1000) / MAX_STREAM_READS_PER_SECOND - spentMs);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #readOnce(): Promise<void> {
    if (!(await this.#connection.whenReady(READ_TIMEOUT_MS))) throw new Error("Redis does not answer");
    await this.#findPositions();
    this.#setState("reading");
    this.#onSettled?.();
    const feeds = [...this.#feeds.values()];
    if (feeds.length === 0) return this.#waitForQueue();
    const keys: string[] = [];
    const ids: StreamId[] = [];
    for (const { readsEvents, eventsKey, logsKey, position } of feeds) {
      if (!position) continue;
      if (readsEvents) {
        keys.push(eventsKey);
        ids.push(position.events);
      }
      keys.push(logsKey);
      ids.push(position.logs);
    }
    const { client } = this.#connection;
    const reply = await this.#inTime(
      client.xread("COUNT", READ_COUNT, "BLOCK", BLOCK_MS, "STREAMS", ...keys, ...ids) as Promise<Reply>,
    );
    await this.#handOn(feeds, new Map(reply ?? []));
  }

  async #handOn(feeds: readonly QueueFeed[], entries: ReadonlyMap<string, RawEntry[]>): Promise<void> {
    const batches = [];
    for (const feed of feeds) {
      const events = entries.get(feed.eventsKey) ?? [];
      const logs = entries.get(feed.logsKey) ?? [];
      if (events.length + logs.length === 0) feed.markIdle();
      // A queue detached during the read is no longer anybody's business.
      else if (this.#feeds.get(feed.queue) === feed) batches.push(feed.takeRead(events, logs));
    }
    if (batches.length > 0) await this.#sink.accept(batches);
  }

  /** Asks where the streams of newly attached queues stand: `$` would lose what comes before the first read. */
  async #findPositions(): Promise<void> {
    const unknown = [...this.#feeds.values()].filter((feed) => !feed.position);
    if (unknown.length === 0) return;
    const pipeline = this.#connection.client.pipeline();
    for (const { eventsKey, logsKey } of unknown) {
      pipeline.xrevrange(eventsKey, "+", "-", "COUNT", 1).xrevrange(logsKey, "+", "-", "COUNT", 1);
    }
    const replies = (await this.#inTime(pipeline.exec())) ?? [];
    const newest = replies.map(([error, entries]) => {
      if (error) throw error;
      return (entries as RawEntry[])[0]?.[0] ?? "0-0";
    });
    unknown.forEach((feed, index) => {
      const [events = "0-0", logs = "0-0"] = newest.slice(index * 2);
      feed.position = { events: startOf(feed, events), logs: startOf(feed, logs) };
    });
    const at = (feed: QueueFeed) => feed.position ?? { events: "0-0", logs: "0-0" };
    await this.#sink.accept(unknown.map((feed) => ({ queue: feed.queue, start: at(feed), end: at(feed), facts: [] })));
  }

  async #waitForQueue(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, BLOCK_MS).unref();
    });
  }

  /** ioredis has no deadline of its own for a blocking command on a socket whose other end is gone. */
  async #inTime<Result>(command: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const reason = `Redis did not answer within ${READ_TIMEOUT_MS} ms`;
        this.#connection.reconnect(reason);
        reject(new Error(reason));
      }, READ_TIMEOUT_MS);
    });
    return Promise.race([command, deadline]).finally(() => clearTimeout(timer));
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#isStopping) return;
    this.#connection.problem ??= describeError(error);
    if (this.#state !== "reconnecting")
      this.#logger.warn({ reason: this.problem ?? describeError(error) }, "reading stopped; trying again");
    this.#setState("reconnecting");
    this.#onSettled?.();
    this.#failures += 1;
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
    if (state === "reading") this.#connection.problem = null;
    this.#state = state;
  }
}

/**
 * Where to begin: after the newest entry; but when Redis could not be asked promptly, or the queue was found late, what
 * has come since is wanted too.
 */
function startOf(feed: QueueFeed, newest: StreamId): StreamId {
  if (Date.now() - feed.attachedAtMs < PROMPT_MS) return newest;
  const attached = `${feed.attachedAtMs}-0`;
  return compareStreamIds(newest, attached) < 0 ? newest : attached;
}
