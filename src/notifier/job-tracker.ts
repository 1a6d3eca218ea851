import type { Fact, JobEvent, LogEvent } from "../sources/fact.ts";
import type { JobHash, JobKey } from "../sources/stream-queries.ts";
import type { JobView } from "./translate.ts";

/** Jobs remembered; the least recently heard of is forgotten first. About 200 bytes each. */
const MAX_TRACKED_JOBS = 20_000;

/** What is remembered of one job from event to event. */
interface TrackedJob {
  name: string | null;
  /** Whether name and attempts need not be asked for. */
  isKnown: boolean;
  /** Most attempts it may have; null until asked for. */
  attempts: number | null;
  /** Attempts that have ended; null while unknowable. */
  attemptsMade: number | null;
  phase: "idle" | "active" | "ended" | "unknown";
  /** Time of its newest fact: a later message never carries an earlier one. */
  atMs: number;
}

type JobFact = JobEvent | LogEvent;

/**
 * Follows jobs from fact to fact and says what the facts alone do not: the job's name, its attempt, and whether going
 * back to waiting ended an attempt. Attempts are counted from events; the hash, which may be ahead, only seeds them.
 */
export class JobTracker {
  readonly #jobs = new Map<string, TrackedJob>();
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

  /** Starts a batch: what was read of hashes seeds the jobs not known so far. */
  seed(facts: readonly Fact[], hashes: ReadonlyMap<string, JobHash>): void {
    this.#endingsAhead = countEndings(facts);
    for (const [key, hash] of hashes) {
      const job = this.#jobs.get(key);
      if (job?.isKnown) continue;
      this.#remember(key, {
        name: hash.name,
        isKnown: true,
        attempts: null,
        attemptsMade: this.#attemptsBefore(key, hash),
        phase: job?.phase ?? "unknown",
        atMs: job?.atMs ?? 0,
      });
    }
  }

  /** Advances the job by one fact and answers what a message about that fact needs to know. */
  advance(
    fact: JobFact,
    next: Fact | undefined,
    hash: JobHash | undefined,
  ): JobView & { name: string | null; atMs: number } {
    const job = this.#jobFor(fact);
    const phaseBefore = job.phase;
    const key = keyOf(fact);
    if (endsAttempt(fact, next)) this.#endingsAhead.set(key, (this.#endingsAhead.get(key) ?? 0) - 1);
    const made = hash ? this.#attemptsBefore(key, hash) : null;
    // Only ever down: the hash may be ahead, but a smaller count proves that it was set back.
    if (startsOver(fact) && made !== null) job.attemptsMade = Math.min(job.attemptsMade ?? made, made);
    const attemptEnded = hasAttemptEnded(fact, next, job, made);
    if (attemptEnded && job.attemptsMade !== null) job.attemptsMade += 1;
    if (hash?.opts) job.attempts = attemptsOf(hash.opts);
    step(fact, job);
    const isUnderWay = job.phase === "active" && !attemptEnded;
    return {
      name: job.name,
      atMs: job.atMs,
      attempt: job.attemptsMade === null ? null : job.attemptsMade + (isUnderWay ? 1 : 0),
      attempts: job.attempts,
      attemptFailed: attemptEnded && mayEndAttempt(fact),
      reason: hash && job.attemptsMade !== null ? reasonOf(job.attemptsMade, hash) : null,
      hasEnded: phaseBefore === "ended",
    };
  }

  /** How many attempts had ended before those that end in what is left of the batch; null when the job is gone. */
  #attemptsBefore(key: string, hash: JobHash): number | null {
    return isGone(hash) ? null : Math.max(0, Number(hash.atm) - (this.#endingsAhead.get(key) ?? 0));
  }

  /** Forgets the jobs of a queue. */
  forget(queue: string): void {
    for (const key of this.#jobs.keys()) if (key.startsWith(`${queue}:`)) this.#jobs.delete(key);
  }

  /** The name of a job, if it is remembered. */
  nameOf({ queue, jobId }: JobKey): string | null {
    return this.#jobs.get(keyOf({ queue, jobId }))?.name ?? null;
  }

  #jobFor(fact: JobFact): TrackedJob {
    const key = keyOf(fact);
    const known = this.#jobs.get(key);
    if (fact.kind === "added") {
      // A new life of an id that may have been used before.
      const job: TrackedJob = {
        name: fact.name,
        isKnown: true,
        attempts: null,
        attemptsMade: 0,
        phase: "idle",
        atMs: known?.atMs ?? 0,
      };
      return this.#remember(key, job);
    }
    return this.#remember(
      key,
      known ?? { name: null, isKnown: false, attempts: null, attemptsMade: null, phase: "unknown", atMs: 0 },
    );
  }

  #remember(key: string, job: TrackedJob): TrackedJob {
    this.#jobs.delete(key);
    this.#jobs.set(key, job);
    if (this.#jobs.size > MAX_TRACKED_JOBS) {
      const [oldest] = this.#jobs.keys();
      if (oldest !== undefined) this.#jobs.delete(oldest);
    }
    return job;
  }
}

/** Key of a job in maps; queue names have no colon. */
export function keyOf({ queue, jobId }: JobKey): string {
  return `${queue}:${jobId}`;
}

export function isJobFact(fact: Fact): fact is JobFact {
  return "jobId" in fact;
}

/** Going back to waiting, or to a delay, ends an attempt unless it was a stall, a rate limit or the processor's wish. */
function mayEndAttempt(fact: Fact): boolean {
  return (fact.kind === "waiting" && fact.previous === "active") || fact.kind === "delayed";
}

/** Whether a fact ends an attempt, or may: for those that may, the hash decides. */
function endsAttempt(fact: Fact, next: Fact | undefined): boolean {
  return fact.kind === "completed" || fact.kind === "failed" || (mayEndAttempt(fact) && !isStall(fact, next));
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

/** An ended job that is tried again may have had its attempts set back to none. */
function startsOver(fact: Fact): boolean {
  return fact.kind === "waiting" && (fact.previous === "failed" || fact.previous === "completed");
}

/** Every job has a name; `atm` is written with its first attempt. */
function isGone(hash: JobHash): boolean {
  return hash.name === null;
}

/** One script writes `waiting` and then `stalled`, so they stand next to each other in the stream. */
function isStall(fact: Fact, next: Fact | undefined): boolean {
  return isJobFact(fact) && next?.kind === "stalled" && next.jobId === fact.jobId;
}

function step(fact: JobFact, job: TrackedJob): void {
  job.atMs = Math.max(job.atMs, fact.atMs);
  switch (fact.kind) {
    case "active":
    case "progress":
      job.phase = "active";
      break;
    case "completed":
    case "failed":
      job.phase = "ended";
      break;
    case "waiting":
    case "delayed":
    case "waiting-children":
      job.phase = "idle";
      break;
    case "log":
      // Whoever logs is most likely at work.
      if (job.phase === "unknown") job.phase = "active";
      break;
    default:
      break;
  }
}

/** How many attempts of each job end, or may end, within a batch. */
function countEndings(facts: readonly Fact[]): Map<string, number> {
  const endings = new Map<string, number>();
  for (const [index, fact] of facts.entries()) {
    if (!isJobFact(fact)) continue;
    const key = keyOf(fact);
    if (endsAttempt(fact, facts[index + 1])) endings.set(key, (endings.get(key) ?? 0) + 1);
  }
  return endings;
}

function attemptsOf(opts: string): number | null {
  try {
    const { attempts } = JSON.parse(opts) as { attempts?: unknown };
    // BullMQ writes 0 or nothing for a job that is tried once.
    return typeof attempts === "number" ? Math.max(1, attempts) : 1;
  } catch {
    return null;
  }
}

/** Why attempt n failed: the hash's own reason while it is of that attempt, else what the kept stack trace begins with. */
function reasonOf(attempt: number, hash: JobHash): string | null {
  if (hash.failedReason !== null && Number(hash.atm) === attempt) return hash.failedReason;
  try {
    // With a limit only the newest are kept, and nothing says of which attempts they are.
    if ("stackTraceLimit" in (JSON.parse(hash.opts ?? "{}") as object)) return null;
    const stack: unknown = (JSON.parse(hash.stacktrace ?? "[]") as unknown[])[attempt - 1];
    return typeof stack === "string" ? messageOf(stack) : null;
  } catch {
    return null;
  }
}

/** The message of a stack trace without the error's name and frames, as `failedReason` has it. */
function messageOf(stack: string): string {
  const lines = stack.split("\n");
  const frames = lines.findIndex((line) => /^\s+at /.test(line));
  return lines
    .slice(0, frames === -1 ? undefined : frames)
    .join("\n")
    .replace(/^(?:[A-Z]\w*)?Error(?: \[\w+\])?: /, "");
}
