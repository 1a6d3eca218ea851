import { describe, expect, it, vi } from "vitest";
import type { JobKey } from "../../src/sources/job-key.ts";
import { active, added, batchOf, completed, progress, START_MS } from "./support/facts.ts";
import { snapshotOf } from "./support/fake-reader.ts";
import { latch } from "./support/latch.ts";
import type { OpenViewer } from "./support/manager.ts";
import { openViewer } from "./support/manager.ts";
import { cursorAt, cursorsOf, makeNotifier, watchAll } from "./support/notifier.ts";

const LONG_AGO = cursorAt({ events: `${START_MS - 5000}-0`, logs: "0-0" });

async function seenBy(viewer: OpenViewer): Promise<[type: string, job: unknown][]> {
  return (await viewer.takeUntil("subscribed")).map(({ type, meta }) => [type, meta.task_id]);
}

describe("a viewer that comes back after history was lost", () => {
  it("is told, though it stood right before what was lost", async () => {
    const { manager, notifier } = makeNotifier();
    const before = batchOf([added(), active()]);
    await notifier.accept([before]);
    const since = Object.values(await cursorsOf(manager, ["*"]));
    await notifier.accept([
      { ...batchOf([added("9")], { atMs: START_MS + 5000 }), start: before.end, gap: { missed: 500 } },
    ]);
    const viewer = openViewer(manager, { topics: ["*"], since });
    expect((await seenBy(viewer)).map(([type]) => type)).toEqual(["gap", "subscribed"]);
  });

  it("is told of a loss that live viewers are told of only a moment later", async () => {
    const { manager, notifier } = makeNotifier();
    const before = batchOf([added(), active()]);
    await notifier.accept([before]);
    watchAll(manager);
    const first = { ...batchOf([added("2")], { atMs: START_MS + 5000 }), start: before.end, gap: { missed: 5 } };
    const second = { ...batchOf([added("3")], { atMs: START_MS + 6000 }), start: first.end, gap: { missed: 7 } };
    await notifier.accept([first]);
    await notifier.accept([second]);
    const viewer = openViewer(manager, { clientId: "back", topics: ["*"], since: [cursorAt(second.end)] });
    expect((await seenBy(viewer)).map(([type]) => type)).toEqual(["gap", "subscribed"]);
  });

  it("is told when its cursor is of what Redis lost before the bridge began", async () => {
    const { manager, notifier } = makeNotifier();
    notifier.watch("emails", START_MS - 1);
    const start = { events: `${START_MS - 900}-0`, logs: "0-0" };
    await notifier.accept([{ queue: "emails", gap: null, start, end: start, facts: [] }]);
    await notifier.accept([{ ...batchOf([added("n")]), start }]);
    const lost = cursorAt({ events: `${START_MS - 100}-5`, logs: "0-0" });
    const viewer = openViewer(manager, { topics: ["*"], since: [lost] });
    expect((await seenBy(viewer)).map(([type]) => type)).toEqual(["gap", "subscribed"]);
  });

  it("sees what happens while Redis is asked which jobs to show it", async () => {
    const asked = latch<void>();
    const answer = latch<void>();
    const jobsSince = async (_queue: string, sinceMs: number) => {
      if (sinceMs < START_MS - 1) {
        asked.open();
        await answer.promise;
      }
      return { ids: [], truncated: false };
    };
    const { manager, notifier } = makeNotifier({ jobsSince });
    await notifier.accept([batchOf([added("x")])]);
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [LONG_AGO] });
    await asked.promise;
    await notifier.accept([batchOf([active("x"), completed("r", "x")], { atMs: START_MS + 10 })]);
    answer.open();
    expect(await seenBy(viewer)).toEqual([
      ["gap", undefined],
      ["task_active", "x"],
      ["task_success", "x"],
      ["subscribed", undefined],
    ]);
  });

  it("is told once of what is lost before and while Redis is asked which jobs to show it", async () => {
    const asked = latch<void>();
    const answer = latch<void>();
    let questions = 0;
    const jobsSince = async () => {
      questions += 1;
      asked.open();
      if (questions === 1) await answer.promise;
      return { ids: [], truncated: false };
    };
    const { manager, notifier } = makeNotifier({ jobsSince });
    const before = batchOf([added("x")]);
    await notifier.accept([before]);
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [LONG_AGO] });
    await asked.promise;
    await notifier.accept([
      { ...batchOf([added("late")], { atMs: START_MS + 5000 }), start: before.end, gap: { missed: 300 } },
    ]);
    answer.open();
    expect((await seenBy(viewer)).map(([type]) => type)).toEqual(["gap", "task_added", "subscribed"]);
    expect(questions).toBe(2);
  });

  it("is told again of what is lost while it is shown how things stand", async () => {
    const asked = latch<void>();
    const answer = latch<void>();
    const position = { events: `${START_MS}-0`, logs: `${START_MS - 1}-0` };
    const snapshots = async (keys: readonly JobKey[]) => {
      asked.open();
      await answer.promise;
      return keys.map((key) => snapshotOf({ ...key, state: "active", exists: true, position }));
    };
    const { manager, notifier } = makeNotifier({
      snapshots,
      jobsSince: async () => ({ ids: ["x"], truncated: false }),
    });
    const before = batchOf([added("x")]);
    await notifier.accept([before]);
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [LONG_AGO] });
    await asked.promise;
    const lost = notifier.accept([
      { ...batchOf([added("late")], { atMs: START_MS + 5000 }), start: before.end, gap: { missed: 300 } },
    ]);
    await lost;
    answer.open();
    const types = (await seenBy(viewer)).map(([type]) => type);
    expect(types.filter((type) => type === "gap")).toHaveLength(2);
    expect(types.at(-1)).toBe("subscribed");
  });

  it("is not told that it has missed nothing of a queue that was detached meanwhile", async () => {
    const asked = latch<void>();
    const answer = latch<void>();
    const { manager, notifier } = makeNotifier({
      jobsSince: async () => ({ ids: ["x"], truncated: false }),
      past: async (queue, upTo) => {
        asked.open();
        await answer.promise;
        return { queue, start: upTo, ids: new Set(), facts: [] };
      },
    });
    await notifier.accept([batchOf([added("x")])]);
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [LONG_AGO] });
    await asked.promise;
    notifier.forget("emails");
    notifier.watch("emails");
    answer.open();
    const sent = await viewer.takeUntil("subscribed");
    // Of the one that was detached, and of what happened until it was attached again.
    expect(sent.map(({ type }) => type)).toEqual(["gap", "gap", "snapshot", "subscribed"]);
    expect(sent.at(-1)?.content).toMatchObject({ recovered: false });
  });

  it("comes to the present where it loses its place and Redis will not say what has become of the jobs", async () => {
    const refusal = Object.assign(new Error("NOPERM this user has no permissions"), { name: "ReplyError" });
    const { manager, notifier } = makeNotifier({ jobsSince: () => Promise.reject(refusal) });
    // More than is sent in a row.
    const before = batchOf([added("x"), ...Array.from({ length: 300 }, (_, value) => progress(value, "x"))]);
    await notifier.accept([before]);
    const viewer = openViewer(manager);
    const { send } = viewer.socket;
    viewer.socket.send = (bytes) => {
      send.call(viewer.socket, bytes);
      viewer.socket.isFull = true;
    };
    viewer.send({
      type: "subscribe",
      content: { topics: ["queue:emails"], since: { emails: cursorAt(before.start) } },
    });
    await vi.waitUntil(() => viewer.socket.isFull);
    await notifier.accept([
      { ...batchOf([added("late")], { atMs: START_MS + 5000 }), start: before.end, gap: { missed: 300 } },
    ]);
    viewer.socket.send = send;
    viewer.socket.isFull = false;
    viewer.connection.drained();
    const types = (await viewer.takeUntil("subscribed")).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(["gap", "subscribed"]);
  });

  it("is told when its queue loses history after it was given some, also without a cursor", async () => {
    const asked = latch<void>();
    const answer = latch<void>();
    const snapshots = async (keys: readonly JobKey[]) => {
      asked.open();
      await answer.promise;
      return keys.map((key) => snapshotOf({ ...key, state: "active", exists: true }));
    };
    const { manager, notifier } = makeNotifier({ snapshots });
    const before = batchOf([added("x")]);
    await notifier.accept([before]);
    const viewer = openViewer(manager, { topics: ["queue:emails", "job:emails:y"] });
    await asked.promise;
    await notifier.accept([
      { ...batchOf([added("late")], { atMs: START_MS + 5000 }), start: before.end, gap: { missed: 300 } },
    ]);
    answer.open();
    const types = (await viewer.takeUntil("subscribed")).map(({ type }) => type);
    expect(types).toContain("gap");
  });

  it("is told though it left with a cursor handed out while the gap was on its way", async () => {
    const asked = latch<void>();
    const answer = latch<void>();
    const jobsSince = async () => {
      asked.open();
      await answer.promise;
      return { ids: [], truncated: false };
    };
    const { manager, notifier } = makeNotifier({ jobsSince });
    const before = batchOf([added("x")]);
    await notifier.accept([before]);
    watchAll(manager);
    // The stream has been deleted and made anew.
    const start = { events: "0-0", logs: "0-0" };
    const after = { ...batchOf([added("y")], { atMs: START_MS + 5000 }), start, gap: { missed: null } };
    const told = notifier.accept([after]);
    await asked.promise;
    const since = Object.values(await cursorsOf(manager, ["*"]));
    answer.open();
    await told;
    const viewer = openViewer(manager, { clientId: "back", topics: ["*"], since });
    expect((await seenBy(viewer)).map(([type]) => type)).toEqual(["gap", "subscribed"]);
  });
});
