import { expect, test } from "vitest";
import { NO_FILTER, readFilter, writeFilter } from "../../src/dashboard/pages/jobs/job-filter.ts";
import { JobTable } from "../../src/dashboard/pages/jobs/job-table.ts";
import { at, gapOf, snapshotMessage, summaryOf, tell } from "./messages.ts";

function makeTable(options: { maxRows?: number } = {}) {
  const doubts: string[] = [];
  const observed = { changes: 0 };
  const table = new JobTable(
    {
      changed: () => {
        observed.changes += 1;
      },
      doubted: (row, isStale) => void (isStale && doubts.push(row.id)),
    },
    options,
  );
  return { table, doubts, observed, ids: () => table.shown.map(({ id }) => id).join(" ") };
}

test("jobs stand in the order in which they were added, the newest first, and stay there as they change", () => {
  const { table, ids } = makeTable();
  for (const id of ["1", "2", "3"]) table.receive(tell("task_added", id, { seconds: Number(id) }));
  table.receive(tell("task_active", "1", { seconds: 9 }));
  expect(ids()).toBe("3 2 1");
  const { shown } = table;
  table.receive(tell("task_progress", "1", { seconds: 10, content: 40 }));
  expect(table.shown, "nothing is made anew where no row comes or goes").toBe(shown);
  expect(shown.at(-1)?.view).toMatchObject({ state: "active", progress: 40 });
});

test("jobs added in one millisecond stand by their queues and the numbers of their ids", () => {
  const { table, ids } = makeTable();
  for (const id of ["10", "9", "2", "11"]) table.receive(tell("task_added", id));
  expect(ids()).toBe("11 10 9 2");
});

test("a page finds its place between what was heard, and a job heard of late gets its own when it is read", () => {
  const { table, ids } = makeTable();
  table.receive(tell("task_added", "5", { seconds: 5 }));
  table.receive(tell("task_active", "1", { seconds: 8 }));
  expect(ids()).toBe("1 5");
  const read = table.beginRead();
  read.merge([summaryOf("7"), summaryOf("3"), summaryOf("1")]);
  read.end();
  expect(ids()).toBe("7 5 3 1");
  expect(table.get("a", "1")?.view).toMatchObject({ state: "completed", addedAt: at(1) });
});

test("what was heard while a page was read wins over the page, which adds only what messages do not tell", () => {
  const { table, ids } = makeTable();
  table.receive(tell("task_active", "1"));
  const read = table.beginRead();
  table.receive(tell("task_success", "1", { seconds: 9 }));
  table.receive(tell("task_added", "2", { seconds: 2 }));
  table.receive(tell("task_removed", "2"));
  table.receive(tell("task_removed", "3"));
  read.merge([
    summaryOf("1", { state: "active", attempts: 5 }),
    summaryOf("2", { state: "waiting" }),
    summaryOf("3", { state: "waiting" }),
  ]);
  read.end();
  expect(ids(), "removed jobs do not come back").toBe("1");
  expect(table.get("a", "1")?.view).toMatchObject({ state: "completed", attempts: 5, addedAt: at(1) });
  const later = table.beginRead();
  later.merge([summaryOf("3", { state: "waiting" })]);
  later.end();
  expect(ids(), "an id may be used again").toBe("3 1");
});

test("a line of a job that is not held says nothing of its state and brings no row", () => {
  const { table, ids } = makeTable();
  const read = table.beginRead();
  table.receive(tell("logs", "1", { content: "a line", level: null, logged_at: null }));
  expect(ids()).toBe("");
  read.merge([summaryOf("1")]);
  expect(ids()).toBe("1");
});

test("after a gap unfinished jobs of its queue are in doubt until they are heard of or read", () => {
  const { table, doubts, ids } = makeTable();
  table.receive(tell("task_active", "1"));
  table.receive(tell("task_active", "2"));
  table.receive(tell("task_success", "3"));
  table.receive(gapOf("b"));
  expect(doubts).toEqual([]);
  table.receive(gapOf("a"));
  expect(doubts.sort()).toEqual(["1", "2"]);
  table.receive(snapshotMessage("1", { state: "unknown" }));
  const read = table.beginRead();
  read.merge([summaryOf("2", { state: "failed" })]);
  expect(ids()).toBe("2 3");
  expect(table.get("a", "2")?.view).toMatchObject({ state: "failed", isStale: false });
});

test("of a queue that is not watched any more no row stays, and none is in doubt", () => {
  const { table, ids } = makeTable();
  table.receive(tell("task_active", "1"));
  table.receive(tell("task_active", "2", { queue: "b" }));
  table.removeJobs("a");
  expect([ids(), table.size]).toEqual(["2", 1]);
  table.receive(tell("task_active", "1", { seconds: 1 }));
  expect(ids()).toBe("1 2");
});

test("each part of the filter narrows what is shown, and jobs come and go as they change", () => {
  const { table, ids } = makeTable();
  table.receive(tell("task_active", "41", { name: "send" }));
  table.receive(tell("task_active", "142", { name: "resize", seconds: 1 }));
  table.receive(tell("task_failed", "43", { name: "send", seconds: 2, content: "550 No mailbox" }));
  const shownBy = (filter: Partial<typeof NO_FILTER>) => {
    table.setFilter({ ...NO_FILTER, ...filter });
    return ids();
  };
  expect(shownBy({})).toBe("43 142 41");
  expect(shownBy({ queue: "b" })).toBe("");
  expect(shownBy({ states: ["failed", "completed"] })).toBe("43");
  expect(shownBy({ name: "SEN" })).toBe("43 41");
  expect(shownBy({ id: "42" })).toBe("142");
  expect(shownBy({ text: "no mailbox" })).toBe("43");
  expect(shownBy({ text: "resize" })).toBe("142");
  expect(shownBy({ states: ["active"], name: "send" })).toBe("41");
  table.receive(tell("task_success", "41"));
  expect(ids()).toBe("");
  table.receive(tell("task_active", "44", { name: "send", seconds: 9 }));
  expect(ids()).toBe("44");
});

test("a filter survives its way through an address, and what cannot be used is left out", () => {
  const filter = { queue: "e mails", states: ["active" as const, "failed" as const], name: "a&b", id: "7", text: "é" };
  expect(readFilter(writeFilter(filter))).toEqual(filter);
  expect(`${writeFilter(NO_FILTER)}`).toBe("");
  expect(readFilter(new URLSearchParams("state=sleeping&state=failed&queue="))).toEqual({
    ...NO_FILTER,
    states: ["failed"],
  });
});

test("it is bounded: what is not shown goes first, then the oldest that has ended, and reading stops when it is full", () => {
  const { table, ids } = makeTable({ maxRows: 10 });
  table.setFilter({ ...NO_FILTER, states: ["active", "failed"] });
  for (let id = 1; id <= 3; id += 1) table.receive(tell("task_failed", `${id}`, { seconds: id }));
  for (let id = 4; id <= 600; id += 1) {
    table.receive(tell(id % 100 === 0 ? "task_active" : "task_success", `${id}`, { seconds: id }));
  }
  expect(table.size).toBeLessThan(600);
  expect(ids()).toBe("600 500 400 300 200 100 3 2 1");
  for (let id = 601; id <= 1200; id += 1) table.receive(tell("task_failed", `${id}`, { seconds: id }));
  expect(table.size).toBeLessThanOrEqual(510);
  expect(table.get("a", "100")?.view.state).toBe("active");
  expect(table.get("a", "3")).toBeUndefined();
  expect([table.isFull, table.hasLetGo]).toEqual([true, true]);
  const read = table.beginRead();
  read.merge([summaryOf("2", { state: "failed" })]);
  expect(table.get("a", "2")).toBeUndefined();
});

test("what is not shown makes room for older jobs of which all are", () => {
  const { table, ids } = makeTable({ maxRows: 10 });
  for (let id = 1001; id <= 1510; id += 1) table.receive(tell("task_success", `${id}`, { seconds: id }));
  expect(table.isFull).toBe(true);
  table.setFilter({ ...NO_FILTER, states: ["failed"] });
  expect([table.isFull, table.hasLetGo]).toEqual([false, false]);
  const read = table.beginRead();
  read.merge(["3", "2", "1"].map((id) => summaryOf(id, { state: "failed" })));
  expect(ids()).toBe("3 2 1");
  expect(table.size).toBe(10);
});

test("rows hold no more of large reasons, lines and progress than is shown", () => {
  const { table } = makeTable();
  const large = "x".repeat(100_000);
  table.receive(tell("task_progress", "1", { content: { large } }));
  table.receive(tell("logs", "1", { content: large, level: null, logged_at: null }));
  table.receive(tell("task_retrying", "1", { content: large, retry_at: at(60) }));
  const row = table.get("a", "1");
  expect(JSON.stringify(row?.view).length).toBeLessThan(2000);
  expect(row).toMatchObject({ dueAt: at(60), view: { state: "delayed", progress: null } });
});

test("ten thousand rows take 5,000 messages within the time of a few frames", () => {
  const { table } = makeTable();
  for (let id = 0; id < 10_000; id += 1) table.receive(tell("task_added", `${id}`, { seconds: id }));
  const messages = Array.from({ length: 5000 }, (_, index) =>
    index % 5 === 0
      ? tell("task_added", `n${index}`, { seconds: 20_000 + index })
      : tell("task_progress", `${(index * 7) % 10_000}`, { content: index % 100 }),
  );
  const began = performance.now();
  for (const [index, message] of messages.entries()) {
    table.receive(message);
    // A frame for every ten messages, as at 500 a second.
    if (index % 10 === 0) expect(table.shown.length).toBeGreaterThan(9000);
  }
  const tookMs = performance.now() - began;
  console.log(`5,000 messages and 500 frames at 10,000 rows: ${Math.round(tookMs)} ms`);
  // Ten seconds' worth; the limit is twenty times what it takes, for machines that are shared.
  expect(tookMs).toBeLessThan(4000);
});
