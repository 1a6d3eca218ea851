import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { CatchUp } from "../../src/connections/history.ts";
import type { FakeCatchUp } from "./support/fake-catch-up.ts";
import { fakeCatchUp } from "./support/fake-catch-up.ts";
import { latch } from "./support/latch.ts";
import type { OpenViewer } from "./support/manager.ts";
import { fakeHistory, makeManager, message, openViewer } from "./support/manager.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));
const frames = (count: number) => Array.from({ length: count }, (_, index) => message("task_progress", index));
const closeCodes = ({ socket }: OpenViewer) => socket.closes.map(({ code }) => code);

/** A manager whose history gives out these catch-ups in turn, then none. */
function managerWith(...catchUps: CatchUp[]) {
  const made = makeManager();
  let changes = 0;
  made.manager.useHistory(
    fakeHistory({
      catchUp: () => catchUps.shift() ?? null,
      interestChanged: () => {
        changes += 1;
      },
    }),
  );
  return { ...made, interestChanges: () => changes };
}

describe("a connection that catches up", () => {
  it("is sent only what its socket takes, and nothing is held for it", async () => {
    const catchUp = fakeCatchUp(frames(450));
    const { manager } = managerWith(catchUp);
    const viewer = openViewer(manager, {});
    const { send } = viewer.socket;
    viewer.socket.isFull = true;
    viewer.socket.send = (bytes) => {
      send.call(viewer.socket, bytes);
      viewer.socket.isFull = true;
    };
    viewer.send({ type: "subscribe", content: { topics: ["*"], since: { a: "c" } } });
    expect(catchUp.asked).toBe(0);
    for (let run = 0; run < 5; run += 1) {
      viewer.socket.isFull = false;
      viewer.connection.drained();
      await turn();
      const numbers = viewer.take().flatMap(({ type, content }) => (type === "subscribed" ? type : [content]));
      const expected = Array.from({ length: run < 4 ? 100 : 50 }, (_, index) => run * 100 + index);
      expect(numbers).toEqual(run < 4 ? expected : [...expected, "subscribed"]);
      expect(viewer.connection.outbox.messages).toBe(0);
    }
  });

  it("is not closed for what it catches up with, however small its outbox, nor joined when it was closed", async () => {
    const catchUp = fakeCatchUp(frames(90));
    const made = makeManager({ maxQueueSize: 20 });
    made.manager.useHistory(fakeHistory({ catchUp: () => catchUp }));
    const viewer = openViewer(made.manager, {});
    const { send } = viewer.socket;
    viewer.socket.send = (bytes) => {
      send.call(viewer.socket, bytes);
      viewer.socket.isFull = true;
    };
    viewer.send({ type: "subscribe", content: { topics: ["*"], since: { a: "c" } } });
    for (let drains = 0; drains < 20; drains += 1) {
      viewer.socket.isFull = false;
      viewer.connection.drained();
      await turn();
    }
    expect(closeCodes(viewer)).toEqual([]);
    expect(viewer.take()).toHaveLength(91);
    made.manager.remove(viewer.connection);
    expect(made.manager.isWatched(["*"])).toBe(false);
  });

  it("may ask for more meanwhile, but not for more than is worth keeping", () => {
    const { manager } = managerWith(fakeCatchUp(["unready"], { prepare: () => new Promise(() => undefined) }));
    const viewer = openViewer(manager, {});
    viewer.send({ type: "subscribe", content: { topics: ["*"], since: { a: "c" } } });
    const topics = Array.from({ length: 80 }, (_, index) => `job:emails:${index}-${"x".repeat(400)}`);
    // As much as a thousand of the longest topics, which fit.
    for (let request = 0; request < 17; request += 1) viewer.send({ type: "subscribe", content: { topics } });
    expect(viewer.take()).toEqual([]);
    viewer.send({ type: "subscribe", content: { topics } });
    expect(viewer.take()).toMatchObject([{ type: "error", content: { code: "bad_message" } }]);
  });

  it("is not subscribed before it has caught up, and joins in the turn in which it has", async () => {
    const prepared = latch();
    const order: string[] = [];
    const catchUp = fakeCatchUp([message("task_active"), "unready", message("task_progress")], {
      prepare: () => prepared.promise,
    });
    const { manager, interestChanges } = managerWith({
      get recovered() {
        return true;
      },
      next() {
        return catchUp.next();
      },
      prepare: () => catchUp.prepare(),
      joined: () => void order.push(`joined with ${manager.publish(message("task_success"), ["*"])}`),
      close: () => void order.push("closed"),
    });
    const viewer = openViewer(manager, { topics: ["*"], since: ["c"] });
    expect(viewer.greeting.slice(1)).toMatchObject([{ type: "task_active" }]);
    expect(manager.publish(message("task_stalled"), ["*"])).toBe(0);
    const before = interestChanges();
    prepared.open();
    await turn();
    expect(viewer.take().map(({ type }) => type)).toEqual(["task_progress", "subscribed", "task_success"]);
    expect(order).toEqual(["joined with 1", "closed"]);
    expect(interestChanges()).toBeGreaterThan(before);
  });

  it("gets messages that are for everybody or for it alone meanwhile", async () => {
    const prepared = latch();
    const { manager } = managerWith(fakeCatchUp(["unready"], { prepare: () => prepared.promise }));
    const viewer = openViewer(manager, { clientId: "anna", topics: ["*"], since: ["c"] });
    expect(manager.notify({ type: "news" })).toBe(1);
    expect(manager.notify({ type: "note" }, { clientId: "anna" })).toBe(1);
    viewer.send({ type: "ping" });
    expect(viewer.take().map(({ type }) => type)).toEqual(["news", "note", "pong"]);
    prepared.open();
  });

  it("asks for what comes next once at a time, however often its socket drains", async () => {
    const prepared = latch();
    const catchUp = fakeCatchUp(["unready", "unready"], { prepare: () => prepared.promise });
    const { manager } = managerWith(catchUp);
    const viewer = openViewer(manager, { topics: ["*"], since: ["c"] });
    for (let drains = 0; drains < 3; drains += 1) {
      viewer.connection.drained();
      await turn();
    }
    expect(catchUp.prepared).toBe(1);
    prepared.open();
    await turn();
    expect(catchUp.prepared).toBe(2);
    expect(viewer.take()).toMatchObject([{ type: "subscribed" }]);
  });
});

describe("requests during a catch-up", () => {
  it("wait and are answered in their order", async () => {
    const prepared = latch();
    const first = fakeCatchUp(["unready", message("task_active")], { prepare: () => prepared.promise });
    const { manager } = managerWith(first);
    const viewer = openViewer(manager, { topics: ["queue:a"], since: ["c"] });
    viewer.send({ type: "subscribe", content: { topics: ["queue:b"] }, meta: { request_id: 1 } });
    viewer.send({ type: "unsubscribe", content: { topics: ["queue:a"] }, meta: { request_id: 2 } });
    viewer.send({ type: "subscribe", content: { topics: ["queue:c"] }, meta: { request_id: 3 } });
    expect(viewer.take()).toEqual([]);
    prepared.open();
    await turn();
    expect(viewer.take().map(({ type, meta }) => [type, meta.request_id])).toEqual([
      ["task_active", undefined],
      ["subscribed", undefined],
      ["subscribed", 1],
      ["unsubscribed", 2],
      ["subscribed", 3],
    ]);
    const topics = ["queue:a", "queue:b", "queue:c"];
    expect(topics.map((topic) => manager.publish(message("task_added"), [topic]))).toEqual([0, 1, 1]);
  });

  it("wait again for one among them that catches up itself", async () => {
    const [first, second] = [latch(), latch()];
    const { manager } = managerWith(
      fakeCatchUp(["unready"], { prepare: () => first.promise }),
      fakeCatchUp(["unready", message("snapshot")], { prepare: () => second.promise }),
    );
    const viewer = openViewer(manager, { topics: ["queue:a"], since: ["c"] });
    viewer.send({ type: "subscribe", content: { topics: ["job:a:1"] }, meta: { request_id: 1 } });
    viewer.send({ type: "unsubscribe", content: { topics: ["job:a:1"] }, meta: { request_id: 2 } });
    first.open();
    await turn();
    viewer.send({ type: "subscribe", content: { topics: ["queue:b"] }, meta: { request_id: 3 } });
    expect(viewer.take().map(({ type }) => type)).toEqual(["subscribed"]);
    second.open();
    await turn();
    expect(viewer.take().map(({ type, meta }) => [type, meta.request_id])).toEqual([
      ["snapshot", undefined],
      ["subscribed", 1],
      ["unsubscribed", 2],
      ["subscribed", 3],
    ]);
    expect(manager.publish(message("task_added"), ["job:a:1"])).toBe(0);
  });

  it("that cannot be carried out are refused when their turn comes, and hold up no other", async () => {
    const prepared = latch();
    const { manager } = managerWith(fakeCatchUp(["unready"], { prepare: () => prepared.promise }));
    const viewer = openViewer(manager, { topics: ["queue:a"], since: ["c"] });
    viewer.send({ type: "subscribe", content: { topics: ["queue:b"], since: { b: "c" } }, meta: { request_id: 1 } });
    viewer.send({ type: "subscribe", content: { topics: ["queue:c"] }, meta: { request_id: 2 } });
    prepared.open();
    await turn();
    expect(viewer.take()).toMatchObject([
      { type: "subscribed" },
      { type: "error", content: { code: "bad_message" }, meta: { request_id: 1 } },
      { type: "subscribed", meta: { request_id: 2 } },
    ]);
  });

  it("are refused beyond a thousand", () => {
    const { manager } = managerWith(fakeCatchUp(["unready"], { prepare: () => new Promise(() => undefined) }));
    const viewer = openViewer(manager, { topics: ["queue:a"], since: ["c"] });
    for (let count = 0; count < 1000; count += 1) viewer.send({ type: "unsubscribe", content: { topics: ["*"] } });
    expect(viewer.take()).toEqual([]);
    viewer.send({ type: "unsubscribe", content: { topics: ["*"] }, meta: { request_id: 1 } });
    expect(viewer.take()).toMatchObject([{ type: "error", content: { code: "bad_message" }, meta: { request_id: 1 } }]);
  });
});

describe("a connection that is closed while it catches up", () => {
  it.each(["removed", "closed"])("lets its catch-up go and is sent nothing more: %s", async (how) => {
    const prepared = latch();
    const catchUp = fakeCatchUp(["unready", message("task_active")], { prepare: () => prepared.promise });
    const { manager } = managerWith(catchUp);
    const viewer = openViewer(manager, { clientId: "anna", topics: ["*"], since: ["c"] });
    viewer.send({ type: "subscribe", content: { topics: ["queue:b"] } });
    if (how === "removed") manager.remove(viewer.connection);
    else manager.disconnect("anna");
    prepared.open();
    await turn();
    expect(catchUp).toMatchObject({ closes: 1, joins: 0 });
    expect(viewer.take()).toEqual([]);
    expect(manager.publish(message("task_added"), ["*", "queue:b"])).toBe(0);
  });

  it("by its full outbox lets it go too", () => {
    const catchUp = fakeCatchUp(["unready"], { prepare: () => new Promise(() => undefined) });
    const made = makeManager({ maxQueueSize: 1 });
    made.manager.useHistory(fakeHistory({ catchUp: () => catchUp }));
    const viewer = openViewer(made.manager, { topics: ["*"], since: ["c"] });
    viewer.socket.isFull = true;
    for (const type of ["news", "more"]) made.manager.notify({ type });
    made.manager.flush();
    expect(closeCodes(viewer)).toEqual([4290]);
    expect(catchUp).toMatchObject({ closes: 1, joins: 0 });
  });
});

describe("the time a catch-up may take", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is two minutes; who is slower is closed (4290) and may come back with its cursors", () => {
    // A hundred go out in a row.
    const catchUp = fakeCatchUp(frames(20_000));
    const { manager } = managerWith(catchUp);
    const viewer = openViewer(manager, {});
    const { send } = viewer.socket;
    viewer.socket.send = (bytes) => {
      send.call(viewer.socket, bytes);
      viewer.socket.isFull = true;
    };
    viewer.send({ type: "subscribe", content: { topics: ["*"], since: { a: "c" } } });
    for (let seconds = 1; seconds <= 120; seconds += 1) {
      vi.advanceTimersByTime(1000);
      viewer.socket.isFull = false;
      viewer.connection.drained();
      vi.advanceTimersByTime(0);
    }
    expect(closeCodes(viewer)).toEqual([]);
    expect(viewer.take().length).toBeGreaterThan(100);
    vi.advanceTimersByTime(1000);
    viewer.socket.isFull = false;
    viewer.connection.drained();
    vi.advanceTimersByTime(0);
    expect(closeCodes(viewer)).toEqual([4290]);
    expect(catchUp).toMatchObject({ closes: 1, joins: 0 });
    expect(viewer.take()).toEqual([]);
  });
});

it("does not begin with what was kept: what is waited for on behalf of others is not the client's slowness", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const prepared = latch();
  const catchUp = fakeCatchUp([message("widget"), "unready", message("snapshot")], { prepare: () => prepared.promise });
  const { manager } = managerWith(catchUp);
  const viewer = openViewer(manager, { topics: ["*"] });
  expect(viewer.greeting.map(({ type }) => type)).toEqual(["connected", "widget"]);
  vi.advanceTimersByTime(200_000);
  prepared.open();
  await turn();
  expect(viewer.take().map(({ type }) => type)).toEqual(["snapshot", "subscribed"]);
  expect(closeCodes(viewer)).toEqual([]);
});

describe("many connections that catch up at a time", () => {
  const catchUpOf = (count: number): FakeCatchUp => fakeCatchUp(frames(count));

  it("take turns: none is sent more than a hundred messages in a row, all together two thousand in a turn", async () => {
    const catchUps = Array.from({ length: 40 }, () => catchUpOf(350));
    const { manager } = managerWith(...catchUps);
    const viewers = catchUps.map((_, index) =>
      openViewer(manager, { clientId: `viewer-${index}`, topics: ["*"], since: ["c"] }),
    );
    const left = () => catchUps.map(({ steps }) => steps.length);
    // The first hundred at once, as it was asked for.
    expect(left()).toEqual(catchUps.map(() => 250));
    let turns = 0;
    for (let before = left(); before.some((count) => count > 0); turns += 1) {
      await turn();
      const now = left();
      const sent = before.map((count, index) => count - (now[index] ?? 0));
      expect(Math.max(...sent)).toBeLessThanOrEqual(100);
      expect(sent.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2000);
      before = now;
    }
    await turn();
    expect(turns).toBeGreaterThanOrEqual(5);
    // What each was sent when it connected is taken out already.
    for (const viewer of viewers)
      expect(
        viewer
          .take()
          .map(({ type }) => type)
          .at(-1),
      ).toBe("subscribed");
    expect(catchUps.map(({ joins, closes }) => [joins, closes])).toEqual(catchUps.map(() => [1, 1]));
  });

  it("let others be served between their turns, and nobody starve", async () => {
    const endless: CatchUp[] = Array.from({ length: 30 }, () => ({
      ...catchUpOf(0),
      next: () => message("task_progress"),
    }));
    const short = catchUpOf(500);
    const { manager } = managerWith(...endless, short);
    const busy = endless.map((_, index) =>
      openViewer(manager, { clientId: `busy-${index}`, topics: ["*"], since: ["c"] }),
    );
    const viewer = openViewer(manager, { clientId: "short", topics: ["*"], since: ["c"] });
    const live = openViewer(manager, { clientId: "live" });
    live.send({ type: "subscribe", content: { topics: ["queue:a"] } });
    for (let turns = 0; turns < 20; turns += 1) {
      expect(manager.publish(message("task_added"), ["queue:a"])).toBe(1);
      for (const { socket } of busy) socket.sent.length = 0;
      await turn();
    }
    expect(short.joins).toBe(1);
    expect(viewer.take().at(-1)).toMatchObject({ type: "subscribed" });
    expect(live.take().filter(({ type }) => type === "task_added")).toHaveLength(20);
  });
});

describe("a connection that is closed while it subscribes", () => {
  it.each([
    { what: "at once", since: null },
    { what: "after catching up", since: ["c"] },
  ])("leaves nothing behind: subscribed $what", ({ since }) => {
    const catchUp = fakeCatchUp([], {});
    const { manager } = makeManager({ maxQueueSize: 2 });
    if (since) manager.useHistory(fakeHistory({ catchUp: () => catchUp }));
    const viewer = openViewer(manager, { topics: [] });
    viewer.socket.isFull = true;
    // The first is handed to it at once, the others when anything else is done to it.
    for (const type of ["one", "two", "three", "four"]) manager.notify({ type });
    viewer.send({ type: "subscribe", content: { topics: ["queue:a"] } });
    expect(closeCodes(viewer)).toEqual([4290]);
    expect([...manager.topics()]).toEqual([]);
    manager.remove(viewer.connection);
    expect(manager.isWatched(["queue:a"])).toBe(false);
    if (since) expect(catchUp.closes).toBe(1);
  });
});
