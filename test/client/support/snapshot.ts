import type { SnapshotContent } from "../../../src/client/index.ts";

/** The content of a `snapshot`; what a test does not say is null or empty. */
export function snapshotOf(fields: Partial<SnapshotContent>): SnapshotContent {
  return {
    state: "active",
    name: "encode",
    progress: null,
    attempt: 1,
    attempts: 3,
    result: null,
    failed_reason: null,
    logs: [],
    logs_truncated: false,
    added_at: "2026-01-01T00:00:00.000Z",
    started_at: null,
    finished_at: null,
    parent: null,
    children: null,
    ...fields,
  };
}
