import { expect, test } from "vitest";
import type { JobView, ServerMessage } from "../../src/client/index.ts";
import { applyMessage, unknownJob } from "../../src/client/index.ts";
import { snapshotOf } from "./support/snapshot.ts";

const JOB = { queue: "videos", task_id: "7", name: "encode" };

function message(type: string, content: unknown = null, meta: object = {}, second = 0): ServerMessage {
  return { type, content, meta: { ...JOB, ...meta }, timestamp: at(second) };
}

function at(second: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
}

function view(...messages: ServerMessage[]): JobView {
  return messages.reduce((job, each) => applyMessage(job, each), unknownJob("videos", "7"));
}

const logged = (line: number) => message("logs", `line ${line}`, { line, level: null });

test("the story of a job that is retried and succeeds", () => {
  const story = [
    message("task_added", null, { attempt: 0 }, 1),
    message("task_waiting", null, { attempt: 0 }, 1),
    message("task_active", null, { attempt: 1 }, 2),
    message("task_progress", 40, { attempt: 1 }, 3),
    message("task_retrying", "no codec", { attempt: 1, attempts: 3, retry_at: at(9) }, 4),
    message("task_waiting", null, { attempt: 1 }, 9),
    message("task_active", null, { attempt: 2 }, 10),
    message("task_success", { url: "/v" }, { attempt: 2 }, 11),
  ];
  const states = story.map((_, index) => view(...story.slice(0, index + 1)).state);
  expect(states).toEqual(["waiting", "waiting", "active", "active", "delayed", "waiting", "active", "completed"]);
  expect(view(...story)).toEqual({
    queue: "videos",
    id: "7",
    state: "completed",
    name: "encode",
    progress: 40,
    attempt: 2,
    attempts: 3,
    result: { url: "/v" },
    failedReason: null,
    logs: [],
    logsDropped: 0,
    addedAt: at(1),
    startedAt: at(10),
    finishedAt: at(11),
    isStale: false,
  });
  expect(view(...story.slice(0, 5)).failedReason).toBe("no codec");
});

test("each message moves the job to its state", () => {
  const stateAfter = (type: string, content: unknown = null, meta: object = {}) =>
    view(message(type, content, meta)).state;
  expect(stateAfter("task_delayed", at(5))).toBe("delayed");
  expect(stateAfter("task_waiting_children")).toBe("waiting-children");
  expect(stateAfter("task_failed", "broken")).toBe("failed");
  expect(stateAfter("task_progress", 1)).toBe("active");
  expect(stateAfter("task_retrying", null, { retry_at: at(0) })).toBe("waiting");
  expect(stateAfter("task_stalled")).toBe("unknown");
  expect(stateAfter("task_removed")).toBe("unknown");
  expect(view(message("task_waiting"), message("task_stalled")).state).toBe("waiting");
});

test("a job that was retried by hand is open again, one that was added again is new", () => {
  const failed = view(message("task_progress", 9), logged(0), message("task_failed", "broken", {}, 5));
  expect(failed).toMatchObject({ state: "failed", failedReason: "broken", finishedAt: at(5) });
  expect(applyMessage(failed, message("task_waiting"))).toMatchObject({
    state: "waiting",
    failedReason: null,
    finishedAt: null,
    progress: 9,
  });
  const again = applyMessage(failed, message("task_added", null, {}, 6));
  expect(again).toEqual({ ...unknownJob("videos", "7"), state: "waiting", name: "encode", addedAt: at(6) });
});

test("what comes after the end does not undo it", () => {
  const ended = view(message("task_success", 1));
  for (const late of [message("task_progress", 99), logged(3), message("task_stalled"), message("task_removed")]) {
    expect(applyMessage(ended, late).state).toBe("completed");
  }
  const gone = message("snapshot", snapshotOf({ state: "unknown", name: null, attempt: null }));
  expect(applyMessage(ended, gone)).toEqual(ended);
});

test("a snapshot replaces everything", () => {
  const lines = [5, 6].map((line) => ({ line, level: "warn", content: `line ${line}`, timestamp: at(line) }));
  const snapshot = snapshotOf({ state: "failed", failed_reason: "broken", logs: lines, logs_truncated: true });
  const job = view(message("task_success", "old"), logged(0), message("snapshot", snapshot));
  expect(job).toMatchObject({ state: "failed", failedReason: "broken", result: null, attempts: 3, logsDropped: 5 });
  expect(job.logs.map(({ content }) => content)).toEqual(["line 5", "line 6"]);
});

test("a snapshot of a job that is nowhere ends what was known, and keeps it worth showing", () => {
  const gone = message("snapshot", snapshotOf({ state: "unknown", name: null, attempt: null, attempts: null }));
  expect(view(message("task_active"), message("task_progress", 40), gone)).toMatchObject({
    state: "unknown",
    name: "encode",
    progress: 40,
  });
});

test("the newest lines are held and the others counted, missing ones too", () => {
  let job = unknownJob("videos", "7");
  for (let line = 0; line < 5; line += 1) job = applyMessage(job, logged(line), 3);
  expect([job.logs.map(({ line }) => line), job.logsDropped]).toEqual([[2, 3, 4], 2]);
  job = applyMessage(job, message("logs", null, { dropped: 10 }), 3);
  expect([job.logs.map(({ line, dropped }) => line ?? `-${dropped}`), job.logsDropped]).toEqual([[3, 4, "-10"], 13]);
  for (const line of [15, 16, 17]) job = applyMessage(job, logged(line), 3);
  // The numbers of the lines agree with the count.
  expect([job.logs.map(({ line }) => line), job.logsDropped]).toEqual([[15, 16, 17], 15]);
  expect(applyMessage(job, message("logs", null, { dropped: null }), 3).logsDropped).toBeNull();
});

test("a thousand lines are held unless told otherwise", () => {
  const job = view(...Array.from({ length: 1200 }, (_, line) => logged(line)));
  expect([job.logs.length, job.logs[0]?.line, job.logsDropped]).toEqual([1000, 200, 200]);
});

test("a gap makes an unfinished job of the queue stale, until something says how it stands", () => {
  const gap = (queue: string | null): ServerMessage => ({ ...message("gap", { queue, missed: null }), meta: {} });
  const active = view(message("task_active"));
  expect(applyMessage(active, gap("videos")).isStale).toBe(true);
  expect(applyMessage(active, gap(null)).isStale).toBe(true);
  expect(applyMessage(active, gap("other"))).toBe(active);
  const ended = view(message("task_success"));
  expect(applyMessage(ended, gap("videos"))).toBe(ended);
  const stale = applyMessage(active, gap("videos"));
  expect(applyMessage(stale, logged(0)).isStale).toBe(true);
  expect(applyMessage(stale, message("task_progress", 1)).isStale).toBe(false);
  expect(applyMessage(stale, message("snapshot", snapshotOf({}))).isStale).toBe(false);
});

test("messages of other jobs, of queues and of unknown types leave the view as it is", () => {
  const job = view(message("task_active"));
  for (const other of [
    message("task_success", 1, { task_id: "8" }),
    message("task_success", 1, { queue: "images" }),
    message("queue_paused", null, { task_id: undefined }),
    message("task_teleported", 1),
  ]) {
    expect(applyMessage(job, other)).toBe(job);
  }
});
