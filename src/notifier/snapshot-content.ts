import type { SnapshotContent } from "../protocol/snapshot.ts";
import type { JobSnapshot } from "../sources/snapshot-reader.ts";
import { toIso } from "./translate.ts";

/** What a `snapshot` message and `GET /ws/jobs/{queue}/{id}` say of a job. */
export function snapshotContent(snapshot: JobSnapshot): SnapshotContent {
  const { state, logs, firstLine, logCount, attemptsMade } = snapshot;
  return {
    state,
    name: snapshot.name,
    progress: snapshot.progress,
    attempt: attemptsMade !== null && state === "active" ? attemptsMade + 1 : attemptsMade,
    attempts: snapshot.attempts,
    result: snapshot.result,
    // BullMQ keeps the reason of an attempt that failed when a later one succeeds.
    failed_reason: state === "completed" ? null : snapshot.failedReason,
    logs: logs.map((content, index) => ({
      line: firstLine === null ? null : firstLine + index,
      level: null,
      content,
      timestamp: null,
    })),
    // Where the first line's number is not known, older ones may have been removed.
    logs_truncated: logs.length < logCount || firstLine === null,
    added_at: isoOf(snapshot.addedAtMs),
    started_at: isoOf(snapshot.startedAtMs),
    finished_at: isoOf(snapshot.finishedAtMs),
    parent: snapshot.parent,
    children: snapshot.children,
  };
}

/** What is said of a job of which nothing is known. */
export const UNKNOWN: SnapshotContent = {
  state: "unknown",
  name: null,
  progress: null,
  attempt: null,
  attempts: null,
  result: null,
  failed_reason: null,
  logs: [],
  logs_truncated: true,
  added_at: null,
  started_at: null,
  finished_at: null,
  parent: null,
  children: null,
};

function isoOf(atMs: number | null): string | null {
  return atMs === null ? null : toIso(atMs);
}
