import { describe, expect, it, vi } from "vitest";
import { active, added, batchOf, completed, progress, START_MS } from "./support/facts.ts";
import { snapshotOf } from "./support/fake-reader.ts";
import { openViewer } from "./support/manager.ts";
import { cursorsOf, makeNotifier } from "./support/notifier.ts";

describe("a job that is subscribed to by its id", () => {
  it("is shown as it stands, then told live, but not what the snapshot has said already", async () => {
    const position = batchOf([added(), active(), progress(50)]).end;
    const { manager, notifier } = makeNotifier({
      snapshots: async (keys) =>
        keys.map((key) => snapshotOf({ ...key, state: "active", exists: true, name: "mail", progress: 50, position })),
    });
    const batch = batchOf([added(), active(), progress(50), progress(60)]);
    await notifier.accept([
      { ...batch, facts: batch.facts.slice(0, 1), end: { ...batch.start, events: `${START_MS}-0` } },
    ]);
    const viewer = openViewer(manager, { topics: ["job:emails:1"] });
    expect(await viewer.takeUntil("subscribed")).toMatchObject([
      { type: "snapshot", content: { state: "active", progress: 50 } },
      { type: "subscribed", content: { recovered: false } },
    ]);
    const other = openViewer(manager, { clientId: "other", topics: ["*"] });
    await notifier.accept([
      { ...batch, facts: batch.facts.slice(1), start: { ...batch.start, events: `${START_MS}-0` } },
    ]);
    expect(viewer.take().map(({ content }) => content)).toEqual([60]);
    expect(other.take().map(({ content }) => content)).toEqual([null, 50, 60]);
  });

  it("that was removed as it ended is answered for by its end", async () => {
    const batch = batchOf([added(), active(), completed("the result")]);
    const { manager, notifier } = makeNotifier({
      snapshots: async (keys) => keys.map((key) => snapshotOf({ ...key, position: batch.end })),
    });
    await notifier.accept([batch]);
    const viewer = openViewer(manager, { topics: ["job:emails:1", "job:emails:2"] });
    expect(await viewer.takeUntil("subscribed")).toMatchObject([
      { type: "snapshot", content: { state: "completed", result: "the result" }, meta: { task_id: "1" } },
      { type: "snapshot", content: { state: "unknown", result: null }, meta: { task_id: "2" } },
      { type: "subscribed" },
    ]);
  });

  it("is shown when its lines have been told, also after its end", async () => {
    const batch = batchOf([added(), active(), completed("x")]);
    const { manager, notifier } = makeNotifier({
      toldLines: () => 3,
      snapshots: async (keys) =>
        keys.map((key) =>
          snapshotOf({
            ...key,
            state: "completed",
            exists: true,
            position: batch.end,
            logs: ["a", "b", "c"],
            firstLine: 0,
            logCount: 3,
          }),
        ),
    });
    await notifier.accept([batch]);
    const viewer = openViewer(manager, { topics: ["job:emails:1"] });
    expect(await viewer.takeUntil("subscribed")).toMatchObject([{ type: "snapshot" }, { type: "subscribed" }]);
  });

  it("is shown its end once when it goes on faster than snapshots come, and is then removed with its end", async () => {
    let [steps, answers] = [0, 0];
    const told = [added(), active(), ...Array.from({ length: 20 }, (_, value) => progress(value)), completed("x")];
    const { facts, start, end } = batchOf(told);
    const { manager, notifier } = makeNotifier({
      snapshots: async (keys) => {
        answers += 1;
        // It goes on while the answer is on its way; from the fourth time on it is gone, which has not been read yet.
        if (answers > 3) return keys.map((key) => snapshotOf({ ...key, position: end }));
        const position = batchOf(told.slice(0, steps)).end;
        await publish(1);
        return keys.map((key) => snapshotOf({ ...key, state: "active", exists: true, name: "mail", position }));
      },
    });
    const publish = async (count: number) => {
      const part = facts.slice(steps, steps + count);
      const [from, to] = [steps, steps + count].map((upTo) => (upTo ? batchOf(told.slice(0, upTo)).end : start));
      steps += count;
      await notifier.accept([{ queue: "emails", gap: null, start: from ?? start, end: to ?? end, facts: part }]);
    };
    await publish(2);
    const viewer = openViewer(manager, { topics: ["job:emails:1"] });
    await vi.waitUntil(() => answers > 3);
    await publish(facts.length - steps);
    const sent = await viewer.takeUntil("subscribed");
    const isEnd = ({ type, content }: { type: string; content: unknown }) =>
      type === "task_success" || (type === "snapshot" && (content as { state: string }).state === "completed");
    expect([...sent, ...viewer.take()].filter(isEnd)).toHaveLength(1);
  });

  it("is shown when Redis has lost what was told of it", async () => {
    const batch = batchOf([added(), active(), progress(1)]);
    const lost = { ...batch.end, events: `${START_MS + 1}-0` };
    const { manager, notifier } = makeNotifier({
      snapshots: async (keys) =>
        keys.map((key) => snapshotOf({ ...key, state: "active", exists: true, position: lost })),
    });
    await notifier.accept([batch]);
    await notifier.accept([{ ...batch, gap: { missed: null }, start: lost, end: lost, facts: [] }]);
    const viewer = openViewer(manager, { topics: ["job:emails:1"] });
    expect(await viewer.takeUntil("subscribed")).toMatchObject([{ type: "snapshot" }, { type: "subscribed" }]);
  });
});

describe("facts that were gone before they could be read", () => {
  it("are told as a gap, with snapshots of the jobs it may concern, before what comes after", async () => {
    const { manager, notifier } = makeNotifier({
      jobsSince: async () => ({ ids: ["2"], truncated: false }),
      snapshots: async (keys) =>
        keys.map((key) =>
          snapshotOf({ ...key, state: "completed", exists: true, name: "mail", result: key.jobId, attemptsMade: 1 }),
        ),
    });
    const all = openViewer(manager, { clientId: "all", topics: ["*"] });
    await notifier.accept([batchOf([added("1"), active("1")])]);
    const job = openViewer(manager, { clientId: "job", topics: ["job:emails:3"] });
    await job.takeUntil("subscribed");
    const elsewhere = openViewer(manager, { clientId: "elsewhere", topics: ["queue:images"] });
    all.take();
    await notifier.accept([{ ...batchOf([{ kind: "paused" }], { atMs: START_MS + 500 }), gap: { missed: 7 } }]);
    expect(job.take()).toMatchObject([
      { type: "gap", content: { queue: "emails", missed: 7, truncated: false } },
      { type: "snapshot", meta: { task_id: "3" } },
    ]);
    const sent = all.take();
    expect(sent[0]).toMatchObject({ type: "gap", content: { queue: "emails", missed: 7, truncated: false } });
    expect(new Set(sent.slice(1, -1).map(({ type, meta }) => `${type} ${meta.task_id}`))).toEqual(
      new Set(["snapshot 1", "snapshot 2", "snapshot 3"]),
    );
    expect(sent.at(-1)?.type).toBe("queue_paused");
    expect(elsewhere.take()).toEqual([]);
  });

  it("are a gap too for who hands back a cursor from before them", async () => {
    const { manager, notifier } = makeNotifier();
    await notifier.accept([batchOf([added("1")])]);
    const before = (await cursorsOf(manager, ["*"])).emails ?? "";
    await notifier.accept([{ ...batchOf([added("2")], { atMs: START_MS + 500 }), gap: { missed: null } }]);
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [before] });
    expect(await viewer.takeUntil("subscribed")).toMatchObject([
      { type: "gap", content: { queue: "emails", missed: null } },
      { type: "subscribed", content: { recovered: false } },
    ]);
  });
});
