import type { ConnectionManager } from "../connections/connection-manager.ts";
import type { Frame } from "../connections/frame.ts";
import type { Logger } from "../logger.ts";
import { WebSocketMessage } from "../protocol/message.ts";
import type { SnapshotContent } from "../protocol/snapshot.ts";
import { ALL_TOPIC } from "../protocol/topic.ts";
import type { Fact, FactBatch } from "../sources/fact.ts";
import { millisecondsOf, positionAfter, streamOf } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { keyOf } from "../sources/job-key.ts";
import { lastNumberOf } from "../sources/job-log-position.ts";
import type { JobLogLines } from "../sources/job-log-tail.ts";
import type { JobReader } from "../sources/job-reader.ts";
import type { PublishedLine } from "../sources/log-pub-sub-source.ts";
import type { SourcesSink } from "../sources/sources-sink.ts";
import { Absences } from "./absences.ts";
import { isEnd, isJobFact } from "./attempts.ts";
import type { NotifierContext } from "./context.ts";
import { encodeCursor, queueTag } from "./cursor.ts";
import type { Enriched } from "./enrichment.ts";
import { Enrichment, endingIn } from "./enrichment.ts";
import { Healer } from "./healer.ts";
import { isOver, JobTracker } from "./job-tracker.ts";
import { LogTails } from "./log-tails.ts";
import { attemptOfLines, factMessage, lineMessage, topicsOf } from "./messages.ts";
import { Mutes } from "./mutes.ts";
import { PastTranslator } from "./past.ts";
import { QueueHistory } from "./queue-history.ts";
import { RecentEnds } from "./recent-ends.ts";
import { NO_LINES } from "./ring.ts";
import { RingBudget } from "./ring-budget.ts";
import { Snapshots } from "./snapshots.ts";
import { toIso } from "./translate.ts";
import { Turns } from "./turns.ts";
import { ViewerHistory } from "./viewer-history.ts";

export interface WebSocketNotifierOptions {
  manager: ConnectionManager;
  reader: JobReader;
  /** BullMQ's key prefix; part of what a cursor is bound to. */
  prefix: string;
  /** Most jobs whose logs are followed at a time; 0 follows none. */
  maxTailedJobs: number;
  logger: Logger;
}

/** A batch with the history of its queue as that was when the batch was read. */
type Read = FactBatch & { history: QueueHistory };

/** Joins the sources to the connections: job events and log lines in, messages out. */
export class WebSocketNotifier implements SourcesSink {
  readonly #manager: ConnectionManager;
  readonly #reader: JobReader;
  readonly #prefix: string;
  readonly #readsLogs: boolean;
  readonly #logger: Logger;
  readonly #tracker = new JobTracker();
  readonly #ends = new RecentEnds();
  readonly #mutes = new Mutes();
  readonly #budget = new RingBudget();
  /** The watched queues. */
  readonly #histories = new Map<string, QueueHistory>();
  readonly #absences = new Absences();
  readonly #enrichment: Enrichment;
  readonly #past: PastTranslator;
  readonly #snapshots: Snapshots;
  readonly #healer: Healer;
  readonly #tails: LogTails;
  #tail: Promise<unknown> = Promise.resolve();

  constructor({ manager, reader, prefix, maxTailedJobs, logger }: WebSocketNotifierOptions) {
    this.#manager = manager;
    this.#reader = reader;
    this.#prefix = prefix;
    this.#readsLogs = maxTailedJobs > 0;
    this.#logger = logger;
    const [tracker, ends, mutes, histories] = [this.#tracker, this.#ends, this.#mutes, this.#histories];
    const encode = (message: WebSocketMessage) => manager.encode(message);
    const now = () => reader.now();
    const tagOf = (queue: string) => queueTag(prefix, queue);
    const toldLines = (job: JobKey) => reader.toldLines(job);
    this.#enrichment = new Enrichment(reader, (lines) => this.acceptLogLines(lines), logger);
    this.#past = new PastTranslator({ reader, tracker, ends, encode, tagOf });
    const read = (keys: readonly JobKey[]) => reader.snapshots(keys);
    this.#snapshots = new Snapshots({ read, histories, tracker, ends, toldLines, encode, now });
    const snapshots = this.#snapshots;
    const inTurn = <Result>(run: () => Promise<Result>) => this.#inTurn(run);
    const context: NotifierContext = { manager, reader, tracker, mutes, histories, snapshots, inTurn, logger };
    this.#healer = new Healer(context);
    this.#tails = new LogTails(context, maxTailedJobs);
    manager.useHistory(new ViewerHistory(context, () => this.#tails.changed()));
    this.#healer.start();
  }

  /** Publishes the facts after at most one round trip; a later call never overtakes an earlier one. */
  accept(batches: readonly FactBatch[]): Promise<void> {
    const read = batches.flatMap((batch) => {
      const history = this.#histories.get(batch.queue);
      return history ? [{ ...batch, history }] : [];
    });
    for (const { facts } of read) this.#manager.statistics.events += facts.length;
    return this.#inTurn(async () => {
      // What was read of a queue that has been detached since is nobody's, also when it is attached again.
      const due = read.filter(({ history }) => !history.isClosed);
      for (const { gap, queue } of due) if (gap) this.#tracker.doubt(queue);
      const facts = due.flatMap((batch) => batch.facts);
      const ending = endingIn(facts, (job) => this.#wantsLog(job));
      const enriching = this.#enrichment.enrich(this.#tracker.unknownIn(facts), ending);
      const enriched = enriching instanceof Promise ? await enriching : enriching;
      this.#tracker.seed(facts, enriched.hashes);
      const turns = new Turns();
      for (const batch of due) {
        try {
          await this.#tellStart(batch);
          await this.#publish(batch, enriched, turns);
        } catch (error) {
          // Those of the other queues must not be lost too.
          this.#logger.error({ err: error, queue: batch.queue }, "facts could not be published");
        }
      }
    }).catch((error: unknown) => this.#logger.error({ err: error }, "facts could not be published"));
  }

  /** Publishes a line of a log channel; it has no cursor and is not replayed. */
  acceptLine({ channel, job, level, content, loggedAtMs }: PublishedLine): void {
    this.#manager.statistics.events += 1;
    const name = job && (this.#tracker.get(keyOf(job))?.name ?? null);
    const origin = job && { queue: job.queue, task_id: job.jobId, name };
    const meta = { channel, level, logged_at: loggedAtMs === null ? null : toIso(loggedAtMs), ...origin };
    const topics = job ? topicsOf(job.queue, job.jobId) : [ALL_TOPIC];
    if (!this.#manager.isWatched(topics)) return;
    this.#manager.publish(this.#manager.encode(new WebSocketMessage({ type: "logs", content, meta })), topics);
  }

  /** Publishes lines of a job's own log, written by some time, epoch ms; they have no cursor. Answers their bytes. */
  acceptLogLines({ queue, jobId, lines }: JobLogLines, atMs = this.#reader.now()): number {
    const history = this.#histories.get(queue);
    if (!history) return 0;
    this.#manager.statistics.events += lines.length;
    const key = keyOf({ queue, jobId });
    const job = this.#tracker.get(key);
    const made = job?.attemptsMade ?? null;
    const attempt = made === null ? null : made + (job?.phase === "active" ? 1 : 0);
    const toldAtMs = Math.max(atMs, job?.atMs ?? 0);
    const origin = {
      queue,
      jobId,
      name: job?.name ?? null,
      attempt: attemptOfLines(lines, attempt),
      timestamp: toIso(toldAtMs),
      isLate: job !== undefined && isOver(job),
    };
    this.#tracker.raise(key, toldAtMs);
    let bytes = 0;
    for (const line of lines) {
      const frame = this.#manager.encode(lineMessage(origin, line));
      const number = lastNumberOf(line);
      history.append({ stream: null, jobId, line: number, frame, lines: NO_LINES });
      const muted = number === null ? null : this.#mutes.ofLine(key, number);
      this.#manager.publish(frame, topicsOf(queue, jobId), muted);
      bytes += frame.bytes.length;
    }
    return bytes;
  }

  /** Begins to tell of a queue attached at some time by our clock, epoch ms; facts of others are passed over. */
  watch(queue: string, attachedAt = 0): void {
    const [tag, isLate] = [queueTag(this.#prefix, queue), this.#reader.isSettled];
    const [source, budget] = [this.#past, this.#budget];
    const attachedAtMs = () => attachedAt + this.#reader.now() - Date.now();
    this.#histories.get(queue)?.close();
    this.#histories.set(queue, new QueueHistory({ queue, tag, isLate, attachedAtMs, source, budget }));
    this.#tails.changed();
  }

  /** Forgets a queue that is no longer attached. */
  forget(queue: string): void {
    const history = this.#histories.get(queue);
    history?.close();
    this.#histories.delete(queue);
    if (history?.position) this.#absences.note(queue, millisecondsOf(history.position.events));
    this.#tracker.forget(queue);
    this.#ends.forget(queue);
    this.#mutes.forget(queue);
    this.#tails.changed();
  }

  /** How a job stands; null when there is no such job, undefined when its queue is not attached. Rejects without Redis. */
  async readJob(queue: string, jobId: string): Promise<SnapshotContent | null | undefined> {
    if (!this.#histories.has(queue)) return undefined;
    const [snapshot] = await this.#snapshots.take([{ queue, jobId }], { mayWait: true });
    return snapshot && snapshot.content.state !== "unknown" ? snapshot.content : null;
  }

  /** Stops what happens by itself. */
  close(): void {
    this.#healer.close();
    this.#tails.close();
    for (const history of this.#histories.values()) history.close();
  }

  /** Runs one thing after the other, so that what it finds is not overtaken by what is published. */
  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Tells what is missing before a batch, and shows the jobs of a queue that has just come. */
  async #tellStart({ queue, gap, start, history }: Read): Promise<void> {
    if (history.isClosed || !(gap || history.position === null)) return;
    const absentSinceMs = this.#absences.get(queue);
    const sinceMs = absentSinceMs ?? millisecondsOf((history.position ?? start).events);
    const begin = () => {
      // It may have been detached while Redis was asked, and is absent for as long as before then.
      if (history.isClosed) return;
      this.#absences.delete(queue);
      if (gap) history.restartAt(start);
      else history.moveTo(start);
    };
    if (gap || absentSinceMs !== undefined) return this.#healer.tell(queue, gap?.missed ?? null, sinceMs, begin);
    begin();
    await this.#healer.greet(queue);
  }

  /** Whether the lines of a job's own log are wanted, by those who watch or by those who catch up. */
  #wantsLog({ queue, jobId }: JobKey): boolean {
    if (!this.#readsLogs) return false;
    return this.#manager.isWatched(topicsOf(queue, jobId)) || (this.#histories.get(queue)?.places.size ?? 0) > 0;
  }

  async #publish({ queue, start, end, facts, history }: Read, enriched: Enriched, turns: Turns): Promise<void> {
    if (history.isClosed) return;
    let position = start;
    for (const [index, fact] of facts.entries()) {
      position = positionAfter(position, fact);
      history.moveTo(position);
      let bytes = 0;
      try {
        bytes = this.#publishFact(history, fact, facts[index + 1], enriched);
      } catch (error) {
        // For example a value nested too deeply to be written as JSON again: the facts after it must not be lost too.
        const { streamId, kind } = fact;
        this.#logger.error({ err: error, queue, id: streamId, kind }, "one fact could not be told");
      }
      if (!turns.isOver(bytes)) continue;
      await turns.next();
      if (history.isClosed) return;
    }
    history.moveTo(end);
    if (this.#mutes.size > 0) this.#mutes.prune(queue, end, this.#reader);
    if (facts.length > 0) this.#tails.told();
  }

  /** Answers how many bytes were told. */
  #publishFact(history: QueueHistory, fact: Fact, next: Fact | undefined, { hashes, logEnds }: Enriched): number {
    const { queue, tag, position } = history;
    const jobId = isJobFact(fact) ? fact.jobId : null;
    const key = isJobFact(fact) ? keyOf(fact) : null;
    const lineBytes = isEnd(fact) ? this.#tellLastLines(fact, logEnds) : null;
    const muted = key === null ? null : this.#mutes.ofFact(key, streamOf(fact), fact.streamId);
    // The log may have been read already, and a snapshot sent, of one that is only now said to be added.
    if (isJobFact(fact) && fact.kind === "added" && this.#tracker.get(keyOf(fact))?.hasEnded) {
      this.#reader.restartLog(fact);
      if (!muted) this.#mutes.delete(keyOf(fact));
    }
    const job = isJobFact(fact) ? this.#tracker.advance(fact, next, hashes.get(keyOf(fact))) : null;
    const frame = this.#manager.encode(factMessage(fact, job, position ? encodeCursor(tag, position) : ""));
    const lines = isEnd(fact) && lineBytes === null ? null : NO_LINES;
    history.append({ stream: streamOf(fact), jobId, line: null, frame, lines });
    if (isJobFact(fact)) this.#noteLife(fact, frame);
    if (fact.kind === "cleaned") this.#healer.compareSoon(queue);
    if (this.#manager.publish(frame, topicsOf(queue, jobId), muted) > 0)
      this.#manager.statistics.latencyMs.add(Math.max(0, Date.now() - fact.atMs));
    return frame.bytes.length + (lineBytes ?? 0);
  }

  /**
   * Tells what is left of a job's own log before its end; answers its bytes. Null when nobody asked for it: then it is
   * read for those who come back. What could not be read is told to everybody later, so that nobody who saw the end misses it.
   */
  #tellLastLines(end: Fact & JobKey, logEnds: Enriched["logEnds"]): number | null {
    if (!this.#readsLogs) return 0;
    const key = keyOf(end);
    const lines = logEnds.get(key);
    logEnds.delete(key);
    if (lines) return this.acceptLogLines(lines, end.atMs);
    return lines === undefined ? null : 0;
  }

  /** Remembers ends, and forgets them when the job, or another of its id, lives again. */
  #noteLife(fact: Fact & { jobId: string }, frame: Frame): void {
    const key = keyOf(fact);
    if (isEnd(fact)) this.#ends.set(key, frame);
    else if (fact.kind === "added" || fact.kind === "waiting") this.#ends.delete(key);
  }
}
