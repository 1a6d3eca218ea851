import type { QueueSummary } from "../protocol/queue-summary.ts";
import type { SnapshotContent } from "../protocol/snapshot.ts";
import type { JobDetail } from "../sources/job-detail.ts";
import type { JobQuery, ListedJob } from "../sources/job-list.ts";
import type { Slot } from "../sources/page-plan.ts";

/** What the routes ask about queues and jobs. All that is a promise rejects when Redis does not answer, but `count`. */
export interface JobSource {
  /** Counts the jobs of all queues, unless that was done just now. */
  count(): Promise<void>;
  /** The attached queues, with what was counted last. */
  summaries(): QueueSummary[];
  list(query: JobQuery): Promise<{ jobs: ListedJob[]; last: Slot | null }>;
  /** How a job stands: null when there is none, undefined when its queue is not attached. */
  read(queue: string, jobId: string): Promise<SnapshotContent | null | undefined>;
  /** What a job was given and what it threw. */
  detail(queue: string, jobId: string): Promise<JobDetail>;
}
