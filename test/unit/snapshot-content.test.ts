import { expect, test } from "vitest";
import { snapshotContent } from "../../src/notifier/snapshot-content.ts";
import type { JobSnapshot } from "../../src/sources/snapshot-reader.ts";

const SNAPSHOT: JobSnapshot = {
  queue: "emails",
  jobId: "7",
  position: { events: "5-0", logs: "0-0" },
  state: "active",
  exists: true,
  name: "letter",
  progress: 50,
  attemptsMade: 1,
  attempts: 3,
  result: null,
  failedReason: "busy",
  logs: ["third", "fourth"],
  firstLine: 2,
  logCount: 4,
  keepLogs: null,
  addedAtMs: 0,
  startedAtMs: 1500,
  finishedAtMs: null,
  parent: { queue: "books", id: "9" },
  children: { total: 3, done: 1 },
};

test("a snapshot is told in the protocol's words", () => {
  expect(snapshotContent(SNAPSHOT)).toEqual({
    state: "active",
    name: "letter",
    progress: 50,
    attempt: 2,
    attempts: 3,
    result: null,
    failed_reason: "busy",
    logs: [
      { line: 2, level: null, content: "third", timestamp: null },
      { line: 3, level: null, content: "fourth", timestamp: null },
    ],
    logs_truncated: true,
    added_at: "1970-01-01T00:00:00.000Z",
    started_at: "1970-01-01T00:00:01.500Z",
    finished_at: null,
    parent: { queue: "books", id: "9" },
    children: { total: 3, done: 1 },
  });
});

test("the attempt is the one under way only while the job is active", () => {
  const attemptIn = (change: Partial<JobSnapshot>) => snapshotContent({ ...SNAPSHOT, ...change }).attempt;
  expect(attemptIn({ state: "active", attemptsMade: 0 })).toBe(1);
  expect(attemptIn({ state: "waiting", attemptsMade: 0 })).toBe(0);
  expect(attemptIn({ state: "delayed" })).toBe(1);
  expect(attemptIn({ state: "failed", attemptsMade: 3 })).toBe(3);
  expect(attemptIn({ state: "active", attemptsMade: null })).toBeNull();
});

test("the reason of an earlier attempt is not told of a job that succeeded", () => {
  expect(snapshotContent({ ...SNAPSHOT, state: "completed" }).failed_reason).toBeNull();
  expect(snapshotContent({ ...SNAPSHOT, state: "failed" }).failed_reason).toBe("busy");
});

test("lines whose number is not known have none, and older ones may be missing", () => {
  const { logs, logs_truncated } = snapshotContent({ ...SNAPSHOT, firstLine: null, logCount: 2, keepLogs: 2 });
  expect(logs.map(({ line, content }) => [line, content])).toEqual([
    [null, "third"],
    [null, "fourth"],
  ]);
  expect(logs_truncated).toBe(true);
});

test("a log told as a whole is not truncated", () => {
  expect(snapshotContent({ ...SNAPSHOT, firstLine: 0, logCount: 2 }).logs_truncated).toBe(false);
  expect(snapshotContent({ ...SNAPSHOT, logs: [], firstLine: 0, logCount: 0 }).logs_truncated).toBe(false);
});
