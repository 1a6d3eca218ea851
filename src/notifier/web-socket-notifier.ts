import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { History } from "../connections/history.ts";
import type { Logger } from "../logger.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import type { Topic } from "../protocol/topic.ts";
import { ALL_TOPIC, jobTopic, parseTopic, queueTopic } from "../protocol/topic.ts";
import type { Fact, FactBatch, Position } from "../sources/fact.ts";
import type { PublishedLine } from "../sources/log-pub-sub-source.ts";
import { afterPendingReads } from "../sources/redis-connections.ts";
import type { SourcesSink } from "../sources/sources.ts";
import type { JobHash, JobKey } from "../sources/stream-queries.ts";
import { decodeCursor, encodeCursor, queueTag } from "./cursor.ts";
import { isJobFact, JobTracker, keyOf } from "./job-tracker.ts";
import type { JobView } from "./translate.ts";
import { toIso, translate } from "./translate.ts";

/** How long facts wait for what the hashes say; after that they are told without. */
const ENRICHMENT_TIMEOUT_MS = 250;

const NO_JOB: JobView = { attempt: null, attempts: null, attemptFailed: false, reason: null, hasEnded: false };

export interface WebSocketNotifierOptions {
  manager: ConnectionManager;
  /** Reads the hashes of these jobs in one round trip, in their order; may reject. */
  readJobs: (keys: readonly JobKey[]) => Promise<JobHash[]>;
  /** BullMQ's key prefix; part of what a cursor is bound to. */
  prefix: string;
  logger: Logger;
}

/** Joins the sources to the connections: job events and log lines in, messages out. */
export class WebSocketNotifier implements SourcesSink, History {
  readonly #manager: ConnectionManager;
  readonly #readJobs: WebSocketNotifierOptions["readJobs"];
  readonly #prefix: string;
  readonly #logger: Logger;
  readonly #tracker = new JobTracker();
  /** The watched queues, and how far the messages of each have been published; null until its streams are found. */
  readonly #published = new Map<string, { tag: string; position: Position | null }>();
  #tail: Promise<void> = Promise.resolve();

  constructor(options: WebSocketNotifierOptions) {
    this.#manager = options.manager;
    this.#readJobs = options.readJobs;
    this.#prefix = options.prefix;
    this.#logger = options.logger;
    options.manager.useHistory(this);
  }

  /** Publishes the facts after at most one round trip; a later call never overtakes an earlier one. */
  accept(batches: readonly FactBatch[]): Promise<void> {
    const facts = batches.flatMap((batch) => batch.facts);
    this.#tail = this.#tail
      .then(async () => {
        const hashes = await this.#enrich(facts);
        this.#tracker.seed(facts, hashes);
        for (const batch of batches) this.#publish(batch, hashes);
      })
      .catch((error: unknown) => this.#logger.error({ err: error }, "facts could not be published"));
    return this.#tail;
  }

  /** Publishes a line of a log channel; it has no cursor and is not replayed. */
  acceptLine({ channel, job, level, content, loggedAtMs }: PublishedLine): void {
    const origin = job && { queue: job.queue, task_id: job.jobId, name: this.#tracker.nameOf(job) };
    const meta = { channel, level, logged_at: loggedAtMs === null ? null : toIso(loggedAtMs), ...origin };
    const topics = job ? topicsOf(job.queue, job.jobId) : [ALL_TOPIC];
    this.#manager.publish(new WebSocketMessage({ type: "logs", content, meta }), topics);
  }

  /** Begins to tell of a queue; facts of others are passed over. */
  watch(queue: string): void {
    this.#published.set(queue, { tag: queueTag(this.#prefix, queue), position: null });
  }

  /** Forgets a queue that is no longer attached. */
  forget(queue: string): void {
    this.#published.delete(queue);
    this.#tracker.forget(queue);
  }

  cursors(topics: Iterable<Topic>): Record<string, string> {
    const queues = new Set<string>();
    for (const topic of topics) {
      const parsed = parseTopic(topic);
      if (parsed?.kind === "all") for (const queue of this.#published.keys()) queues.add(queue);
      else if (parsed) queues.add(parsed.queue);
    }
    const cursors: Record<string, string> = {};
    for (const queue of queues) {
      const published = this.#published.get(queue);
      if (published?.position) cursors[queue] = encodeCursor(published.tag, published.position);
    }
    return cursors;
  }

  missedSince(cursors: readonly string[]): (string | null)[] {
    const missed: (string | null)[] = [];
    for (const cursor of cursors) {
      const { queueTag: tag } = decodeCursor(cursor);
      const [queue, published] = [...this.#published].find(([, { tag: known }]) => known === tag) ?? [];
      if (!published?.position || encodeCursor(tag, published.position) !== cursor) missed.push(queue ?? null);
    }
    return missed;
  }

  async #enrich(facts: readonly Fact[]): Promise<Map<string, JobHash>> {
    const keys = this.#tracker.unknownIn(facts);
    if (keys.length === 0) return new Map();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const late = () => reject(new Error(`no answer within ${ENRICHMENT_TIMEOUT_MS} ms`));
      timer = setTimeout(afterPendingReads, ENRICHMENT_TIMEOUT_MS, late);
    });
    try {
      const hashes = await Promise.race([this.#readJobs(keys), deadline]);
      return new Map(keys.flatMap((key, index) => (hashes[index] ? [[keyOf(key), hashes[index]]] : [])));
    } catch (error) {
      this.#logger.debug({ jobs: keys.length, reason: String(error) }, "told without names and attempts");
      return new Map();
    } finally {
      clearTimeout(timer);
    }
  }

  #publish({ queue, start, end, facts }: FactBatch, hashes: ReadonlyMap<string, JobHash>): void {
    const published = this.#published.get(queue);
    if (!published) return;
    const position = { ...start };
    published.position = position;
    for (const [index, fact] of facts.entries()) {
      position[fact.kind === "log" ? "logs" : "events"] = fact.streamId;
      try {
        this.#publishFact(fact, facts[index + 1], hashes, encodeCursor(published.tag, position));
      } catch (error) {
        // For example a value nested too deeply to be written as JSON again: the facts after it must not be lost too.
        const { streamId, kind } = fact;
        this.#logger.error({ err: error, queue, id: streamId, kind }, "one fact could not be told");
      }
    }
    Object.assign(position, end);
  }

  #publishFact(fact: Fact, next: Fact | undefined, hashes: ReadonlyMap<string, JobHash>, cursor: string): void {
    const { queue } = fact;
    const job = isJobFact(fact) ? this.#tracker.advance(fact, next, hashes.get(keyOf(fact))) : null;
    const { type, content, meta } = translate(fact, job ?? NO_JOB);
    const origin = isJobFact(fact)
      ? { queue, task_id: fact.jobId, name: job?.name ?? null, attempt: job?.attempt ?? null }
      : { queue };
    const atMs = job?.atMs ?? fact.atMs;
    const message = new WebSocketMessage({
      type,
      content,
      meta: { ...origin, cursor, ...meta },
      timestamp: toIso(atMs),
    });
    const topics = isJobFact(fact) ? topicsOf(queue, fact.jobId) : [ALL_TOPIC, queueTopic(queue)];
    if (this.#manager.publish(message, topics) > 0)
      this.#manager.statistics.latencyMs.add(Math.max(0, Date.now() - fact.atMs));
  }
}

function topicsOf(queue: string, jobId: string): Topic[] {
  return [ALL_TOPIC, queueTopic(queue), jobTopic(queue, jobId)];
}
