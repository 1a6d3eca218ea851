import { toIso } from "../notifier/translate.ts";
import type { JobDetails, JobSummary } from "../protocol/job-summary.ts";
import type { SnapshotContent } from "../protocol/snapshot.ts";
import type { JobDetail } from "../sources/job-detail.ts";
import type { ListedJob } from "../sources/job-list.ts";

const MAX_REASON_LENGTH = 1000;

/** What `GET /ws/jobs` says of a job. */
export function reportListedJob({ queue, jobId, state, fields }: ListedJob): JobSummary {
  const { attemptsMade, failedReason } = fields;
  return {
    queue,
    id: jobId,
    name: fields.name,
    state,
    progress: fields.progress,
    attempt: attemptsMade !== null && state === "active" ? attemptsMade + 1 : attemptsMade,
    attempts: fields.attempts,
    added_at: isoOf(fields.addedAtMs),
    started_at: isoOf(fields.startedAtMs),
    finished_at: isoOf(fields.finishedAtMs),
    // BullMQ keeps the reason of an attempt that failed when a later one succeeds.
    failed_reason: state === "completed" ? null : (failedReason?.slice(0, MAX_REASON_LENGTH) ?? null),
    parent: fields.parent,
  };
}

/** What `GET /ws/jobs/{queue}/{id}` says of a job. */
export function reportJob(snapshot: SnapshotContent, detail: JobDetail): JobDetails {
  return {
    ...snapshot,
    data: detail.data,
    data_bytes: detail.dataBytes,
    stacktrace: detail.stacktrace,
    options: detail.options,
    delay_until: isoOf(detail.delayUntilMs),
    processed_by: detail.processedBy,
  };
}

function isoOf(atMs: number | null): string | null {
  return atMs === null ? null : toIso(atMs);
}
