import { describe, expect, it } from "vitest";
import { active, added, back, batchOf, completed, hashOf, log, START_MS } from "./support/facts.ts";
import { snapshotOf } from "./support/fake-reader.ts";
import { openViewer } from "./support/manager.ts";
import { cursorAt, makeNotifier, watchAll } from "./support/notifier.ts";

describe("a line of a job's own log", () => {
  const lines = [
    { line: 0, content: "first" },
    { line: 1, content: "second" },
  ];

  it("reaches the viewers of its job with its number and without a cursor", async () => {
    const { manager, notifier } = makeNotifier({ now: () => START_MS });
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([added(), active()])]);
    viewer.take();
    notifier.acceptLogLines({ queue: "emails", jobId: "1", lines });
    expect(viewer.take()).toEqual(
      lines.map(({ line, content }) => ({
        type: "logs",
        content,
        meta: { queue: "emails", task_id: "1", name: "mail", attempt: 1, level: null, logged_at: null, line },
        timestamp: new Date(START_MS + 1).toISOString(),
      })),
    );
  });

  it("comes before the end of its job when it is read with that, and is late after it", async () => {
    const { manager, notifier } = makeNotifier({
      logEnds: async (jobs) => new Map(jobs.map((job) => [`${job.queue}:${job.jobId}`, { ...job, lines }])),
    });
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([added(), active(), completed("x")])]);
    notifier.acceptLogLines({ queue: "emails", jobId: "1", lines: [{ line: 2, content: "late" }] });
    expect(viewer.take().map(({ type, content, meta }) => [type, content, meta.late])).toEqual([
      ["task_added", null, undefined],
      ["task_active", null, undefined],
      ["logs", "first", undefined],
      ["logs", "second", undefined],
      ["task_success", "x", undefined],
      ["logs", "late", true],
    ]);
  });

  it("is read for who comes back later, when nobody watched as its job ended", async () => {
    const asked: string[] = [];
    const { manager, notifier } = makeNotifier({
      logEnds: async (jobs) => {
        asked.push(...jobs.map(({ jobId }) => jobId));
        return new Map(jobs.map((job) => [`${job.queue}:${job.jobId}`, { ...job, lines }]));
      },
    });
    const batch = batchOf([added(), active(), completed("x")]);
    await notifier.accept([batch]);
    expect(asked).toEqual([]);
    for (const clientId of ["first", "second"]) {
      const viewer = openViewer(manager, { clientId, topics: ["*"], since: [cursorAt(batch.start)] });
      expect((await viewer.takeUntil("subscribed")).map(({ type, content }) => [type, content]).slice(1, -1)).toEqual([
        ["task_active", null],
        ["logs", "first"],
        ["logs", "second"],
        ["task_success", "x"],
      ]);
    }
    expect(asked).toEqual(["1"]);
  });

  it("that could not be read before the end of its job is left to be told late to all, also when one comes back", async () => {
    let asked = 0;
    const { manager, notifier } = makeNotifier({
      logEnds: async () => {
        asked += 1;
        throw new Error("Redis is away");
      },
    });
    const viewer = watchAll(manager);
    const batch = batchOf([added(), active(), completed("x")]);
    await notifier.accept([batch]);
    const back = openViewer(manager, { clientId: "back", topics: ["*"], since: [cursorAt(batch.start)] });
    await back.takeUntil("subscribed");
    expect(asked).toBe(1);
    notifier.acceptLogLines({ queue: "emails", jobId: "1", lines });
    for (const { take } of [viewer, back]) {
      expect(take().filter(({ type }) => type === "logs")).toMatchObject([
        { content: "first", meta: { late: true } },
        { content: "second", meta: { late: true } },
      ]);
    }
  });

  it("is told before the end of a job that writes to the log stream too, and keeps the time of later messages", async () => {
    const { manager, notifier } = makeNotifier({
      now: () => START_MS + 500,
      logEnds: async (jobs) => new Map(jobs.map((job) => [`${job.queue}:${job.jobId}`, { ...job, lines }])),
    });
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([added(), active(), log("by the logger")])]);
    notifier.acceptLogLines({ queue: "emails", jobId: "1", lines: [{ line: 0, content: "live" }] });
    await notifier.accept([batchOf([completed("x")], { atMs: START_MS + 400 })]);
    const sent = viewer.take();
    const logs = sent.filter(({ type }) => type === "logs").map(({ content }) => content);
    expect(logs).toEqual(["by the logger", "live", "first", "second"]);
    const times = sent.map(({ timestamp }) => Date.parse(timestamp));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(sent.at(-1)?.type).toBe("task_success");
  });

  it("is not late because somebody was shown a snapshot of its job", async () => {
    const position = { events: `${START_MS + 500}-0`, logs: `${START_MS + 400}-0` };
    const { manager, notifier } = makeNotifier({
      snapshots: async (keys) => keys.map((key) => snapshotOf({ ...key, state: "completed", exists: true, position })),
    });
    await notifier.accept([batchOf([])]);
    const viewer = watchAll(manager);
    await openViewer(manager, { clientId: "other", topics: ["job:emails:7"] }).takeUntil("subscribed");
    await notifier.accept([batchOf([log("one", "7"), completed("x", "7")], { atMs: START_MS + 10 })]);
    expect(
      viewer
        .take()
        .filter(({ type }) => type === "logs")
        .map(({ meta }) => meta.late),
    ).toEqual([undefined]);
  });

  it("is of no certain attempt when a job that was tried again is read from its first line on", async () => {
    const { manager, notifier } = makeNotifier({
      hashes: async (keys) => keys.map(() => hashOf({ atm: "1", failedReason: "no" })),
      logEnds: async (jobs) => new Map(jobs.map((job) => [`${job.queue}:${job.jobId}`, { ...job, lines }])),
    });
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([added(), active(), back(), active()])]);
    await notifier.accept([batchOf([completed("x")], { atMs: START_MS + 10 })]);
    const sent = viewer.take().slice(-3);
    expect(sent.map(({ type, meta }) => [type, meta.attempt])).toEqual([
      ["logs", null],
      ["logs", null],
      ["task_success", 2],
    ]);
  });
});
