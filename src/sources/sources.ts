import type { ConnectionSetting, QueueEventsLike } from "../handed-in.ts";
import type { Logger } from "../logger.ts";
import type { QueueSummary } from "../protocol/queue-summary.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import { EventStreamSource } from "./event-stream-source.ts";
import type { FactSink, Position } from "./fact.ts";
import type { JobKey } from "./job-key.ts";
import { JobList } from "./job-list.ts";
import type { JobLogLines } from "./job-log-tail.ts";
import { JobLogTail } from "./job-log-tail.ts";
import type { JobReader } from "./job-reader.ts";
import { LogPubSubSource } from "./log-pub-sub-source.ts";
import { QueueCounts } from "./queue-counts.ts";
import { QueueDiscovery } from "./queue-discovery.ts";
import { QueueEventsSource } from "./queue-events-source.ts";
import { RedisConnection } from "./redis-connections.ts";
import type { JobSnapshot } from "./snapshot-reader.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import type { SourceProblems } from "./source-problems.ts";
import type { SourcesSink } from "./sources-sink.ts";
import { NO_SINK } from "./sources-sink.ts";
import type { PastFacts } from "./stream-history.ts";
import { readPast } from "./stream-history.ts";
import type { JobHash } from "./stream-queries.ts";
import { StreamQueries } from "./stream-queries.ts";
import { summarizeQueues } from "./summarize-queues.ts";
import { withPatience } from "./with-patience.ts";

/** How long `start()` waits for Redis before it goes on without, and `close()` for what does not end by itself. */
const PATIENCE_MS = 2000;

/** Jobs that finished within this time show whether a queue's jobs log. */
const LOOK_BACK_MS = 3_600_000;

export interface SourcesOptions {
  connection: ConnectionSetting;
  prefix: string;
  discover: boolean;
  /** Pub/sub channels and patterns with log lines. */
  logChannels: readonly string[];
  logger: Logger;
}

/** Which queues are read, and by what. Five Redis connections at most, one of them blocking. */
export class Sources implements JobReader {
  /** What there is to read of jobs that nobody watches. */
  readonly jobs: JobList;
  #sink: SourcesSink = NO_SINK;
  readonly #logger: Logger;
  readonly #commands: RedisConnection;
  readonly #queries: StreamQueries;
  readonly #eventStream: EventStreamSource;
  readonly #pubSub: LogPubSubSource | null;
  readonly #discovery: QueueDiscovery | null;
  readonly #snapshots: SnapshotReader;
  readonly #counts: QueueCounts;
  readonly #jobLogTail: JobLogTail;
  /** Attached queues, each with its `QueueEvents` instance if it came with one. */
  readonly #queues = new Map<string, QueueEventsLike | null>();
  readonly #queueEvents = new Map<string, QueueEventsSource>();
  /** Queues that discovery must not attach again. */
  readonly #detached = new Set<string>();
  #startedAtMs: number | null = null;
  /** Queues of which it has been asked whether their jobs log. */
  readonly #lookedForLogs = new Set<string>();
  #isSettled = false;
  #onSettled: (() => void) | undefined;
  readonly settled = new Promise<void>((resolve) => {
    this.#onSettled = resolve;
  });

  constructor({ connection, prefix, discover, logChannels, logger }: SourcesOptions) {
    this.#logger = logger;
    this.#commands = new RedisConnection(connection);
    this.#queries = new StreamQueries(this.#commands, prefix);
    const sink: FactSink = { accept: (batches) => this.#sink.accept(batches) };
    this.#eventStream = new EventStreamSource({ connection, queries: this.#queries, prefix, sink, logger });
    this.#pubSub =
      logChannels.length === 0
        ? null
        : new LogPubSubSource({
            connection,
            channels: logChannels,
            accept: (line) => this.#sink.acceptLine(line),
            logger,
          });
    this.#snapshots = new SnapshotReader(this.#commands, prefix);
    this.jobs = new JobList(this.#commands, prefix);
    this.#counts = new QueueCounts({ connection: this.#commands, prefix, queues: () => this.queues, logger });
    this.#jobLogTail = new JobLogTail({
      connection,
      prefix,
      accept: (lines) => this.#sink.acceptLogLines(lines),
      logger,
    });
    this.#discovery = discover ? new QueueDiscovery(this.#queries, (queue) => this.#discovered(queue), logger) : null;
  }

  /** Sets where all that is found goes, once, before anything is attached. */
  useSink(sink: SourcesSink): void {
    this.#sink = sink;
  }

  /** The names of the attached queues. */
  get queues(): string[] {
    return [...this.#queues.keys()];
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  now(): number {
    return Date.now() + this.#queries.aheadMs;
  }

  isShort(queue: string): boolean {
    return this.#eventStream.feed(queue)?.isShort ?? false;
  }

  isUnreadable(queue: string): boolean {
    return Boolean(this.#eventStream.feed(queue)?.problem);
  }

  recheck(queue: string): void {
    const feed = this.#eventStream.feed(queue);
    if (feed) feed.isDoubtful = true;
  }

  hashes(keys: readonly JobKey[]): Promise<JobHash[]> {
    return this.#queries.jobs(keys);
  }

  snapshots(keys: readonly JobKey[]): Promise<JobSnapshot[]> {
    return this.#snapshots.read(keys);
  }

  probe(keys: readonly JobKey[]): Promise<{ exists: boolean; finished: boolean }[]> {
    return this.#snapshots.probe(keys);
  }

  jobsSince(queue: string, sinceMs: number): Promise<{ ids: string[]; truncated: boolean }> {
    return this.#snapshots.jobsSince(queue, sinceMs);
  }

  past(queue: string, upTo: Position): Promise<PastFacts> {
    const feed = this.#eventStream.feed(queue);
    if (!feed) return Promise.reject(new Error(`queue "${queue}" is not attached any more`));
    return readPast(this.#queries, feed, upTo);
  }

  tail(jobs: readonly JobKey[]): void {
    this.#jobLogTail.setJobs(jobs);
  }

  async logEnds(jobs: readonly JobKey[], { isPast }: { isPast: boolean }): Promise<Map<string, JobLogLines>> {
    const queues = new Set(jobs.map(({ queue }) => queue).filter((queue) => !this.#lookedForLogs.has(queue)));
    // Without that answer the logs are read all the same: what cannot be read now is then told later.
    await Promise.allSettled([...queues].map((queue) => this.lookForLogs(queue)));
    return this.#jobLogTail.readEnds(jobs, isPast);
  }

  async lookForLogs(queue: string): Promise<void> {
    const { ids } = await this.jobsSince(queue, this.now() - LOOK_BACK_MS);
    const keys = ids.map((jobId) => ({ queue, jobId }));
    const withLines = await this.#queries.countLogged(keys);
    this.#jobLogTail.noteHabit(queue, { jobs: keys.length, withLines });
    this.#lookedForLogs.add(queue);
  }

  toldLines(job: JobKey): number | null {
    return this.#jobLogTail.toldOf(job);
  }

  owesLines(job: JobKey): boolean {
    return this.#jobLogTail.owes(job);
  }

  restartLog(job: JobKey): void {
    this.#jobLogTail.restart(job);
  }

  /** Begins to read; resolves when every queue is read from now on, or after two seconds. */
  async start(): Promise<void> {
    this.#startedAtMs = Date.now();
    this.#commands.open();
    this.#pubSub?.start();
    for (const [queue, instance] of this.#queues) this.#read(queue, instance, this.#startedAtMs);
    this.#eventStream.start();
    this.#jobLogTail.start();
    await withPatience(this.#settle(), PATIENCE_MS);
  }

  /** Stops everything; resolves after two seconds at the latest. */
  async close(): Promise<void> {
    this.#discovery?.close();
    this.#pubSub?.close();
    this.#jobLogTail.close();
    for (const source of this.#queueEvents.values()) source.close();
    this.#commands.close();
    await withPatience(this.#eventStream.close(), PATIENCE_MS);
  }

  /** Attaches a queue; again, it changes nothing, but an instance takes the place of what read the queue so far. */
  attach(queue: string, instance: QueueEventsLike | null): void {
    this.#detached.delete(queue);
    if (this.#queues.has(queue) && (instance === null || this.#queues.get(queue) === instance)) return;
    this.#queues.set(queue, instance);
    if (this.#startedAtMs !== null) this.#read(queue, instance, Date.now());
  }

  /** False when the queue was not attached. */
  detach(queue: string): boolean {
    this.#detached.add(queue);
    this.#queueEvents.get(queue)?.close();
    this.#queueEvents.delete(queue);
    this.#eventStream.detach(queue);
    this.#jobLogTail.forget(queue);
    this.#lookedForLogs.delete(queue);
    this.#sink.forget(queue);
    return this.#queues.delete(queue);
  }

  status(): SourceStatus[] {
    return [
      ...[...this.#queueEvents.values()].map((source) => source.status()),
      ...this.#eventStream.status(),
      ...(this.#pubSub ? [this.#pubSub.status()] : []),
      this.#jobLogTail.status(),
    ];
  }

  /** Counts the jobs of all queues, but once a second at most; resolves also when Redis does not answer. */
  countJobs(): Promise<void> {
    return this.#counts.refresh();
  }

  /** How the attached queues stand, by what was counted last. */
  summaries(): QueueSummary[] {
    return summarizeQueues(this.queues, {
      sources: this.status(),
      countOf: (queue) => this.#counts.of(queue),
      eventsOf: (queue) => this.#eventStream.feed(queue)?.takenOf("events") ?? 0,
    });
  }

  problems(): SourceProblems {
    return {
      eventStreams: this.#eventStream.problem,
      jobs: this.#commands.problem ?? this.#queries.problem,
      logChannels: this.#pubSub?.problem,
      jobLogs: this.#jobLogTail.problem,
      discovery: this.#discovery?.problem,
      unreadable: this.#eventStream.feedProblems,
      takenOver: [...this.#queueEvents].flatMap(([queue, { takenOver: reason }]) =>
        reason ? [{ queue, reason }] : [],
      ),
    };
  }

  /** Resolves when all queues, those found by the first scan included, are read from now on. */
  async #settle(): Promise<void> {
    await this.#commands.whenReady(PATIENCE_MS);
    await this.#discovery?.start();
    await this.#discovery?.found;
    this.#isSettled = true;
    this.#onSettled?.();
    await Promise.all(this.queues.map((queue) => this.#eventStream.feed(queue)?.located));
    await this.#eventStream.reading;
    await this.#pubSub?.subscribed;
  }

  #discovered(queue: string): void {
    if (this.#queues.has(queue) || this.#detached.has(queue) || this.#startedAtMs === null) return;
    this.#logger.info({ queue }, "queue discovered");
    this.#queues.set(queue, null);
    // Found after the start it is new, or new to us: what it has seen since the start is wanted.
    this.#read(queue, null, this.#startedAtMs);
  }

  #read(queue: string, instance: QueueEventsLike | null, attachedAtMs: number): void {
    let feed = this.#eventStream.feed(queue);
    if (!feed) {
      this.#sink.watch(queue, attachedAtMs);
      feed = this.#eventStream.attach(queue, attachedAtMs);
    }
    if (!instance) return;
    // A queue that was read by itself, or by another instance, goes on from where that stands.
    this.#queueEvents.get(queue)?.close();
    const source = new QueueEventsSource({
      instance,
      feed,
      queries: this.#queries,
      sink: this.#sink,
      logger: this.#logger,
    });
    this.#queueEvents.set(queue, source);
    source.start();
  }
}
