import type { ListedState } from "./queue-summary.ts";
import type { SnapshotContent } from "./snapshot.ts";

/** A job in a list. Null is what is not known, or not so. Times are ISO 8601. */
export interface JobSummary {
  queue: string;
  id: string;
  name: string | null;
  state: ListedState;
  /** What the job last reported; null before that, and where it takes more than 1 KiB of JSON. */
  progress: unknown;
  /** The attempt under way, else the last one made; 0 before the first. */
  attempt: number | null;
  /** How many attempts the job has. */
  attempts: number | null;
  added_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  /** Why the last attempt that ended failed; its first 1,000 characters. */
  failed_reason: string | null;
  parent: { queue: string; id: string } | null;
}

/** One page of a list of jobs, and what to hand back for the next one; null at the end. */
export interface JobPage {
  jobs: JobSummary[];
  next: string | null;
}

/** A job in all its details. It is for administrators: no viewer is sent what a job was given. */
export interface JobDetails extends SnapshotContent {
  /** What the job was given; null where it is no JSON, or takes more than 256 KiB. */
  data: unknown;
  /** How many bytes of JSON that is; null for a job that is gone. */
  data_bytes: number | null;
  /** What its attempts that failed threw, the oldest first: the newest 50, each with its first 8,000 characters; none where BullMQ keeps over 4 MiB. */
  stacktrace: string[];
  /** The options of the job as BullMQ keeps them; null where they cannot be read, or take more than 256 KiB. */
  options: unknown;
  /** When a delayed job is due. */
  delay_until: string | null;
  /** The name of the worker that took it last, where it has one. */
  processed_by: string | null;
}
