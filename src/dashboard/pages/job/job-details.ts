import type { SnapshotContent } from "../../../protocol/snapshot.ts";

/** What `GET /ws/jobs/{queue}/{id}` says of a job: how it stands, and what is for administrators only. */
export interface JobDetails extends SnapshotContent {
  /** Any JSON; null where it is too large, see `data_bytes`. */
  data: unknown;
  data_bytes: number | null;
  /** One stack for each attempt that has failed, the first first; a bounded number. */
  stacktrace: string[];
  options: unknown;
  /** When a delayed job is due, ISO 8601. */
  delay_until: string | null;
  /** The worker, where it has a name. */
  processed_by: string | null;
}
