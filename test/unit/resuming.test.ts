import { describe, expect, it } from "vitest";
import { encodeCursor, queueTag } from "../../src/notifier/cursor.ts";
import type { JobReader } from "../../src/sources/job-reader.ts";
import { active, added, batchOf, completed, log, progress, START_MS } from "./support/facts.ts";
import { snapshotOf } from "./support/fake-reader.ts";
import { latch } from "./support/latch.ts";
import { openViewer } from "./support/manager.ts";
import { cursorAt, cursorsOf, makeNotifier, PREFIX, watchAll } from "./support/notifier.ts";

describe("a viewer that comes back with its cursors", () => {
  async function advance(overrides: Partial<JobReader> = {}) {
    const made = makeNotifier(overrides);
    made.notifier.watch("images");
    const old = batchOf([added()]);
    await made.notifier.accept([old, batchOf([added()], { queue: "images" })]);
    const { emails = "", images = "" } = await cursorsOf(made.manager, ["*"]);
    await made.notifier.accept([batchOf([active(), progress(40)], { atMs: START_MS + 10 })]);
    return { ...made, before: { emails, images } };
  }

  it("gets exactly what was published since, queue by queue, and hears that nothing is missing", async () => {
    const { manager, notifier, before } = await advance();
    const live = watchAll(manager);
    await notifier.accept([batchOf([added("2"), completed("x")], { atMs: START_MS + 20 })]);
    const behind = openViewer(manager, { clientId: "behind", topics: ["*"], since: [before.emails, before.images] });
    const missed = await behind.takeUntil("subscribed");
    expect(missed.map(({ type }) => type)).toEqual([
      "task_active",
      "task_progress",
      "task_added",
      "task_success",
      "subscribed",
    ]);
    expect(missed.slice(2, 4)).toEqual(live.take());
    expect(missed.at(-1)).toMatchObject({ content: { recovered: true, cursors: await cursorsOf(manager, ["*"]) } });
  });

  it("gets nothing but the confirmation when it has missed nothing", async () => {
    const { manager, notifier } = await advance();
    const since = Object.values(await cursorsOf(manager, ["*"]));
    const viewer = openViewer(manager, { topics: ["*"], since });
    expect(await viewer.takeUntil("subscribed")).toMatchObject([{ type: "subscribed", content: { recovered: true } }]);
    await notifier.accept([batchOf([completed("x")], { atMs: START_MS + 20 })]);
    expect(viewer.take()).toMatchObject([{ type: "task_success" }]);
  });

  it("gets of each stream what comes after its cursor, though another node may have read the two otherwise", async () => {
    const { manager, notifier } = makeNotifier();
    const batch = batchOf([added(), log("a"), active(), log("b"), progress(1)]);
    await notifier.accept([batch]);
    const since = [cursorAt({ events: `${START_MS + 2}-0`, logs: batch.start.logs })];
    const viewer = openViewer(manager, { topics: ["*"], since });
    expect((await viewer.takeUntil("subscribed")).map(({ type, content }) => [type, content]).slice(0, -1)).toEqual([
      ["logs", "a"],
      ["logs", "b"],
      ["task_progress", 1],
    ]);
  });

  it("waits for the queue's streams to be found", async () => {
    const { manager, notifier } = makeNotifier();
    const batch = batchOf([added()]);
    const viewer = openViewer(manager, { topics: ["*"], since: [cursorAt(batch.start)] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(viewer.take()).toEqual([]);
    await notifier.accept([batch]);
    expect(await viewer.takeUntil("subscribed")).toMatchObject([
      { type: "task_added" },
      { type: "subscribed", content: { recovered: true } },
    ]);
  });

  it("waits for the bridge to have found its queues", async () => {
    const found = latch();
    const { manager, notifier } = makeNotifier({ isSettled: false, settled: found.promise });
    const batch = batchOf([added()], { queue: "images" });
    const viewer = openViewer(manager, { topics: ["*"], since: [cursorAt(batch.start, "images")] });
    await new Promise((resolve) => setImmediate(resolve));
    expect(viewer.take()).toEqual([]);
    notifier.watch("images");
    await notifier.accept([batch]);
    found.open();
    expect(await viewer.takeUntil("subscribed")).toMatchObject([
      { type: "task_added", meta: { queue: "images" } },
      { type: "subscribed", content: { recovered: true } },
    ]);
  });

  it("gets what only the streams still hold, as it was told when it happened", async () => {
    const old = batchOf([added("old", "mail"), active("old")], { atMs: START_MS - 50 });
    const past = async () => ({ queue: "emails", start: old.start, ids: new Set<string>(), facts: old.facts });
    const { manager } = await advance({ past });
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [cursorAt(old.start)] });
    const sent = await viewer.takeUntil("subscribed");
    expect(sent.map(({ type, meta }) => [type, meta.task_id, meta.name, meta.attempt])).toEqual([
      ["task_added", "old", "mail", 0],
      ["task_active", "old", "mail", 1],
      ["task_added", "1", "mail", 0],
      ["task_active", "1", "mail", 1],
      ["task_progress", "1", "mail", 1],
      ["subscribed", undefined, undefined, undefined],
    ]);
    expect(sent[1]?.meta.cursor).toBe(cursorAt({ ...old.start, events: `${START_MS - 49}-0` }));
    expect(sent.at(-1)).toMatchObject({ content: { recovered: true } });
  });

  it("is told of a gap, and shown how jobs stand, where messages since its cursor are gone", async () => {
    const asked: unknown[] = [];
    const { manager, before } = await advance({
      jobsSince: async (queue, sinceMs) => {
        // The jobs at work of queues that have found a viewer are asked for too.
        if (sinceMs < START_MS) asked.push([queue, sinceMs]);
        return { ids: ["1"], truncated: true };
      },
      snapshots: async (keys) =>
        keys.map((key) =>
          snapshotOf({
            ...key,
            state: "active",
            exists: true,
            name: "mail",
            attemptsMade: 0,
            progress: 40,
            position: batchOf([active(), progress(40)], { atMs: START_MS + 10 }).end,
          }),
        ),
    });
    const tooOld = cursorAt({ events: "5-0", logs: "0-0" });
    const viewer = openViewer(manager, { topics: ["*"], since: [tooOld, before.images] });
    const sent = await viewer.takeUntil("subscribed");
    expect(sent).toMatchObject([
      { type: "gap", content: { queue: "emails", missed: null, truncated: true }, meta: { queue: "emails" } },
      {
        type: "snapshot",
        content: { state: "active", progress: 40 },
        meta: { queue: "emails", task_id: "1", name: "mail" },
      },
      { type: "subscribed", content: { recovered: false, cursors: await cursorsOf(manager, ["*"]) } },
    ]);
    expect(sent[0]?.meta).not.toHaveProperty("cursor");
    expect(sent[1]?.meta).not.toHaveProperty("cursor");
    expect(asked).toEqual([["emails", 5 - 10_000]]);
  });

  it("is given all of a queue that was attached while it was away", async () => {
    const { manager, notifier, before } = await advance();
    notifier.watch("new");
    await notifier.accept([batchOf([added("9")], { queue: "new" })]);
    const viewer = openViewer(manager, { topics: ["*"], since: [before.images] });
    const sent = await viewer.takeUntil("subscribed");
    expect(sent.filter(({ meta }) => meta.queue === "new").map(({ meta }) => meta.task_id)).toEqual(["9"]);
    expect(sent.at(-1)).toMatchObject({ content: { recovered: true } });
  });

  it.each([
    { what: "of a queue not attached", tag: queueTag(PREFIX, "other") },
    { what: "of a bridge with another prefix", tag: queueTag("else", "emails") },
  ])("is told of a gap, without a queue's name, for a cursor that is $what", async ({ tag }) => {
    const { manager, before } = await advance();
    const cursor = encodeCursor(tag, { events: "1-0", logs: "1-0" });
    const viewer = openViewer(manager, { topics: ["*"], since: [before.emails, before.images, cursor] });
    const sent = await viewer.takeUntil("subscribed");
    expect(sent).toMatchObject([
      { type: "gap", content: { queue: null, missed: null, truncated: false } },
      { type: "task_active" },
      { type: "task_progress" },
      { type: "subscribed", content: { recovered: false } },
    ]);
  });

  it("is not told that it has missed nothing when its cursors are of nothing it wants", async () => {
    const { manager, before } = await advance();
    const viewer = openViewer(manager, { topics: ["queue:emails"], since: [before.images ?? ""] });
    expect((await viewer.takeUntil("subscribed")).at(-1)).toMatchObject({ content: { recovered: false } });
  });

  it.each(["forged", ""])("is refused with the forged cursor %j, also next to a good one", async (cursor) => {
    const { manager, before } = await advance();
    for (const since of [[cursor], [before.images, cursor]]) {
      const viewer = openViewer(manager, { topics: ["*"], since });
      expect(viewer.greeting.slice(1)).toMatchObject([{ type: "error", content: { code: "bad_message" } }]);
      expect(viewer.socket.closes.map(({ code }) => code)).toEqual([4400]);
    }
  });
});
