import type { ConnectionSetting } from "../handed-in.ts";
import type { Logger } from "../logger.ts";
import type { SourceStatus } from "../protocol/source-status.ts";
import { InvalidationConnection } from "./invalidation-connection.ts";
import type { JobKey } from "./job-key.ts";
import { keyOf } from "./job-key.ts";
import { JobLogLateReads } from "./job-log-late-reads.ts";
import type { JobLogLine } from "./job-log-position.ts";
import type { JobLogRead, TailedJob } from "./job-log-reads.ts";
import { JobLogReads } from "./job-log-reads.ts";
import { describeError, RedisConnection } from "./redis-connections.ts";

export type { JobLogLine };

/** How often all lists are read where Redis does not tell which have changed. */
const POLL_MS = 500;
/** The same where it does: what it tells may be lost on the way. */
const SAFETY_READ_MS = 5000;
/** After this time jobs that end have been seen from their beginning, or are longer than most. */
const SIGHT_MS = 2000;
/** How long the ends of jobs may be held up by a connection that is only just opening. */
const OPENING_PATIENCE_MS = 250;

/** New lines of one job in order. */
export interface JobLogLines extends JobKey {
  lines: JobLogLine[];
}

export interface JobLogTailOptions {
  connection: ConnectionSetting;
  prefix: string;
  /** MUST NOT throw. */
  accept: (lines: JobLogLines) => void;
  logger: Logger;
  /** How often the lists are read where their changes are not told, ms; default 500. */
  pollMs?: number;
  /** How often they are read where they are, ms; default 5000. */
  safetyReadMs?: number;
}

/**
 * Follows the log lists of jobs, to which `job.log()` of an unmodified worker adds without an event. Redis is asked to
 * tell which lists have changed since they were read (`CLIENT TRACKING`); where it refuses, all are read every 500 ms.
 * Two connections, opened when the first job is to be tailed; without jobs no command is sent and no timer runs.
 * One state machine decides when to read and whom to tell, which keeps this file together though it is long.
 *
 *     tracking, listening --either connection lost--> tracking, polling --both ready--> tracking, listening
 *     tracking --refused--> polling, for good
 */
export class JobLogTail {
  readonly #reader: RedisConnection;
  readonly #invalidations: InvalidationConnection;
  readonly #reads: JobLogReads;
  readonly #accept: (lines: JobLogLines) => void;
  readonly #logger: Logger;
  readonly #pollMs: number;
  readonly #safetyReadMs: number;
  #tailed = new Map<string, TailedJob>();
  /** Jobs whose ends are being read; what is told of them is for the caller of `readEnds`. */
  readonly #ending = new Set<string>();
  readonly #late = new JobLogLateReads((jobs, isEnd) => this.#readLate(jobs, isEnd));
  readonly #changed = new Set<string>();
  /** When the logs could be read again, ms of the monotonic clock; null while they cannot. */
  #sightedAt: number | null = null;
  #state: "new" | "started" | "open" | "closed" = "new";
  #isReading = false;
  #isFlushDue = false;
  /** How often all are read now; null while there is nothing to read. */
  #intervalMs: number | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: JobLogTailOptions) {
    this.#reader = new RedisConnection(options.connection);
    this.#invalidations = new InvalidationConnection(options.connection, this.#reader, {
      ready: () => this.#ready(),
      lost: () => this.#lost(),
      refused: (error) => this.#refused(error),
      invalidated: (keys) => this.#invalidated(keys),
    });
    this.#reads = new JobLogReads(this.#reader, options.prefix);
    this.#accept = options.accept;
    this.#logger = options.logger;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#safetyReadMs = options.safetyReadMs ?? SAFETY_READ_MS;
  }

  /** Whether changes are told by Redis or looked for; `tracking` until Redis has refused. */
  get mode(): "tracking" | "polling" {
    return this.#invalidations.isPossible ? "tracking" : "polling";
  }

  /** Why logs cannot be read; null while they can, and while none had to be. */
  get problem(): string | null {
    return this.#state === "open" ? (this.#reader.problem ?? this.#reads.problem) : null;
  }

  /** How many lines of the job have been told, those counted as dropped included; null when that is not exact. */
  toldOf(job: JobKey): number | null {
    const tailed = this.#reads.find(job);
    return tailed ? tailed.position.told : 0;
  }

  /** Whether lines of a job are on their way that were written before its end and could not be told before that. */
  owes(job: JobKey): boolean {
    return this.#ending.has(keyOf(job)) || this.#late.owes(job);
  }

  status(): SourceStatus & { mode: "tracking" | "polling" } {
    const state = this.#state === "closed" ? "closed" : this.problem === null ? "reading" : "reconnecting";
    return { kind: "job-log-tail", queue: null, state, lag_ms: null, malformed: 0, gaps: 0, mode: this.mode };
  }

  /** Begins to read the jobs that are set; before that they are only kept in mind. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "started";
    if (this.#tailed.size > 0) this.#open();
  }

  close(): void {
    this.#state = "closed";
    this.#tailed.clear();
    this.#late.close();
    clearInterval(this.#timer);
    this.#reader.close();
    this.#invalidations.close();
  }

  /**
   * The jobs to tail from now on, most wanted first. Those left out are let go, but what was told of them is
   * remembered (of the last 20,000 jobs read). A job whose end is being read, or is to be, is not taken up.
   */
  setJobs(jobs: readonly JobKey[]): void {
    if (this.#state === "closed") return;
    const before = this.#tailed;
    this.#tailed = new Map();
    for (const job of jobs) {
      const key = keyOf(job);
      if (this.owes(job)) continue;
      this.#tailed.set(key, before.get(key) ?? this.#reads.hold(job));
      if (!before.delete(key)) this.#changed.add(key);
      this.#late.drop(job);
    }
    for (const tailed of before.values()) this.#reads.release(tailed);
    if (this.#state === "new") return;
    if (this.#tailed.size > 0) this.#open();
    this.#scheduleFlush();
    this.#scheduleRead();
  }

  /**
   * Reads what has not been told yet of the logs of jobs that have ended, in one round trip unless there is much, so
   * that the caller tells it before their ends; keyed `<queue>:<id>`, without jobs of which there is nothing new. Such
   * jobs are let go, and read once more a second later for lines logged late. `isPast` says that they ended a while
   * ago, watched by nobody.
   *
   * @throws {Error} when Redis is away; what there is will be told by `accept` when it is back.
   */
  async readEnds(jobs: readonly JobKey[], isPast = false): Promise<Map<string, JobLogLines>> {
    if (this.#state === "new" || this.#state === "closed") throw new Error("the tail of job logs is not running");
    this.#open();
    const ended = [...new Map(jobs.map((job) => [keyOf(job), job])).values()];
    for (const job of ended) {
      this.#ending.add(keyOf(job));
      this.#tailed.delete(keyOf(job));
      this.#late.drop(job);
    }
    this.#scheduleRead();
    const ends = new Map<string, JobLogLines>();
    try {
      if (!(await this.#reader.whenReady(OPENING_PATIENCE_MS))) throw new Error(this.problem ?? "Redis is away");
      await this.#readWhole(ended, { isBlind: isPast || this.#isBlind }, ({ queue, jobId, lines }) => {
        const end = ends.get(keyOf({ queue, jobId }));
        if (end) end.lines.push(...lines);
        else ends.set(keyOf({ queue, jobId }), { queue, jobId, lines });
      });
      return ends;
    } catch (error) {
      for (const job of ended) this.#late.add(job, true);
      throw error;
    } finally {
      for (const job of ended) this.#ending.delete(keyOf(job));
    }
  }

  /** Jobs of a queue were seen, some of them with lines: the lines of one that is gone may be missed. */
  noteHabit(queue: string, seen: { jobs: number; withLines: number }): void {
    this.#reads.habits.note(queue, seen);
  }

  /** A new life of a job id: nothing has been told of it. */
  restart(job: JobKey): void {
    const key = keyOf(job);
    this.#late.drop(job);
    this.#reads.forget(job);
    if (!this.#tailed.has(key)) return;
    this.#tailed.set(key, this.#reads.hold(job));
    this.#changed.add(key);
    this.#scheduleFlush();
  }

  /** Lets the jobs of a queue go, and forgets what was told of them. */
  forget(queue: string): void {
    this.#reads.forgetQueue(queue);
    this.#late.forget(queue);
    for (const key of this.#tailed.keys()) if (key.startsWith(`${queue}:`)) this.#tailed.delete(key);
    this.#scheduleRead();
  }

  #open(): void {
    if (this.#state !== "started") return;
    this.#state = "open";
    this.#invalidations.open();
  }

  /** All that was read before is read again, as changes may have gone untold. */
  #ready(): void {
    this.#reads.isTracked = this.#invalidations.isArmed;
    this.#sightedAt ??= performance.now();
    this.#scheduleRead();
    this.#readAll();
  }

  #lost(): void {
    this.#sightedAt = null;
    this.#reads.isTracked = false;
    this.#reads.loseWatch();
    this.#scheduleRead();
  }

  #refused(error: Error): void {
    this.#logger.info({ reason: describeError(error) }, "job logs are polled, as Redis does not tell of their changes");
  }

  #invalidated(keys: readonly string[] | null): void {
    if (!keys) this.#reads.loseWatch();
    for (const key of keys ? this.#reads.invalidated(keys) : this.#tailed.keys()) this.#changed.add(key);
    this.#scheduleFlush();
  }

  #readAll(): void {
    for (const key of this.#tailed.keys()) this.#changed.add(key);
    void this.#flush();
  }

  /** What has changed in one turn is read in one round trip. */
  #scheduleFlush(): void {
    if (this.#isFlushDue || this.#changed.size === 0) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (this.#changed.size > 0) {
        const jobs = [...this.#changed].flatMap((key) => this.#tailed.get(key) ?? []);
        this.#changed.clear();
        // Without a connection the jobs wait for the next one: `#ready` reads them all.
        if (jobs.length === 0 || this.#reader.client.status !== "ready") continue;
        const incomplete = this.#tell(await this.#reads.read(jobs), this.#accept);
        for (const { job } of incomplete) this.#changed.add(keyOf(job));
      }
    } catch (error) {
      this.#logger.debug({ reason: describeError(error) }, "job logs not read");
    } finally {
      this.#isReading = false;
    }
  }

  async #readLate(jobs: readonly JobKey[], isEnd: boolean): Promise<void> {
    if (this.#reader.client.status !== "ready") throw new Error("Redis is away");
    await this.#readWhole(jobs, isEnd ? { isBlind: true } : null, this.#accept);
  }

  /** Whether jobs that end now may have begun while nothing was seen of their logs. */
  get #isBlind(): boolean {
    return this.#sightedAt === null || performance.now() - this.#sightedAt < SIGHT_MS;
  }

  /** Reads jobs that have ended until nothing is left. Those that are still there are read again later. */
  async #readWhole(
    jobs: readonly JobKey[],
    end: { isBlind: boolean } | null,
    tell: (lines: JobLogLines) => void,
  ): Promise<void> {
    const reads = end
      ? await this.#reads.readEnds(jobs, () => this.#invalidations.fence(), end.isBlind)
      : await this.#reads.read(jobs.map((job) => this.#reads.track(job)));
    let incomplete = this.#tell(reads, tell);
    const isLeft = ({ tailed, isGone }: JobLogRead) => end !== null && !isGone && !tailed.isForgotten;
    for (const { tailed } of reads.filter(isLeft)) this.#late.add(tailed.job, false);
    try {
      while (incomplete.length > 0) incomplete = this.#tell(await this.#reads.read(incomplete), tell);
    } catch {
      // What has been taken so far is counted as told, and must be; the rest is read later.
      for (const { job } of incomplete) this.#late.add(job, false);
    }
  }

  /** Hands on what is new; answers the jobs of which there is more. */
  #tell(reads: readonly JobLogRead[], tell: (lines: JobLogLines) => void): TailedJob[] {
    return reads.flatMap(({ tailed, lines, isComplete }) => {
      // Another life of the id has begun meanwhile, or its queue is forgotten.
      if (tailed.isForgotten) return [];
      if (lines.length > 0) tell({ ...tailed.job, lines });
      return isComplete ? [] : tailed;
    });
  }

  /** Lets all be read again and again, for as long as there is anything to tail. */
  #scheduleRead(): void {
    const isNeeded = this.#state === "open" && this.#tailed.size > 0;
    const intervalMs = isNeeded ? (this.#invalidations.isArmed ? this.#safetyReadMs : this.#pollMs) : null;
    if (intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    clearInterval(this.#timer);
    if (intervalMs === null) return;
    this.#timer = setInterval(() => {
      // A connection that only listens would never notice that its other end is gone.
      void this.#invalidations.fence();
      this.#readAll();
    }, intervalMs).unref();
  }
}
