import type { JobKey } from "./job-key.ts";
import { keyOf } from "./job-key.ts";

/** How long after its end a job is read once more, and again after a failure. */
const DELAY_MS = 1000;
/** How often it is looked who is due; those due together are read in one round trip. */
const ROUND_MS = 250;
/** Jobs that wait; beyond that the oldest is given up. */
const MAX_JOBS = 20_000;

interface LateJob {
  job: JobKey;
  dueAtMs: number;
  /** Whether its end could not be read so far. */
  isEnd: boolean;
}

/** Ended jobs whose logs are to be read once more. No timer runs while there are none. */
export class JobLogLateReads {
  readonly #read: (jobs: readonly JobKey[], isEnd: boolean) => Promise<void>;
  /** Soonest first. */
  readonly #waiting = new Map<string, LateJob>();
  /** Those whose ends are being read. */
  readonly #reading = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** `read` rejects when Redis is away; it is tried again then. */
  constructor(read: (jobs: readonly JobKey[], isEnd: boolean) => Promise<void>) {
    this.#read = read;
  }

  add(job: JobKey, isEnd: boolean): void {
    if (this.#isClosed) return;
    this.drop(job);
    this.#waiting.set(keyOf(job), { job, dueAtMs: performance.now() + DELAY_MS, isEnd });
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_JOBS && oldest !== undefined) this.#waiting.delete(oldest);
    this.#schedule();
  }

  /** Whether the lines of a job that could not be read before its end are still to be read. */
  owes(job: JobKey): boolean {
    return this.#reading.has(keyOf(job)) || this.#waiting.get(keyOf(job))?.isEnd === true;
  }

  drop(job: JobKey): void {
    this.#waiting.delete(keyOf(job));
  }

  forget(queue: string): void {
    for (const key of this.#waiting.keys()) if (key.startsWith(`${queue}:`)) this.#waiting.delete(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#timer || this.#isClosed || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => void this.#run(), ROUND_MS).unref();
  }

  async #run(): Promise<void> {
    const due: LateJob[] = [];
    for (const [key, late] of this.#waiting) {
      if (late.dueAtMs > performance.now()) break;
      due.push(late);
      this.#waiting.delete(key);
    }
    // Apart, so that what one has told is not told again because the other has failed.
    await Promise.all([true, false].map((isEnd) => this.#readDue(due, isEnd)));
    this.#timer = undefined;
    this.#schedule();
  }

  async #readDue(due: readonly LateJob[], isEnd: boolean): Promise<void> {
    const jobs = due.flatMap((late) => (late.isEnd === isEnd ? late.job : []));
    if (jobs.length === 0) return;
    if (isEnd) for (const job of jobs) this.#reading.add(keyOf(job));
    try {
      await this.#read(jobs, isEnd);
    } catch {
      for (const job of jobs) if (!this.#waiting.has(keyOf(job))) this.add(job, isEnd);
    } finally {
      if (isEnd) for (const job of jobs) this.#reading.delete(keyOf(job));
    }
  }
}
