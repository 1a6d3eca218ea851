import type { Position } from "./fact.ts";
import type { JobKey } from "./job-key.ts";
import type { JobLogLines } from "./job-log-tail.ts";
import type { JobSnapshot } from "./snapshot-reader.ts";
import type { PastFacts } from "./stream-history.ts";
import type { JobHash } from "./stream-queries.ts";

/** What can be asked about jobs of attached queues. Every question MAY reject: Redis may be away. */
export interface JobReader {
  /** Whether the queues that there were at the start are found, so that one that is not attached will not be soon. */
  readonly isSettled: boolean;
  readonly settled: Promise<void>;
  /** Redis' clock, epoch ms. */
  now(): number;
  /** Whether BullMQ keeps so few events of a queue that some may be lost at any time. */
  isShort(queue: string): boolean;
  /** Whether Redis answers but does not let a queue's streams be read. */
  isUnreadable(queue: string): boolean;
  /** Has the streams of a queue looked at for holes soon, although nothing may come from them. */
  recheck(queue: string): void;
  /** The hashes of these jobs in one round trip, in their order. */
  hashes(keys: readonly JobKey[]): Promise<JobHash[]>;
  /** How these jobs and the streams of their queues stand, in their order. */
  snapshots(keys: readonly JobKey[]): Promise<JobSnapshot[]>;
  /** Whether these jobs are there and say that they are finished, in their order. */
  probe(keys: readonly JobKey[]): Promise<{ exists: boolean; finished: boolean }[]>;
  /** Jobs of a queue that are at work or have finished since some time, epoch ms; newest first, at most 100 of each. */
  jobsSince(queue: string, sinceMs: number): Promise<{ ids: string[]; truncated: boolean }>;
  /** What the streams of a queue hold up to a position. */
  past(queue: string, upTo: Position): Promise<PastFacts>;
  /** Follows the logs of these jobs, and of no others. */
  tail(jobs: readonly JobKey[]): void;
  /** What is left to tell of the logs of jobs that have ended, by `<queue>:<id>`; `isPast` if watched by nobody. */
  logEnds(jobs: readonly JobKey[], options: { isPast: boolean }): Promise<Map<string, JobLogLines>>;
  /** Looks whether jobs of a queue use their logs at all: where they do, those of one that is gone may be missed. */
  lookForLogs(queue: string): Promise<void>;
  /** How many lines of a job's log have been told; null when that is inexact. */
  toldLines(job: JobKey): number | null;
  /** Whether lines of a job that could not be told before its end are on their way. */
  owesLines(job: JobKey): boolean;
  /** The id of a job is used anew: nothing of its log has been told. */
  restartLog(job: JobKey): void;
}
