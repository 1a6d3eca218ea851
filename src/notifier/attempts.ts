import type { Fact, JobEvent, LogEvent } from "../sources/fact.ts";
import { keyOf } from "../sources/job-key.ts";

// Which facts begin and end attempts of jobs.

/** A fact about one job. */
export type JobFact = JobEvent | LogEvent;

export function isJobFact(fact: Fact): fact is JobFact {
  return "jobId" in fact;
}

/** Whether a fact ends a run of its job. */
export function isEnd(fact: Fact): fact is Extract<JobEvent, { kind: "completed" | "failed" }> {
  return fact.kind === "completed" || fact.kind === "failed";
}

/** Going back to waiting, or to a delay, ends an attempt unless it was a stall, a rate limit or the processor's wish. */
export function mayEndAttempt(fact: Fact): boolean {
  return (fact.kind === "waiting" && fact.previous === "active") || fact.kind === "delayed";
}

/** Whether a fact ends an attempt, or may: for those that may, the hash decides. */
export function endsAttempt(fact: Fact, next: Fact | undefined): boolean {
  return fact.kind === "completed" || fact.kind === "failed" || (mayEndAttempt(fact) && !isStall(fact, next));
}

/** An ended job that is tried again may have had its attempts set back to none. */
export function startsOver(fact: Fact): boolean {
  return fact.kind === "waiting" && (fact.previous === "failed" || fact.previous === "completed");
}

/** One script writes `waiting` and then `stalled`, so they stand next to each other in the stream. */
function isStall(fact: Fact, next: Fact | undefined): boolean {
  return isJobFact(fact) && next?.kind === "stalled" && next.jobId === fact.jobId;
}

/** How many attempts of each job end, or may end, within a batch. */
export function countEndings(facts: readonly Fact[]): Map<string, number> {
  const endings = new Map<string, number>();
  for (const [index, fact] of facts.entries()) {
    if (!isJobFact(fact)) continue;
    const key = keyOf(fact);
    if (endsAttempt(fact, facts[index + 1])) endings.set(key, (endings.get(key) ?? 0) + 1);
  }
  return endings;
}
