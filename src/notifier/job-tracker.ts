import type { Fact, Position } from "../sources/fact.ts";
import { positionAfter } from "../sources/fact.ts";
import type { JobKey } from "../sources/job-key.ts";
import { jobKeyOf, keyOf } from "../sources/job-key.ts";
import type { JobHash } from "../sources/stream-queries.ts";
import type { JobFact } from "./attempts.ts";
import { countEndings, endsAttempt, isJobFact, mayEndAttempt, startsOver } from "./attempts.ts";
import { attemptsOf, isGone, reasonOf } from "./job-hash.ts";
import type { JobView } from "./translate.ts";

/** Jobs remembered; the least recently heard of is forgotten first. About 200 bytes each. */
const MAX_TRACKED_JOBS = 20_000;

/** What a job is doing, as far as has been told. */
export type JobPhase = "idle" | "active" | "ended" | "unknown";

/** What is remembered of one job from event to event. */
interface TrackedJob extends JobKey {
  name: string | null;
  /** Whether name and attempts need not be asked for. */
  isKnown: boolean;
  /** Most attempts it may have; null until asked for. */
  attempts: number | null;
  /** Attempts that have ended; null while unknowable. */
  attemptsMade: number | null;
  phase: JobPhase;
  /** Time of its newest fact: a later message never carries an earlier one. */
  atMs: number;
  /** The newest of its facts in either stream; `0-0` where there was none. */
  position: Position;
  /** Whether its end, or its removal, was read; a snapshot alone does not count. */
  hasEnded: boolean;
  /** Whether lines of it came by the log stream, so that its own log need not be followed. */
  hasLogStream: boolean;
}

/** What is known of a job after one of its facts. */
export interface Advanced extends JobView {
  name: string | null;
  /** Time of its newest fact, epoch ms. */
  atMs: number;
}

/**
 * Follows jobs from fact to fact and says what the facts alone do not: the job's name, its attempt, and whether going
 * back to waiting ended an attempt. Attempts are counted from events; the hash, which may be ahead, only seeds them.
 */
export class JobTracker {
  readonly #jobs = new Map<string, TrackedJob>();
  readonly #active = new Set<string>();
  #activity = 0;
  /** Attempts of each job that end later in the batch at hand: the hash, read after it, counts them already. */
  #endingsAhead = new Map<string, number>();

  /** The jobs whose hashes are needed before these facts can be told. */
  unknownIn(facts: readonly Fact[]): JobKey[] {
    const needed = new Map<string, JobKey>();
    const added = new Set<string>();
    for (const fact of facts) {
      if (!isJobFact(fact)) continue;
      const key = keyOf(fact);
      if (fact.kind === "added") added.add(key);
      const isKnown = added.has(key) || this.#jobs.get(key)?.isKnown === true;
      if (!isKnown || mayEndAttempt(fact) || startsOver(fact))
        needed.set(key, { queue: fact.queue, jobId: fact.jobId });
    }
    return [...needed.values()];
  }

  /**
   * Starts a batch: what was read of hashes seeds the jobs not known so far. `laterEndings` are the attempts known to
   * have ended after the batch.
   */
  seed(
    facts: readonly Fact[],
    hashes: ReadonlyMap<string, JobHash>,
    laterEndings: ReadonlyMap<string, number> = new Map(),
  ): void {
    this.#endingsAhead = countEndings(facts);
    for (const [key, count] of laterEndings) this.#endingsAhead.set(key, (this.#endingsAhead.get(key) ?? 0) + count);
    for (const [key, hash] of hashes) {
      const job = this.#jobs.get(key);
      if (job?.isKnown) continue;
      this.#remember(key, {
        ...(job ?? newJob(jobKeyOf(key))),
        name: hash.name ?? job?.name ?? null,
        isKnown: true,
        attempts: null,
        attemptsMade: this.#attemptsBefore(key, hash),
      });
    }
  }

  /** Advances the job by one fact and answers what a message about that fact needs to know. */
  advance(fact: JobFact, next: Fact | undefined, hash: JobHash | undefined): Advanced {
    const job = this.#jobFor(fact);
    const hasEnded = isOver(job);
    const key = keyOf(fact);
    if (endsAttempt(fact, next)) this.#endingsAhead.set(key, (this.#endingsAhead.get(key) ?? 0) - 1);
    const made = hash ? this.#attemptsBefore(key, hash) : null;
    // Only ever down: the hash may be ahead, but a smaller count proves that it was set back.
    if (startsOver(fact) && made !== null) job.attemptsMade = Math.min(job.attemptsMade ?? made, made);
    const attemptEnded = hasAttemptEnded(fact, next, job, made);
    if (attemptEnded && job.attemptsMade !== null) job.attemptsMade += 1;
    if (hash?.opts) job.attempts = attemptsOf(hash.opts);
    if (fact.kind === "log" && !job.hasLogStream) this.#activity += 1;
    step(fact, job);
    this.#noteActive(key, job);
    const isUnderWay = job.phase === "active" && !attemptEnded;
    return {
      name: job.name,
      atMs: job.atMs,
      attempt: job.attemptsMade === null ? null : job.attemptsMade + (isUnderWay ? 1 : 0),
      attempts: job.attempts,
      attemptFailed: attemptEnded && mayEndAttempt(fact),
      reason: hash && job.attemptsMade !== null ? reasonOf(job.attemptsMade, hash) : null,
      hasEnded,
    };
  }

  /** How many attempts had ended before those that end in what is left of the batch; null when the job is gone. */
  #attemptsBefore(key: string, hash: JobHash): number | null {
    return isGone(hash) ? null : Math.max(0, Number(hash.atm) - (this.#endingsAhead.get(key) ?? 0));
  }

  /** Forgets the jobs of a queue. */
  forget(queue: string): void {
    for (const key of [...this.#jobs.keys()]) {
      if (!key.startsWith(`${queue}:`)) continue;
      this.#jobs.delete(key);
      this.#active.delete(key);
    }
  }

  /** History of a queue is missing: attempts are to be asked for again. What was told of its jobs stays. */
  doubt(queue: string): void {
    for (const job of this.#jobs.values()) {
      if (job.queue === queue) Object.assign(job, { isKnown: false, attempts: null, attemptsMade: null });
    }
  }

  /** Takes over what a snapshot says of a job at a time, epoch ms. */
  learn(key: JobKey, told: { phase: JobPhase; name: string | null; attemptsMade: number | null; atMs: number }): void {
    const job = this.#jobs.get(keyOf(key)) ?? newJob(key);
    if (!job.isKnown) Object.assign(job, { isKnown: told.name !== null, attemptsMade: told.attemptsMade });
    Object.assign(job, { phase: told.phase, name: told.name ?? job.name, atMs: Math.max(job.atMs, told.atMs) });
    this.#remember(keyOf(key), job);
    this.#noteActive(keyOf(key), job);
  }

  /** Something of a job was told with a time, epoch ms: nothing later is told with an earlier one. */
  raise(key: string, atMs: number): void {
    const job = this.#jobs.get(key);
    if (job) job.atMs = Math.max(job.atMs, atMs);
  }

  /** What is remembered of a job; undefined when nothing is. */
  get(key: string): Readonly<TrackedJob> | undefined {
    return this.#jobs.get(key);
  }

  /** The jobs at work. */
  get active(): Iterable<string> {
    return this.#active;
  }

  /** Grows whenever other jobs are at work, or lines of one first come by the log stream. */
  get activity(): number {
    return this.#activity;
  }

  /** The jobs of which the end has not been told, the least recently heard of first. */
  *unended(): Iterable<Readonly<TrackedJob>> {
    for (const job of this.#jobs.values()) if (job.phase !== "ended") yield job;
  }

  #noteActive(key: string, { phase }: TrackedJob): void {
    const isActive = phase === "active";
    if (this.#active.has(key) === isActive) return;
    this.#activity += 1;
    if (isActive) this.#active.add(key);
    else this.#active.delete(key);
  }

  #jobFor(fact: JobFact): TrackedJob {
    const key = keyOf(fact);
    const known = this.#jobs.get(key);
    if (fact.kind === "added") {
      // A new life of an id that may have been used before.
      const { atMs, position } = known ?? newJob(fact);
      return this.#remember(key, {
        ...newJob(fact),
        name: fact.name,
        isKnown: true,
        attemptsMade: 0,
        phase: "idle",
        atMs,
        position,
      });
    }
    return this.#remember(key, known ?? newJob(fact));
  }

  #remember(key: string, job: TrackedJob): TrackedJob {
    this.#jobs.delete(key);
    this.#jobs.set(key, job);
    if (this.#jobs.size > MAX_TRACKED_JOBS) {
      const [oldest = ""] = this.#jobs.keys();
      this.#jobs.delete(oldest);
      if (this.#active.delete(oldest)) this.#activity += 1;
    }
    return job;
  }
}

function newJob({ queue, jobId }: JobKey): TrackedJob {
  return {
    queue,
    jobId,
    name: null,
    isKnown: false,
    attempts: null,
    attemptsMade: null,
    phase: "unknown",
    atMs: 0,
    position: { events: "0-0", logs: "0-0" },
    hasEnded: false,
    hasLogStream: false,
  };
}

/** Whether the end of a job was told; a snapshot of it that somebody was shown does not count. */
export function isOver({ phase, hasEnded }: Readonly<TrackedJob>): boolean {
  return hasEnded && phase === "ended";
}

/** `made` is how many attempts had ended by this fact, by the hash; null when that is not known. */
function hasAttemptEnded(fact: JobFact, next: Fact | undefined, job: TrackedJob, made: number | null): boolean {
  if (!endsAttempt(fact, next)) return false;
  if (!mayEndAttempt(fact)) return true;
  if (fact.kind === "delayed" && job.phase === "idle") return false;
  // Without the hash the likely reason is assumed: a failed attempt that will be tried again.
  if (made === null || job.attemptsMade === null) return job.phase === "active";
  return made > job.attemptsMade;
}

function step(fact: JobFact, job: TrackedJob): void {
  job.atMs = Math.max(job.atMs, fact.atMs);
  job.position = positionAfter(job.position, fact);
  switch (fact.kind) {
    case "active":
    case "progress":
      job.phase = "active";
      break;
    case "completed":
    case "failed":
    case "removed":
      job.phase = "ended";
      job.hasEnded = true;
      break;
    case "waiting":
    case "delayed":
    case "waiting-children":
      job.phase = "idle";
      break;
    case "log":
      job.hasLogStream = true;
      // Whoever logs is most likely at work.
      if (job.phase === "unknown") job.phase = "active";
      break;
    default:
      break;
  }
}
