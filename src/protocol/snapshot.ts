/** Where BullMQ has a job; `unknown` is one that it has nowhere. */
export const JOB_STATES = [
  "waiting",
  "waiting-children",
  "delayed",
  "prioritized",
  "active",
  "completed",
  "failed",
  "unknown",
] as const;

export type JobState = (typeof JOB_STATES)[number];

/** One line of a job's log within a snapshot. */
export interface SnapshotLine {
  /** Number of the line in the job's log, from 0; null where `keepLogs` has made it inexact. */
  line: number | null;
  /** Null for lines of BullMQ's own `job.log()`. */
  level: string | null;
  content: string;
  /** When it was logged, ISO 8601; null for lines of BullMQ's own `job.log()`. */
  timestamp: string | null;
}

/** Content of a `snapshot` message: how a job stands. Null is what is not known, or not so. Times are ISO 8601. */
export interface SnapshotContent {
  state: JobState;
  name: string | null;
  progress: unknown;
  /** The attempt under way, else the last one made; 0 before the first. */
  attempt: number | null;
  /** How many attempts the job has. */
  attempts: number | null;
  result: unknown;
  /** Why the last attempt that ended failed. */
  failed_reason: string | null;
  /** The newest lines, oldest first. */
  logs: SnapshotLine[];
  /** Whether the job has logged more than `logs` holds, or may have: with `keepLogs` Redis removes older lines. */
  logs_truncated: boolean;
  added_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  parent: { queue: string; id: string } | null;
  /** How many children a job of a flow has, and how many of them it waits for no more. */
  children: { total: number; done: number } | null;
}
