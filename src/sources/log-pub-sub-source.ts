import { z } from "zod";
import type { ConnectionSetting } from "../handed-in.ts";
import { QUEUE_NAME_PATTERN } from "../handed-in.ts";
import { describeIssues, inputIssues } from "../input-issue.ts";
import type { Logger } from "../logger.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import { MalformedCounter } from "./malformed-counter.ts";
import { describeError, RedisConnection } from "./redis-connections.ts";

/** How often the connection is asked for a sign of life, and refused channels are tried again. */
const CHECK_INTERVAL_MS = 5000;
const ANSWER_TIMEOUT_MS = 1500;

const LEVEL = { error: "a string of at most 32 characters" };

/** A log line as any program may publish it, as JSON. */
const publishedLineSchema = z.object({
  queue: z.string().regex(QUEUE_NAME_PATTERN, { error: "a queue name without a colon" }),
  task_id: z.union([z.string().min(1), z.number().transform(String)], {
    error: "a job id: a string of at least one character, or a number",
  }),
  level: z.string(LEVEL).max(32, LEVEL).nullish(),
  content: z.string({ error: "the line: a string" }),
  timestamp: z
    .union([z.iso.datetime({ offset: true }), z.number().min(0).max(8.64e15)], {
      error: "ISO 8601 or epoch milliseconds",
    })
    .optional(),
});

/** One published log line; `job` is null for plain text, of which only the channel is known. */
export interface PublishedLine {
  channel: string;
  job: { queue: string; jobId: string } | null;
  level: string | null;
  content: string;
  /** When it was logged, by its publisher's clock, epoch ms; null when it does not say. */
  loggedAtMs: number | null;
}

/**
 * Log lines from Redis pub/sub channels, for workers in any language that already publish theirs. At most once: what
 * is published while the bridge is not connected is lost, and nobody can tell.
 */
export class LogPubSubSource {
  readonly #connection: RedisConnection;
  readonly #channels: readonly string[];
  readonly #accept: (line: PublishedLine) => void;
  readonly #logger: Logger;
  readonly #malformed: MalformedCounter;
  #isSubscribed = false;
  /** What was received last, and by which subscriptions. */
  #last = { channel: "", text: "", subscriptions: new Set<string>() };
  #timer: NodeJS.Timeout | undefined;
  #onSubscribed: (() => void) | undefined;
  /** Resolves when the channels are subscribed for the first time. */
  readonly subscribed = new Promise<void>((resolve) => {
    this.#onSubscribed = resolve;
  });

  constructor(options: {
    connection: ConnectionSetting;
    /** Channels, or patterns where they hold `*`, `?` or `[`. */
    channels: readonly string[];
    accept: (line: PublishedLine) => void;
    logger: Logger;
  }) {
    this.#connection = new RedisConnection(options.connection);
    this.#channels = options.channels;
    this.#accept = options.accept;
    this.#logger = options.logger;
    this.#malformed = new MalformedCounter(options.logger);
  }

  /** Why nothing arrives; null while subscribed. */
  get problem(): string | null {
    return this.#isSubscribed ? this.#connection.problem : (this.#connection.problem ?? "not subscribed yet");
  }

  start(): void {
    const { client } = this.#connection;
    client.on("message", (channel, text) => this.#receivedBy("", channel, text));
    client.on("pmessage", (pattern, channel, text) => this.#receivedBy(pattern, channel, text));
    client.on("ready", () => void this.#subscribe());
    client.on("close", () => {
      this.#isSubscribed = false;
    });
    this.#connection.open();
    this.#timer = setInterval(() => void this.#check(), CHECK_INTERVAL_MS).unref();
  }

  status(): SourceStatus {
    const state = this.#isSubscribed ? "reading" : "reconnecting";
    return { kind: "log-pub-sub", queue: null, state, lag_ms: null, malformed: this.#malformed.count, gaps: 0 };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#connection.close();
  }

  /** A connection that only listens would never notice that its other end is gone. */
  async #check(): Promise<void> {
    if (this.#connection.client.status !== "ready") return;
    if (!this.#isSubscribed) return this.#subscribe();
    await this.#connection.inTime(this.#connection.client.ping(), ANSWER_TIMEOUT_MS).catch(() => undefined);
  }

  async #subscribe(): Promise<void> {
    const patterns = this.#channels.filter((channel) => /[*?[]/.test(channel));
    const plain = this.#channels.filter((channel) => !patterns.includes(channel));
    try {
      const { client } = this.#connection;
      if (plain.length > 0) await this.#connection.inTime(client.subscribe(...plain), ANSWER_TIMEOUT_MS);
      if (patterns.length > 0) await this.#connection.inTime(client.psubscribe(...patterns), ANSWER_TIMEOUT_MS);
      this.#isSubscribed = true;
      this.#onSubscribed?.();
    } catch (error) {
      this.#connection.problem = `cannot subscribe to the log channels: ${describeError(error)}`;
      this.#logger.warn({ channels: this.#channels, reason: describeError(error) }, "log channels not subscribed");
    }
  }

  /** Channels and patterns may overlap: Redis then hands on the same once for each, one right after the other. */
  #receivedBy(subscription: string, channel: string, text: string): void {
    const last = this.#last;
    const isSame = last.channel === channel && last.text === text && !last.subscriptions.has(subscription);
    if (isSame) return void last.subscriptions.add(subscription);
    this.#last = { channel, text, subscriptions: new Set([subscription]) };
    this.#received(channel, text);
  }

  #received(channel: string, text: string): void {
    let given: unknown;
    try {
      given = JSON.parse(text);
    } catch {
      // Plain text is a log line too.
    }
    if (typeof given !== "object" || given === null) {
      return this.#accept({ channel, job: null, level: null, content: text, loggedAtMs: null });
    }
    const line = publishedLineSchema.safeParse(given);
    if (!line.success) {
      return this.#malformed.add({ channel, reason: describeIssues(inputIssues(line.error, given, "message")) });
    }
    const { queue, task_id, level, content, timestamp } = line.data;
    const loggedAtMs = timestamp === undefined ? null : new Date(timestamp).getTime();
    this.#accept({ channel, job: { queue, jobId: task_id }, level: level ?? null, content, loggedAtMs });
  }
}
