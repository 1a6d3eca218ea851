import { expect, test } from "vitest";
import type { ServerMessage } from "../../src/client/index.ts";
import { RepetitionFilter } from "../../src/client/repetition-filter.ts";
import { snapshotOf } from "./support/snapshot.ts";

const JOB = { queue: "a", task_id: "1" };

function message(type: string, content: unknown, meta: object): ServerMessage {
  return { type, content, meta: { ...JOB, ...meta }, timestamp: "2026-01-01T00:00:00.000Z" };
}

const line = (number: number) => message("logs", `line ${number}`, { line: number });

/** Of each message whether it is passed on. */
function passed(messages: readonly ServerMessage[]): boolean[] {
  const filter = new RepetitionFilter();
  return messages.map((each) => !filter.isRepeated(each));
}

test("a message of the same type, queue, job and cursor is passed on once", () => {
  const progress = message("task_progress", 1, { cursor: "c" });
  expect(
    passed([
      progress,
      progress,
      message("task_progress", 1, { cursor: "d" }),
      message("task_active", 1, { cursor: "c" }),
      message("task_progress", 1, { cursor: "c", queue: "b" }),
      message("task_progress", 1, { cursor: "c", task_id: "2" }),
    ]),
  ).toEqual([true, false, true, true, true, true]);
});

test("messages without a cursor are all passed on", () => {
  const news = message("news", "x", {});
  const published = message("logs", "x", { channel: "c" });
  expect(passed([news, news, published, published])).toEqual([true, true, true, true]);
});

test("numbered lines are passed on once, also when a part of them is sent again", () => {
  expect(passed([line(0), line(1), line(0), line(1), line(2)])).toEqual([true, true, false, false, true]);
});

test("the lines of a snapshot are seen lines", () => {
  const snapshot = message(
    "snapshot",
    snapshotOf({ logs: [6, 7].map((number) => ({ line: number, level: null, content: "", timestamp: null })) }),
    {},
  );
  expect(passed([snapshot, line(7), line(8)])).toEqual([true, false, true]);
});

test("the log of a newer job of the same id begins anew", () => {
  const added = message("task_added", null, { cursor: "c" });
  expect(passed([line(0), line(1), added, line(0), line(1)])).toEqual([true, true, true, true, true]);
  expect(passed([line(0), message("snapshot", snapshotOf({}), {}), line(0)])).toEqual([true, true, true]);
});

test("a mark of missing lines is passed on unless all of them were seen", () => {
  const seen = message(
    "snapshot",
    snapshotOf({ logs: [7, 8, null].map((number) => ({ line: number, level: null, content: "", timestamp: null })) }),
    {},
  );
  const mark = (from: number, dropped: number) => message("logs", null, { line: from, dropped });
  expect(passed([seen, mark(0, 7), line(8), line(9)])).toEqual([true, false, false, true]);
  expect(passed([seen, mark(0, 20), line(19), line(20)])).toEqual([true, true, false, true]);
});

test("a mark of missing lines passes, and so does the line after it", () => {
  const mark = message("logs", null, { line: 1, dropped: 3 });
  expect(passed([line(0), mark, line(4), mark])).toEqual([true, true, true, false]);
  const markBeforeNext = message("logs", null, { line: 1, dropped: null });
  expect(passed([line(0), markBeforeNext, line(1)])).toEqual([true, true, true]);
});

test("its memory is bounded: what is long past would be passed on again", () => {
  const filter = new RepetitionFilter();
  const first = message("task_progress", 0, { cursor: "0" });
  filter.isRepeated(first);
  for (let index = 1; index <= 5000; index += 1) filter.isRepeated(message("task_progress", 0, { cursor: `${index}` }));
  expect(filter.isRepeated(message("task_progress", 0, { cursor: "5000" }))).toBe(true);
  expect(filter.isRepeated(first)).toBe(false);
});
