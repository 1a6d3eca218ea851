import type { JobReader } from "../../../src/sources/job-reader.ts";
import type { JobSnapshot } from "../../../src/sources/snapshot-reader.ts";
import { GONE } from "./facts.ts";

/** How a job that is not there stands, or, with fields, one that is; nothing has ever been written to its streams. */
export function snapshotOf(fields: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    queue: "emails",
    jobId: "1",
    position: { events: "0-0", logs: "0-0" },
    state: "unknown",
    exists: false,
    name: null,
    progress: null,
    attemptsMade: null,
    attempts: null,
    result: null,
    failedReason: null,
    logs: [],
    firstLine: null,
    logCount: 0,
    keepLogs: null,
    addedAtMs: null,
    startedAtMs: null,
    finishedAtMs: null,
    parent: null,
    children: null,
    ...fields,
  };
}

/** What can be asked of a Redis that holds nothing, but for what a test says. */
export function fakeReader(overrides: Partial<JobReader> = {}): JobReader {
  return {
    isSettled: true,
    settled: Promise.resolve(),
    now: () => Date.now(),
    isShort: () => false,
    isUnreadable: () => false,
    recheck: () => undefined,
    lookForLogs: async () => undefined,
    hashes: async (keys) => keys.map(() => GONE),
    snapshots: async (keys) => keys.map((key) => snapshotOf(key)),
    probe: async (keys) => keys.map(() => ({ exists: false, finished: false })),
    jobsSince: async () => ({ ids: [], truncated: false }),
    past: async (queue, upTo) => ({ queue, start: upTo, ids: new Set(), facts: [] }),
    tail: () => undefined,
    logEnds: async () => new Map(),
    toldLines: () => null,
    owesLines: () => false,
    restartLog: () => undefined,
    ...overrides,
  };
}
