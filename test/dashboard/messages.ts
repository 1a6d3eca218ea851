import type { MessageOf, ServerMessage, SnapshotContent } from "../../src/client/index.ts";
import type { JobSummary } from "../../src/protocol/job-summary.ts";
import { snapshotOf } from "../client/support/snapshot.ts";

/** So many seconds after the beginning of all tests of models, ISO 8601. */
export function at(seconds: number): string {
  return new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
}

/** A message about a job of queue `a`. */
export function tell(
  type: string,
  id: string,
  { seconds = 0, content = null, ...meta }: { seconds?: number; content?: unknown } & Record<string, unknown> = {},
): ServerMessage {
  return { type, content, meta: { queue: "a", task_id: id, name: "encode", ...meta }, timestamp: at(seconds) };
}

export function gapOf(queue: string | null): MessageOf<"gap"> {
  return { type: "gap", content: { queue, missed: null, truncated: false }, meta: { queue }, timestamp: at(0) };
}

export function snapshotMessage(id: string, fields: Partial<SnapshotContent>): ServerMessage {
  return tell("snapshot", id, { content: snapshotOf(fields) });
}

/** A job of queue `a` as `GET /ws/jobs` tells of it. */
export function summaryOf(id: string, fields: Partial<JobSummary> = {}): JobSummary {
  return {
    queue: "a",
    id,
    name: "encode",
    state: "completed",
    progress: null,
    attempt: 1,
    attempts: 3,
    added_at: at(Number(id)),
    started_at: null,
    finished_at: null,
    failed_reason: null,
    parent: null,
    ...fields,
  };
}
