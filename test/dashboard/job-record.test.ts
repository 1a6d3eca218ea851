import { expect, test } from "vitest";
import { JobRecord } from "../../src/dashboard/pages/job/job-record.ts";
import { snapshotOf } from "../client/support/snapshot.ts";
import { at, gapOf, snapshotMessage, tell } from "./messages.ts";

const line = (content: string) => ({ line: null, level: "info", content, timestamp: at(0) });

function recordOf(...messages: Parameters<JobRecord["receive"]>[0][]): JobRecord {
  const record = new JobRecord("a", "1");
  for (const message of messages) record.receive(message);
  return record;
}

test("a snapshot tells all there is, and messages go on from there", () => {
  const record = recordOf(
    snapshotMessage("1", {
      state: "active",
      attempt: 1,
      logs: [line("first")],
      parent: { queue: "b", id: "9" },
      children: { total: 3, done: 1 },
    }),
  );
  expect(record).toMatchObject({ parent: { queue: "b", id: "9" }, children: { total: 3, done: 1 }, isTold: true });
  record.receive(tell("logs", "1", { content: "second", level: "warn", logged_at: at(1) }));
  record.receive(tell("task_progress", "1", { content: 40 }));
  expect(record.log.lines.map(({ text }) => text)).toEqual(["first", "second"]);
  expect(record.view).toMatchObject({ state: "active", progress: 40 });
  expect(record.receive(tell("task_success", "2")), "another job's").toBe(false);
});

test("a snapshot that has but the newest of the lines takes none of the others away", () => {
  const record = recordOf(snapshotMessage("1", { state: "waiting-children", logs: [line("first"), line("second")] }));
  const before = record.log.version;
  record.receive(snapshotMessage("1", { state: "waiting-children", logs: [line("second")], logs_truncated: true }));
  expect(record.log.lines.map(({ text }) => text)).toEqual(["first", "second"]);
  expect(record.log.version).toBe(before);
  record.receive(snapshotMessage("1", { state: "active", logs: [line("second"), line("third")] }));
  expect(record.log.lines.map(({ text }) => text)).toEqual(["second", "third"]);
});

test("a job that is added anew begins anew", () => {
  const record = recordOf(
    snapshotMessage("1", { state: "failed", logs: [line("old")], children: { total: 1, done: 1 } }),
    tell("task_removed", "1", { seconds: 5 }),
  );
  expect(record.removedAt).toBe(at(5));
  record.receive(tell("task_added", "1", { seconds: 9 }));
  expect(record).toMatchObject({ removedAt: null, children: null, isGone: false });
  expect(record.log.lines).toEqual([]);
  expect(record.timeline.length).toBe(1);
});

test("a job that is gone when it is looked at again is said to be, and nothing of it lasts any longer", () => {
  const record = recordOf(snapshotMessage("1", { state: "active", attempt: 1, started_at: at(1) }), gapOf("a"));
  expect(record.view.isStale).toBe(true);
  record.receive(snapshotMessage("1", { state: "unknown" }));
  expect(record).toMatchObject({ isGone: true, removedAt: null, view: { state: "unknown", isStale: false } });
  expect(record.timeline.at(-1)).toMatchObject({ kind: "attempt", isOpen: false, outcome: null });

  const ended = recordOf(snapshotMessage("1", { state: "completed" }), snapshotMessage("1", { state: "unknown" }));
  expect(ended).toMatchObject({ isGone: true, view: { state: "completed" } });
});

test("what was read counts only as long as nothing was told", () => {
  const details = {
    ...snapshotOf({ state: "waiting", attempt: 0 }),
    data: null,
    data_bytes: 4,
    stacktrace: [],
    options: {},
    delay_until: null,
    processed_by: null,
  };
  const record = recordOf();
  record.read(details);
  expect(record.view.state).toBe("waiting");
  const told = recordOf(snapshotMessage("1", { state: "active" }));
  told.read(details);
  expect(told.view.state).toBe("active");
});
