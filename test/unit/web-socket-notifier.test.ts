import { afterEach, describe, expect, it, vi } from "vitest";
import { decodeCursor, encodeCursor, queueTag } from "../../src/notifier/cursor.ts";
import type { FactBatch } from "../../src/sources/fact.ts";
import { compareStreamIds } from "../../src/sources/fact.ts";
import type { JobHash } from "../../src/sources/stream-queries.ts";
import type { Told } from "./support/facts.ts";
import {
  active,
  added,
  back,
  batchOf,
  completed,
  delayed,
  failed,
  hashOf,
  log,
  progress,
  START_MS,
  stalled,
  waiting,
} from "./support/facts.ts";
import { latch } from "./support/latch.ts";
import { ERROR, openViewer } from "./support/manager.ts";
import { cursorsOf, makeNotifier, PREFIX, watchAll } from "./support/notifier.ts";

describe("the order of messages", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is kept when the first batch waits for what the hashes say and the second need not", async () => {
    const slow = latch<JobHash[]>();
    const { manager, notifier } = makeNotifier({ hashes: () => slow.promise });
    const viewer = watchAll(manager);
    const first = notifier.accept([batchOf([active("7"), completed("x", "7")])]);
    const second = notifier.accept([batchOf([added("8")], { atMs: START_MS + 10 })]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(viewer.take()).toEqual([]);
    slow.open([hashOf({ name: "seven", atm: "1" })]);
    await Promise.all([first, second]);
    expect(viewer.take().map(({ type, meta }) => [type, meta.name])).toEqual([
      ["task_active", "seven"],
      ["task_success", "seven"],
      ["task_added", "mail"],
    ]);
  });

  it("is kept with everything told, but not waited for longer than 250 ms", async () => {
    vi.useFakeTimers();
    const { manager, notifier } = makeNotifier({ hashes: () => new Promise(() => undefined) });
    const viewer = watchAll(manager);
    const first = notifier.accept([batchOf([active("7")])]);
    const second = notifier.accept([batchOf([added("8")], { atMs: START_MS + 10 })]);
    await vi.advanceTimersByTimeAsync(249);
    expect(viewer.take()).toEqual([]);
    // One for the deadline, one for what was to be read before it counts.
    await vi.advanceTimersByTimeAsync(2);
    await Promise.all([first, second]);
    expect(viewer.take()).toMatchObject([
      { type: "task_active", meta: { task_id: "7", name: null, attempt: null } },
      { type: "task_added", meta: { task_id: "8", name: "mail", attempt: 0 } },
    ]);
  });

  it("is not upset by an answer that comes too late; the name is asked for again", async () => {
    vi.useFakeTimers();
    const late = latch<JobHash[]>();
    const answers = [late.promise, Promise.resolve([hashOf({ name: "seven" })])];
    const { manager, notifier, asked } = makeNotifier({ hashes: () => answers.shift() ?? Promise.resolve([]) });
    const viewer = watchAll(manager);
    const first = notifier.accept([batchOf([active("7")])]);
    await vi.advanceTimersByTimeAsync(251);
    await first;
    late.open([hashOf({ name: "late" })]);
    await notifier.accept([batchOf([progress(1, "7")], { atMs: START_MS + 10 })]);
    expect(viewer.take().map(({ meta }) => meta.name)).toEqual([null, "seven"]);
    expect(asked).toEqual([["emails:7"], ["emails:7"]]);
  });

  it("is kept, and everything told, when the hashes cannot be read", async () => {
    const { manager, notifier, logs } = makeNotifier({ hashes: () => Promise.reject(new Error("no connection")) });
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([active("7"), progress(1, "7")])]);
    await notifier.accept([batchOf([completed("x", "7")], { atMs: START_MS + 10 })]);
    expect(viewer.take().map(({ type, meta }) => [type, meta.name])).toEqual([
      ["task_active", null],
      ["task_progress", null],
      ["task_success", null],
    ]);
    expect(logs.filter(({ level }) => level >= ERROR)).toEqual([]);
    expect(JSON.stringify(logs)).toContain("no connection");
  });

  it("is kept, and everything told, when fewer hashes come than were asked for", async () => {
    const { manager, notifier } = makeNotifier({ hashes: async () => [hashOf({ name: "seven" })] });
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([active("7"), active("8")])]);
    expect(viewer.take().map(({ meta }) => meta.name)).toEqual(["seven", null]);
  });
});

describe("a fact", () => {
  const EVERY_KIND: Told[] = [
    added(),
    waiting(),
    delayed(),
    active(),
    progress(1),
    log("line"),
    back(),
    stalled(),
    { kind: "waiting-children", jobId: "1" },
    completed(),
    failed(),
    { kind: "removed", jobId: "1" },
    { kind: "paused" },
    { kind: "resumed" },
    { kind: "drained" },
    { kind: "cleaned", count: 1 },
  ];

  it("makes one message, once for each viewer", async () => {
    const { manager, notifier } = makeNotifier();
    await notifier.accept([batchOf([])]);
    const viewer = openViewer(manager, { topics: ["*", "queue:emails", "job:emails:1"] });
    await viewer.takeUntil("subscribed");
    await notifier.accept([batchOf(EVERY_KIND)]);
    const cursors = viewer.take().map(({ meta }) => meta.cursor);
    expect(cursors).toHaveLength(EVERY_KIND.length);
    expect(new Set(cursors).size).toBe(EVERY_KIND.length);
  });

  it("reaches those who watch everything, its queue or its job, and nobody else", async () => {
    const { manager, notifier } = makeNotifier();
    await notifier.accept([batchOf([])]);
    const open = (topic: string) => openViewer(manager, { clientId: topic.replaceAll(/\W/g, "-"), topics: [topic] });
    const [all, queue, job, otherQueue, otherJob] = [
      "*",
      "queue:emails",
      "job:emails:1",
      "queue:images",
      "job:emails:2",
    ].map(open);
    await Promise.all([job?.takeUntil("subscribed"), otherJob?.takeUntil("subscribed")]);
    await notifier.accept([batchOf([added("1"), { kind: "paused" }])]);
    const types = (viewer = all) => viewer?.take().map(({ type }) => type);
    expect(types(all)).toEqual(["task_added", "queue_paused"]);
    expect(types(queue)).toEqual(["task_added", "queue_paused"]);
    expect(types(job)).toEqual(["task_added"]);
    expect(types(otherQueue)).toEqual([]);
    expect(types(otherJob)).toEqual([]);
  });

  it("is told with its job, its position and its time by Redis' clock", async () => {
    const { manager, notifier } = makeNotifier({ hashes: async () => [hashOf({ name: "report", atm: "1" })] });
    const viewer = watchAll(manager);
    const batch = batchOf([progress(40, "a:b:c"), { kind: "paused" }]);
    await notifier.accept([batch]);
    const cursor = (events: string) => encodeCursor(queueTag(PREFIX, "emails"), { events, logs: batch.start.logs });
    expect(viewer.take()).toEqual([
      {
        type: "task_progress",
        content: 40,
        meta: { queue: "emails", task_id: "a:b:c", name: "report", attempt: 2, cursor: cursor(`${START_MS}-0`) },
        timestamp: new Date(START_MS).toISOString(),
      },
      {
        type: "queue_paused",
        content: null,
        meta: { queue: "emails", cursor: cursor(`${START_MS + 1}-0`) },
        timestamp: new Date(START_MS + 1).toISOString(),
      },
    ]);
  });

  it("of a queue that is not watched, or not any more, is passed over", async () => {
    const { manager, notifier } = makeNotifier();
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([added()], { queue: "images" }), batchOf([added()])]);
    notifier.forget("emails");
    await notifier.accept([batchOf([active()], { atMs: START_MS + 10 })]);
    expect(viewer.take().map(({ type, meta }) => [type, meta.queue])).toEqual([["task_added", "emails"]]);
  });

  it("of a queue forgotten while its hashes were being read is passed over", async () => {
    const slow = latch<JobHash[]>();
    const { manager, notifier } = makeNotifier({ hashes: () => slow.promise });
    const viewer = watchAll(manager);
    const accepted = notifier.accept([batchOf([active()])]);
    notifier.forget("emails");
    slow.open([hashOf()]);
    await accepted;
    expect(viewer.take()).toEqual([]);
  });

  it("of a queue detached and attached again meanwhile is passed over, and viewers are told of the gap", async () => {
    const slow = latch<JobHash[]>();
    const { manager, notifier } = makeNotifier({ hashes: () => slow.promise });
    await notifier.accept([batchOf([])]);
    const viewer = watchAll(manager);
    const old = notifier.accept([batchOf([active()])]);
    notifier.forget("emails");
    notifier.watch("emails");
    slow.open([hashOf()]);
    await old;
    expect(viewer.take()).toEqual([]);
    await notifier.accept([batchOf([], { atMs: START_MS + 500 })]);
    await notifier.accept([batchOf([added("2")], { atMs: START_MS + 500 })]);
    expect(viewer.take()).toMatchObject([
      { type: "gap", content: { queue: "emails", missed: null } },
      { type: "task_added", meta: { task_id: "2" } },
    ]);
  });

  it("whose value cannot be written again is told without it", async () => {
    const { manager, notifier, logs } = makeNotifier();
    const viewer = watchAll(manager);
    // Deeper than JSON can be written, though it can be read.
    const depth = 200_000;
    const deep: unknown = JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);
    await notifier.accept([
      batchOf([added(), active(), progress(deep), completed("done")]),
      { ...batchOf([{ kind: "paused" }], { atMs: START_MS + 10 }) },
    ]);
    await notifier.accept([batchOf([{ kind: "resumed" }], { atMs: START_MS + 20 })]);
    const told = viewer.take();
    expect(told.map(({ type }) => type)).toEqual([
      "task_added",
      "task_active",
      "task_progress",
      "task_success",
      "queue_paused",
      "queue_resumed",
    ]);
    expect(told[2]).toMatchObject({ content: null, meta: { task_id: "1", omitted_bytes: null } });
    expect(logs.filter(({ level }) => level >= ERROR)).toEqual([]);
  });

  it("counts towards the latency when somebody saw it", async () => {
    const { manager, notifier } = makeNotifier();
    await notifier.accept([batchOf([added()])]);
    expect(manager.statistics.latencyMs.percentiles().p50).toBeNull();
    watchAll(manager);
    await notifier.accept([batchOf([active()], { atMs: Date.now() + 60_000 })]);
    expect(manager.statistics.latencyMs.percentiles().p50).toBe(0);
  });
});

describe("the timestamps within a job", () => {
  it("never run backwards, though its log lines and events come from two streams", async () => {
    const { manager, notifier } = makeNotifier({ hashes: async (keys) => keys.map(() => hashOf({ atm: "1" })) });
    const viewer = watchAll(manager);
    const at = (told: Told, atMs: number) => batchOf([told], { atMs }).facts;
    const facts = [
      ...at(added("1"), START_MS),
      ...at(active("1"), START_MS + 50),
      ...at(active("2"), START_MS + 20),
      ...at(log("before", "1"), START_MS + 30),
      ...at(completed("x", "1"), START_MS + 60),
      ...at(log("late", "1"), START_MS + 10),
    ];
    const batch: FactBatch = { ...batchOf([]), facts };
    await notifier.accept([batch]);
    await notifier.accept([{ ...batch, facts: at(added("1"), START_MS + 5) }]);
    const sent = viewer.take();
    const times = (id: string) =>
      sent.filter(({ meta }) => meta.task_id === id).map(({ timestamp }) => Date.parse(timestamp) - START_MS);
    expect(times("1")).toEqual([0, 50, 50, 60, 60, 60]);
    expect(times("2")).toEqual([20]);
  });
});

describe("the cursors of messages", () => {
  it("only rise within a queue, in both of its streams", async () => {
    const { manager, notifier } = makeNotifier();
    notifier.watch("images");
    const viewer = watchAll(manager);
    const story = [added(), log("a"), active(), log("b"), progress(1), log("c"), completed()];
    await notifier.accept([batchOf(story), batchOf(story, { queue: "images", atMs: START_MS + 3 })]);
    const end = batchOf(story).end;
    const next = batchOf([log("d"), { kind: "drained" }], { atMs: START_MS + 100 });
    await notifier.accept([{ ...next, start: end, end: { ...end, ...next.end } }]);
    const sent = viewer.take();
    for (const queue of ["emails", "images"]) {
      const positions = sent
        .filter(({ meta }) => meta.queue === queue)
        .map(({ meta }) => decodeCursor(String(meta.cursor)).position);
      expect(positions.length).toBeGreaterThanOrEqual(7);
      positions.slice(1).forEach((position, index) => {
        const before = positions[index] ?? position;
        const steps = [
          compareStreamIds(position.events, before.events),
          compareStreamIds(position.logs, before.logs),
        ].map(Math.sign);
        expect(steps.toSorted()).toEqual([0, 1]);
      });
    }
  });

  it("are those of the newest message when asked for by topic", async () => {
    const { manager, notifier } = makeNotifier();
    notifier.watch("images");
    const viewer = watchAll(manager);
    await notifier.accept([batchOf([added(), active()]), batchOf([added()], { queue: "images" })]);
    const newest = Object.fromEntries(viewer.take().map(({ meta }) => [String(meta.queue), meta.cursor]));
    expect(await cursorsOf(manager, ["*"])).toEqual(newest);
    expect(await cursorsOf(manager, ["queue:emails"])).toEqual({ emails: newest.emails });
    expect(await cursorsOf(manager, ["job:images:9", "queue:emails"])).toEqual(newest);
    expect(await cursorsOf(manager, ["queue:elsewhere", "nonsense"])).toEqual({});
  });

  it("also count entries that made no message", async () => {
    const { manager, notifier } = makeNotifier();
    const batch = batchOf([added()]);
    const end = { ...batch.end, events: `${START_MS + 5}-3` };
    await notifier.accept([{ ...batch, end }]);
    const { emails = "" } = await cursorsOf(manager, ["*"]);
    expect(decodeCursor(emails)).toEqual({ queueTag: queueTag(PREFIX, "emails"), position: end });
  });

  it("are none of a queue whose streams are not found yet, or that is forgotten", async () => {
    const { manager, notifier } = makeNotifier();
    expect(await cursorsOf(manager, ["*", "queue:emails"])).toEqual({});
    await notifier.accept([batchOf([])]);
    expect(await cursorsOf(manager, ["*"])).toHaveProperty("emails");
    notifier.forget("emails");
    expect(await cursorsOf(manager, ["*", "queue:emails"])).toEqual({});
  });
});

describe("a line from a log channel", () => {
  it("reaches the viewers of its job, named if the job is known, and has no cursor", async () => {
    const { manager, notifier } = makeNotifier();
    await notifier.accept([batchOf([])]);
    const viewer = openViewer(manager, { topics: ["job:emails:1"] });
    await viewer.takeUntil("subscribed");
    await notifier.accept([batchOf([added("1", "mail")])]);
    viewer.take();
    const line = { channel: "logs", level: "warn", content: "careful", loggedAtMs: START_MS };
    notifier.acceptLine({ ...line, job: { queue: "emails", jobId: "1" } });
    notifier.acceptLine({ ...line, job: { queue: "emails", jobId: "2" } });
    expect(viewer.take()).toEqual([
      {
        type: "logs",
        content: "careful",
        meta: {
          channel: "logs",
          level: "warn",
          logged_at: new Date(START_MS).toISOString(),
          queue: "emails",
          task_id: "1",
          name: "mail",
        },
        timestamp: expect.stringMatching(/Z$/),
      },
    ]);
  });

  it("that names no job reaches only those who watch everything", () => {
    const { manager, notifier } = makeNotifier();
    const all = openViewer(manager, { clientId: "all", topics: ["*"] });
    const one = openViewer(manager, { clientId: "one", topics: ["queue:emails"] });
    notifier.acceptLine({ channel: "logs", job: null, level: null, content: "plain", loggedAtMs: null });
    expect(all.take()).toMatchObject([
      { type: "logs", content: "plain", meta: { channel: "logs", level: null, logged_at: null } },
    ]);
    expect(one.take()).toEqual([]);
  });
});
