import { expect, test } from "vitest";
import type { ServerMessage, SnapshotContent } from "../../src/client/index.ts";
import type { Timeline } from "../../src/dashboard/pages/job/timeline.ts";
import { advance, reconcile, timelineOf } from "../../src/dashboard/pages/job/timeline.ts";
import { snapshotOf } from "../client/support/snapshot.ts";
import { at, tell } from "./messages.ts";

const after = (messages: ServerMessage[], timeline: Timeline = []) => messages.reduce(advance, timeline);

/** Each step in a few words: times are seconds, `?` is not known, `…` lasts. */
function told(timeline: Timeline): string[] {
  const seconds = (time: string | null) => (time === null ? "?" : `${(Date.parse(time) - Date.parse(at(0))) / 1000}`);
  return timeline.map((step) => {
    if (step.kind === "past") return `${step.attempts} before`;
    if (step.kind === "end") return [step.outcome, seconds(step.at), step.reason].filter(Boolean).join(" ");
    const span = `${seconds(step.from)}-${step.isOpen ? "…" : seconds(step.to)}`;
    if (step.kind === "wait")
      return [step.state, span, step.dueAt && `due ${seconds(step.dueAt)}`].filter(Boolean).join(" ");
    return [`#${step.number}`, span, step.outcome, step.reason].filter(Boolean).join(" ");
  });
}

const snapshotTold = (fields: Partial<SnapshotContent>) => told(timelineOf(snapshotOf({ added_at: at(0), ...fields })));

test("a job that is tried again: each wait and each attempt with its time and reason", () => {
  const messages = [
    tell("task_added", "1", { seconds: 0 }),
    tell("task_waiting", "1", { seconds: 0 }),
    tell("task_active", "1", { seconds: 1, attempt: 1 }),
    tell("task_progress", "1", { seconds: 2, content: 50 }),
    tell("task_retrying", "1", { seconds: 3, attempt: 1, content: "greylisted", retry_at: at(5) }),
    tell("task_waiting", "1", { seconds: 5 }),
    tell("task_active", "1", { seconds: 6, attempt: 2 }),
  ];
  expect(told(after(messages))).toEqual([
    "waiting 0-1",
    "#1 1-3 failed greylisted",
    "delayed 3-5 due 5",
    "waiting 5-6",
    "#2 6-…",
  ]);
  const success = after([...messages, tell("task_success", "1", { seconds: 8, attempt: 2 })]);
  expect(told(success).slice(-2)).toEqual(["#2 6-8 completed", "completed 8"]);
  const failure = after([...messages, tell("task_failed", "1", { seconds: 8, attempt: 2, content: "no mailbox" })]);
  expect(told(failure).slice(-2)).toEqual(["#2 6-8 failed no mailbox", "failed 8"]);
});

test("a stall interrupts an attempt without ending it, and a job that stalls too often fails without one", () => {
  const messages = [
    tell("task_active", "1", { seconds: 1, attempt: 1 }),
    tell("task_waiting", "1", { seconds: 30 }),
    tell("task_stalled", "1", { seconds: 30 }),
  ];
  const again = [...messages, tell("task_active", "1", { seconds: 31, attempt: 1 })];
  expect(told(after(again))).toEqual(["#1 1-30 stalled", "waiting 30-31", "#1 31-…"]);
  const failed = [...messages, tell("task_failed", "1", { seconds: 40, content: "stalled too often" })];
  expect(told(after(failed)).at(-1)).toBe("failed 40 stalled too often");
});

test("a job put off as it is added, one that waits for its children, and one that is removed", () => {
  const delayed = [tell("task_added", "1"), tell("task_delayed", "1", { content: at(60) })];
  expect(told(after(delayed))).toEqual(["delayed 0-… due 60"]);
  const parent = [tell("task_waiting_children", "1", { seconds: 1 }), tell("task_waiting", "1", { seconds: 9 })];
  expect(told(after([tell("task_added", "1"), ...parent]))).toEqual([
    "waiting 0-1",
    "waiting-children 1-9",
    "waiting 9-…",
  ]);
  expect(told(after([tell("task_added", "1"), tell("task_removed", "1", { seconds: 2 })]))).toEqual([
    "waiting 0-2",
    "removed 2",
  ]);
});

test("an end whose attempt was not seen begin, and a life that begins anew", () => {
  const end = after([tell("task_success", "1", { seconds: 4, attempt: 1 })]);
  expect(told(end)).toEqual(["#1 ?-4 completed", "completed 4"]);
  expect(told(after([tell("task_waiting", "1", { seconds: 9 })], end))).toEqual([
    "#1 ?-4 completed",
    "completed 4",
    "waiting 9-…",
  ]);
  expect(told(after([tell("task_added", "1", { seconds: 10 })], end))).toEqual(["waiting 10-…"]);
});

test("what a snapshot knows: the first wait, that earlier attempts failed, the last attempt, the end", () => {
  expect(snapshotTold({ state: "waiting", attempt: 0 })).toEqual(["waiting 0-…"]);
  expect(snapshotTold({ state: "active", attempt: 1, started_at: at(2) })).toEqual(["waiting 0-2", "#1 2-…"]);
  expect(snapshotTold({ state: "active", attempt: 3, started_at: at(9) })).toEqual([
    "waiting 0-?",
    "#1 ?-? failed",
    "#2 ?-? failed",
    "#3 9-…",
  ]);
  expect(snapshotTold({ state: "delayed", attempt: 1, started_at: at(2), failed_reason: "greylisted" })).toEqual([
    "waiting 0-2",
    "#1 2-? failed greylisted",
    "delayed ?-…",
  ]);
  expect(snapshotTold({ state: "completed", attempt: 1, started_at: at(2), finished_at: at(5) })).toEqual([
    "waiting 0-2",
    "#1 2-5 completed",
    "completed 5",
  ]);
  expect(snapshotTold({ state: "failed", attempt: 0, finished_at: at(5), failed_reason: "stalled" }).at(-1)).toBe(
    "failed 5 stalled",
  );
  expect(snapshotTold({ state: "unknown", added_at: null })).toEqual([]);
});

test("of a hundred attempts the last have a step each", () => {
  const steps = snapshotTold({ state: "active", attempt: 101, started_at: at(9) });
  expect(steps.slice(0, 3)).toEqual(["waiting 0-?", "80 before", "#81 ?-? failed"]);
  expect(steps.at(-1)).toBe("#101 9-…");
});

test("a newer snapshot of the same life does not take away what was seen of it; one that knows more does", () => {
  const seen = after([
    tell("task_added", "1"),
    tell("task_active", "1", { seconds: 1, attempt: 1 }),
    tell("task_retrying", "1", { seconds: 3, attempt: 1, content: "greylisted", retry_at: at(5) }),
    tell("task_active", "1", { seconds: 6, attempt: 2 }),
  ]);
  const same = timelineOf(snapshotOf({ state: "active", attempt: 2, added_at: at(0), started_at: at(6) }));
  expect(reconcile(seen, same)).toBe(seen);
  const ended = timelineOf(snapshotOf({ state: "completed", attempt: 2, added_at: at(0), finished_at: at(7) }));
  expect(reconcile(seen, ended)).toBe(ended);
  const other = timelineOf(snapshotOf({ state: "active", attempt: 2, added_at: at(100), started_at: at(106) }));
  expect(reconcile(seen, other)).toBe(other);
});

test("a job that puts itself off for ever keeps its last steps", () => {
  const messages = Array.from({ length: 500 }, (_, index) =>
    index % 2 === 0
      ? tell("task_active", "1", { seconds: index, attempt: 1 })
      : tell("task_delayed", "1", { seconds: index, content: at(index + 1) }),
  );
  const timeline = after(messages);
  expect(timeline.length).toBe(200);
  expect(told(timeline).at(-1)).toBe("delayed 499-… due 500");
});
