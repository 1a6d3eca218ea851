import type { JobState } from "../../../protocol/snapshot.ts";

/** One job of `GET /ws/jobs`. Null is what is not known, or not so. Times are ISO 8601. */
export interface JobSummary {
  queue: string;
  id: string;
  name: string | null;
  state: JobState;
  progress: unknown;
  attempt: number | null;
  attempts: number | null;
  added_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  failed_reason: string | null;
  parent: { queue: string; id: string } | null;
}
