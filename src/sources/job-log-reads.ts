import type { JobKey } from "./job-key.ts";
import { keyOf } from "./job-key.ts";
import type { JobLogLine } from "./job-log-position.ts";
import { JobLogPosition } from "./job-log-position.ts";
import type { Changes } from "./job-log-watch.ts";
import { JobLogWatch } from "./job-log-watch.ts";
import { LogHabits } from "./log-habits.ts";
import type { RedisConnection } from "./redis-connections.ts";

/** Jobs whose positions are remembered; the one read longest ago is forgotten first. About 1 KB each at most. */
const MAX_JOBS = 20_000;
const ANSWER_TIMEOUT_MS = 1500;

/** A job with what is known of its log list. */
export interface TailedJob {
  readonly job: JobKey;
  readonly position: JobLogPosition;
  readonly watch: JobLogWatch;
  /** One that is tailed is not forgotten for others. */
  isHeld: boolean;
  /** A new life of the id has begun, or its queue is no longer read: what is still being read of it is nobody's. */
  isForgotten: boolean;
}

/** What a read found new. */
export interface JobLogRead {
  tailed: TailedJob;
  lines: JobLogLine[];
  /** False when there is more to read. */
  isComplete: boolean;
  /** Whether the job has been removed; only asked at its end. */
  isGone: boolean;
}

interface SentRead {
  tailed: TailedJob;
  start: number;
  count: number;
  asksJob: boolean;
  /** Null where changes are not told. */
  changes: Changes | null;
}

type Reply = [error: Error | null, result: unknown];

/** Reads log lists of jobs, and remembers what was told of each. */
export class JobLogReads {
  readonly #reader: RedisConnection;
  readonly #prefix: string;
  readonly #jobs = new Map<string, TailedJob>();
  /** Which queues' jobs log. */
  readonly habits = new LogHabits();
  /** Resolves when the answers to all that was sent so far are taken. */
  #taken: Promise<unknown> = Promise.resolve();
  /** Whether Redis tells of changes of what is read from now on. */
  isTracked = false;
  /** Why lists were refused; null when they were not. */
  problem: string | null = null;

  constructor(reader: RedisConnection, prefix: string) {
    this.#reader = reader;
    this.#prefix = prefix;
  }

  find(job: JobKey): TailedJob | undefined {
    return this.#jobs.get(keyOf(job));
  }

  /** What is known of a job, from now on if nothing was. */
  track(job: JobKey): TailedJob {
    const { queue, jobId } = job;
    const tailed = this.find(job) ?? {
      job: { queue, jobId },
      position: new JobLogPosition(),
      watch: new JobLogWatch(),
      isHeld: false,
      isForgotten: false,
    };
    this.#remember(tailed);
    return tailed;
  }

  /** The same, for a job that is tailed until it is released. */
  hold(job: JobKey): TailedJob {
    const tailed = this.track(job);
    tailed.isHeld = true;
    return tailed;
  }

  release(tailed: TailedJob): void {
    tailed.isHeld = false;
    tailed.watch.lose();
  }

  forget(job: JobKey): void {
    const tailed = this.find(job);
    if (!tailed) return;
    tailed.isForgotten = true;
    this.#jobs.delete(keyOf(job));
  }

  forgetQueue(queue: string): void {
    this.habits.forget(queue);
    for (const { job } of this.#jobs.values()) if (job.queue === queue) this.forget(job);
  }

  /** Notes which lists have changed; answers the keys of their jobs. */
  invalidated(keys: readonly string[]): string[] {
    return keys.flatMap((redisKey) => {
      const [, key = "", part] = /^(.*):(logs|lock)$/s.exec(redisKey.slice(this.#prefix.length + 1)) ?? [];
      const tailed = this.#jobs.get(key);
      tailed?.watch.invalidated(part === "lock" ? "lock" : "list");
      return tailed ? [key] : [];
    });
  }

  /** Changes may go untold, or have gone. */
  loseWatch(): void {
    for (const { watch } of this.#jobs.values()) watch.lose();
  }

  /**
   * Reads what is new of these lists in one round trip. Answers are taken in the order in which Redis gave them, so
   * that no line is told twice by reads that overlap.
   *
   * @throws {Error} when Redis does not answer; then nothing is counted as told.
   */
  read(jobs: readonly TailedJob[]): Promise<JobLogRead[]> {
    return this.#read(jobs, false);
  }

  /**
   * Reads for the last time what jobs that have ended have logged, and puts a mark where lines may be missing. `fence`
   * resolves when all changes up to its call have been told: true, or false when that is not certain. `isBlind` says
   * that the jobs could not be watched, be it that Redis was away or that they ended before anybody looked.
   *
   * @throws {Error} as above.
   */
  async readEnds(jobs: readonly JobKey[], fence: () => Promise<boolean>, isBlind: boolean): Promise<JobLogRead[]> {
    const tracked = jobs.map((job) => this.track(job));
    const isWatched = tracked.some(({ watch }) => watch.isReliable);
    const [reads, isHeard] = await Promise.all([this.#read(tracked, true), isWatched && fence()]);
    return reads.map((read) => {
      const { tailed, lines, isGone } = read;
      const isLacking = isGone && this.#mayLackLines(tailed, isHeard, isBlind);
      const isSilent = !isLacking && !tailed.position.hasShown && (!isGone || (isHeard && tailed.watch.isReliable));
      if (isSilent) this.habits.note(tailed.job.queue, { jobs: 1, withLines: 0 });
      this.release(tailed);
      return isLacking ? { ...read, lines: [...lines, { line: null, content: null, dropped: null }] } : read;
    });
  }

  /**
   * Whether lines of a job may have gone with it, untold. Where changes are told, they decide. Elsewhere a job that has
   * logged may have logged more, and so may one never seen to log in a queue whose jobs do, or of which nothing is known
   * when it could not be watched. One that is merely faster than any look, in a queue never seen to log, gets no mark:
   * else every job of most queues would.
   */
  #mayLackLines({ job, position, watch }: TailedJob, isHeard: boolean, isBlind: boolean): boolean {
    if (isHeard && watch.isReliable) return watch.mayBeWritten;
    if (position.hasShown || this.habits.isLogging(job.queue)) return true;
    return isBlind && this.habits.isUnknown(job.queue);
  }

  async #read(jobs: readonly TailedJob[], isEnd: boolean): Promise<JobLogRead[]> {
    const pipeline = this.#reader.client.pipeline();
    const sent = jobs.map((tailed): SentRead => {
      const { job, position, watch } = tailed;
      const jobKey = `${this.#prefix}:${keyOf(job)}`;
      const { start, count } = position.next;
      const asksJob = isEnd || position.keepLogs === undefined;
      const changes = this.isTracked ? watch.begin() : null;
      if (!tailed.isForgotten) this.#remember(tailed);
      if (changes) pipeline.exists(`${jobKey}:lock`);
      if (asksJob) pipeline.hget(jobKey, "opts");
      pipeline.lrange(`${jobKey}:logs`, start, start < 0 ? -1 : start + count - 1);
      pipeline.llen(`${jobKey}:logs`);
      return { tailed, start, count, asksJob, changes };
    });
    const before = this.#taken;
    const taken = this.#reader.inTime(pipeline.exec(), ANSWER_TIMEOUT_MS).then(async (replies) => {
      await before;
      return this.#take(sent, isEnd, replies ?? []);
    });
    this.#taken = taken.catch(() => {
      for (const { tailed, changes } of sent) if (changes) tailed.watch.abandon(changes);
    });
    return taken;
  }

  #take(sent: readonly SentRead[], isEnd: boolean, replies: Reply[]): JobLogRead[] {
    // One that is no answer of Redis says that the connection is lost: all are read again, and all are taken then.
    const lost = replies.find(([error]) => error && error.name !== "ReplyError")?.[0];
    if (lost) throw lost;
    const denied = replies.find(([error]) => error && !error.message.startsWith("WRONGTYPE"))?.[0];
    this.problem = denied?.message ?? null;
    let index = 0;
    const next = (): Reply => replies[index++] ?? [null, null];
    return sent.map(({ tailed, start, count, asksJob, changes }) => {
      const { job, position, watch } = tailed;
      const hasLock = changes !== null && next()[1] === 1;
      const [jobError, options] = asksJob ? next() : [null, undefined];
      const [[listError, lines], [lengthError, length]] = [next() as [Error | null, string[]], next()];
      const isRead = !listError && !lengthError;
      if (typeof options === "string") position.keepLogs ??= keepLogsOf(options);
      if (changes && isRead && (Number(length) > 0 || hasLock)) watch.settle(changes, hasLock);
      else if (changes) watch.abandon(changes);
      // What cannot be read, say because the key is no list, is nothing new, and not empty either.
      if (!isRead) return { tailed, lines: [], isComplete: true, isGone: false };
      const taken = position.take({ start, count, length: Number(length), lines });
      if (taken.lines.length > 0) this.habits.note(job.queue, { jobs: 1, withLines: 1 });
      return { tailed, ...taken, isGone: isEnd && !jobError && options === null && length === 0 };
    });
  }

  #remember(tailed: TailedJob): void {
    const key = keyOf(tailed.job);
    this.#jobs.delete(key);
    this.#jobs.set(key, tailed);
    if (this.#jobs.size <= MAX_JOBS) return;
    for (const [oldestKey, oldest] of this.#jobs) {
      this.#jobs.delete(oldestKey);
      if (!oldest.isHeld) return;
      this.#jobs.set(oldestKey, oldest);
    }
  }
}

/** How many lines a job keeps; null when it keeps all. */
function keepLogsOf(options: string): number | null {
  try {
    const { kl } = JSON.parse(options) as { kl?: unknown };
    return typeof kl === "number" && kl > 0 ? kl : null;
  } catch {
    return null;
  }
}
