import { afterEach, describe, expect, it, vi } from "vitest";
import type { JobKey } from "../../src/sources/job-key.ts";
import { added, batchOf, completed, factsOf, progress, START_MS } from "./support/facts.ts";
import { snapshotOf } from "./support/fake-reader.ts";
import { latch } from "./support/latch.ts";
import type { OpenViewer } from "./support/manager.ts";
import { openViewer } from "./support/manager.ts";
import { cursorsOf, makeNotifier } from "./support/notifier.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const shownAs = (state: "active" | "completed") => (key: JobKey) =>
  snapshotOf({ ...key, state, exists: true, name: "mail", attemptsMade: 1, firstLine: 0 });
const statesIn = (viewer: OpenViewer) =>
  viewer.take().flatMap(({ type, content }) => (type === "snapshot" ? (content as { state: string }).state : []));

afterEach(() => {
  vi.useRealTimers();
});

describe("a queue that is attached while a viewer catches up", () => {
  it("is caught up on too by one that comes back", async () => {
    const { manager, notifier } = makeNotifier();
    await notifier.accept([batchOf([added()])]);
    const { emails = "" } = await cursorsOf(manager, ["*"]);
    await notifier.accept([
      batchOf(
        Array.from({ length: 300 }, (_, value) => progress(value)),
        { atMs: START_MS + 10 },
      ),
    ]);
    const viewer = openViewer(manager, { clientId: "slow" });
    const { send } = viewer.socket;
    viewer.socket.send = (bytes) => {
      send.call(viewer.socket, bytes);
      viewer.socket.isFull = true;
    };
    viewer.send({ type: "subscribe", content: { topics: ["*"], since: { emails } } });
    await turn();
    notifier.watch("images");
    await notifier.accept([batchOf([added("9"), completed("r", "9")], { queue: "images", atMs: START_MS + 400 })]);
    const sent = [];
    for (let drains = 0; drains < 10; drains += 1) {
      viewer.socket.isFull = false;
      viewer.connection.drained();
      await turn();
      sent.push(...viewer.take());
    }
    expect(sent.filter(({ meta }) => meta.queue === "images").map(({ type }) => type)).toEqual([
      "task_added",
      "task_success",
    ]);
    expect(sent.at(-1)).toMatchObject({ type: "subscribed", content: { recovered: true } });
  });

  it("has its job shown to who asked for it among others", async () => {
    const read = latch();
    const snapshots = async (keys: readonly JobKey[]) => {
      if (keys.some(({ queue }) => queue === "emails")) await read.promise;
      return keys.map(shownAs("completed"));
    };
    const { manager, notifier } = makeNotifier({ snapshots });
    await notifier.accept([batchOf([])]);
    const viewer = openViewer(manager, { topics: ["job:emails:1", "job:images:9"] });
    await turn();
    notifier.watch("images");
    await notifier.accept([batchOf([added("9"), completed("r", "9")], { queue: "images" })]);
    read.open();
    const sent = await viewer.takeUntil("subscribed");
    const states = sent.flatMap(({ type, meta, content }) =>
      type === "snapshot" && meta.queue === "images" ? (content as { state: string }).state : [],
    );
    expect(states).toEqual(["unknown", "completed"]);
  });
});

it("a queue that was attached while a viewer was away and has lost history since is told to it as a gap", async () => {
  const { manager, notifier } = makeNotifier();
  await notifier.accept([batchOf([added()])]);
  const since = Object.values(await cursorsOf(manager, ["*"]));
  notifier.watch("images");
  await notifier.accept([batchOf([added("9")], { queue: "images", atMs: START_MS + 50 })]);
  const lost = batchOf([added("10")], { queue: "images", atMs: START_MS + 100 });
  await notifier.accept([{ ...lost, gap: { missed: 5 } }]);
  const viewer = openViewer(manager, { topics: ["*"], since });
  const sent = await viewer.takeUntil("subscribed");
  expect(sent).toMatchObject([
    { type: "gap", content: { queue: "images" } },
    { type: "subscribed", content: { recovered: false } },
  ]);
});

describe("a snapshot that is owed", () => {
  it("is sent as soon as Redis answers again", async () => {
    vi.useFakeTimers();
    let isAway = false;
    const snapshots = async (keys: readonly JobKey[]) => {
      if (isAway) throw new Error("Redis is away");
      return keys.map(shownAs("active"));
    };
    const { manager, notifier } = makeNotifier({
      snapshots,
      probe: async (keys) => keys.map(() => ({ exists: true, finished: false })),
      jobsSince: async () => ({ ids: ["5"], truncated: false }),
    });
    const viewer = openViewer(manager, { topics: ["job:images:9", "queue:emails"] });
    await notifier.accept([batchOf([])]);
    await vi.advanceTimersByTimeAsync(10);
    expect(statesIn(viewer)).toEqual(["unknown"]);
    isAway = true;
    notifier.watch("images");
    await notifier.accept([batchOf([], { queue: "images" })]);
    await notifier.accept([{ ...batchOf([], { atMs: START_MS + 100 }), gap: { missed: 3 } }]);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(statesIn(viewer)).toEqual([]);
    isAway = false;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(statesIn(viewer)).toEqual(["active", "active"]);
  });

  it("is taken again when a line of the job's own log has overtaken it", async () => {
    let lines = ["l0"];
    const reading = latch();
    const answer = latch();
    let isFirst = true;
    const snapshots = async (keys: readonly JobKey[]) => {
      const logs = lines;
      if (isFirst) {
        isFirst = false;
        reading.open();
        await answer.promise;
      }
      return keys.map((key) => ({ ...shownAs("active")(key), logs, logCount: logs.length }));
    };
    const jobsSince = async () => ({ ids: ["5"], truncated: false });
    const { manager, notifier } = makeNotifier({ snapshots, jobsSince, toldLines: () => lines.length });
    await notifier.accept([batchOf([])]);
    const viewer = openViewer(manager, { topics: ["queue:emails"] });
    const told = notifier.accept([{ ...batchOf([], { atMs: START_MS + 100 }), gap: { missed: 3 } }]);
    await reading.promise;
    lines = ["l0", "l1"];
    notifier.acceptLogLines({ queue: "emails", jobId: "5", lines: [{ line: 1, content: "l1" }] });
    answer.open();
    await told;
    const snapshot = viewer.take().find(({ type }) => type === "snapshot");
    expect(snapshot).toMatchObject({ content: { logs: [{ content: "l0" }, { content: "l1" }] } });
  });
});

it("a queue that came while the bridge was down is caught up on by one who watched everything", async () => {
  const { manager: former, notifier: before } = makeNotifier();
  await before.accept([batchOf([added()])]);
  const since = Object.values(await cursorsOf(former, ["*"]));
  // It was added to and done before the bridge was there again, which found it then.
  const facts = factsOf([added("9"), completed("r", "9")], { queue: "images", atMs: START_MS + 50 });
  const { manager, notifier } = makeNotifier({
    isSettled: false,
    past: async (queue, upTo) =>
      queue === "images"
        ? { queue, start: { events: "0-0", logs: "0-0" }, ids: new Set(facts.map(({ streamId }) => streamId)), facts }
        : { queue, start: upTo, ids: new Set(), facts: [] },
  });
  notifier.watch("images");
  const now = { events: `${START_MS + 100}-0`, logs: `${START_MS + 100}-0` };
  await notifier.accept([batchOf([added()])]);
  await notifier.accept([{ queue: "images", gap: null, start: now, end: now, facts: [] }]);
  const viewer = openViewer(manager, { topics: ["*"], since });
  const sent = await viewer.takeUntil("subscribed");
  expect(sent.map(({ type, meta }) => [type, meta.queue])).toEqual([
    ["task_added", "images"],
    ["task_success", "images"],
    ["subscribed", undefined],
  ]);
  expect(sent.at(-1)).toMatchObject({ content: { recovered: true } });
});
