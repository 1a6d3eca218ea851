import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InvalidCursorError } from "../../src/errors.ts";
import { WebSocketMessage } from "../../src/protocol/message.ts";
import { fakeCatchUp } from "./support/fake-catch-up.ts";
import type { OpenViewer } from "./support/manager.ts";
import { fakeHistory, makeManager, message, openViewer, WARN } from "./support/manager.ts";

const contents = (viewer: OpenViewer) => viewer.take().map(({ content }) => content);
const types = (viewer: OpenViewer) => viewer.take().map(({ type }) => type);
const closeCodes = ({ socket }: OpenViewer) => socket.closes.map(({ code }) => code);

describe("opening a connection", () => {
  it("greets it with what it needs to know", () => {
    const { manager } = makeManager({ enableHeartbeat: true, heartbeatInterval: 5, heartbeatTimeout: 11 });
    const { greeting } = openViewer(manager, { clientId: "anna" });
    expect(greeting).toEqual([
      {
        type: "connected",
        content: { client_id: "anna", protocol: 1, topics: [], heartbeat_interval: 5, heartbeat_timeout: 11 },
        meta: {},
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    ]);
  });

  it("promises no heartbeat where there is none", () => {
    const { manager } = makeManager({ enableHeartbeat: false });
    expect(openViewer(manager).greeting).toMatchObject([
      { type: "connected", content: { heartbeat_interval: null, heartbeat_timeout: null } },
    ]);
  });

  it("confirms the topics it starts with, after the greeting", () => {
    const { manager } = makeManager();
    manager.useHistory(fakeHistory({ cursors: () => ({ emails: "position" }) }));
    const { greeting } = openViewer(manager, { topics: ["queue:emails"] });
    expect(greeting).toMatchObject([
      { type: "connected", content: { topics: ["queue:emails"] } },
      {
        type: "subscribed",
        content: { topics: ["queue:emails"], recovered: false, cursors: { emails: "position" } },
      },
    ]);
  });

  it("sends what was missed since the cursors handed back, before it confirms the topics", () => {
    const { manager } = makeManager();
    const asked: unknown[] = [];
    manager.useHistory(
      fakeHistory({
        cursors: () => ({ emails: "position" }),
        catchUp: (_connection, topics, since) => {
          asked.push([topics, since]);
          return fakeCatchUp([message("task_active", 1), message("task_success", 2)]);
        },
      }),
    );
    const { greeting } = openViewer(manager, { topics: ["*"], since: ["old", "older"] });
    expect(asked).toEqual([[["*"], ["old", "older"]]]);
    expect(greeting.slice(1)).toMatchObject([
      { type: "task_active", content: 1 },
      { type: "task_success", content: 2 },
      { type: "subscribed", content: { topics: ["*"], recovered: true, cursors: { emails: "position" } } },
    ]);
  });

  it("says so when not everything could be given", () => {
    const { manager } = makeManager();
    manager.useHistory(fakeHistory({ catchUp: () => fakeCatchUp([message("gap")], { recovered: false }) }));
    const { greeting } = openViewer(manager, { topics: ["*"], since: ["old"] });
    expect(greeting.slice(1)).toMatchObject([{ type: "gap" }, { type: "subscribed", content: { recovered: false } }]);
  });

  it("asks for none of the past without topics", () => {
    const { manager } = makeManager();
    let asked = 0;
    manager.useHistory(
      fakeHistory({
        catchUp: () => {
          asked += 1;
          return null;
        },
      }),
    );
    expect(openViewer(manager, { topics: [] }).greeting.map(({ type }) => type)).toEqual(["connected"]);
    expect(asked).toBe(0);
  });

  it("refuses a forged cursor of the URL with an error and 4400", () => {
    const { manager } = makeManager();
    manager.useHistory(
      fakeHistory({
        catchUp: () => {
          throw new InvalidCursorError("since: forged");
        },
      }),
    );
    const viewer = openViewer(manager, { topics: ["*"], since: ["forged"] });
    expect(viewer.greeting.slice(1)).toMatchObject([
      { type: "error", content: { code: "bad_message", message: "since: forged" } },
    ]);
    expect(closeCodes(viewer)).toEqual([4400]);
    expect(manager.publish(message("task_added"), ["*"])).toBe(0);
  });

  it("counts connections now, at most and in all", () => {
    const { manager } = makeManager();
    const first = openViewer(manager, { clientId: "a" });
    openViewer(manager, { clientId: "b" });
    manager.remove(first.connection);
    openViewer(manager, { clientId: "c" });
    expect(manager.statistics.connections).toEqual({ current: 2, peak: 2, total: 3 });
    expect([...manager.connections].map(({ clientId }) => clientId)).toEqual(["b", "c"]);
  });
});

describe("delivery", () => {
  it("reaches everybody, one client, or the subscribers of topics", () => {
    const { manager } = makeManager();
    const anna = openViewer(manager, { clientId: "anna", topics: ["queue:a"] });
    const ben = openViewer(manager, { clientId: "ben", topics: ["queue:b"] });
    const carl = openViewer(manager, { clientId: "carl" });

    expect(manager.notify({ type: "news", content: 1 })).toBe(3);
    expect(manager.notify({ type: "news", content: 2 }, { clientId: "ben" })).toBe(1);
    expect(manager.publish(message("task_added", 3), ["queue:a", "job:a:1"])).toBe(1);

    expect(contents(anna)).toEqual([1, 3]);
    expect(contents(ben)).toEqual([1, 2]);
    expect(contents(carl)).toEqual([1]);
  });

  it("sends a message once to a connection with several matching topics", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["*", "queue:a", "job:a:1"] });
    expect(manager.publish(message("task_added", "first"), ["*", "queue:a", "job:a:1"])).toBe(1);
    expect(manager.publish(message("task_added", "second"), ["*", "queue:a", "job:a:1"])).toBe(1);
    expect(contents(viewer)).toEqual(["first", "second"]);
  });

  it("answers 0 for a message nobody is subscribed to and a client that is not there", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["queue:a"] });
    expect(manager.publish(message("task_added"), ["queue:b", "job:b:1"])).toBe(0);
    expect(manager.notify({ type: "news" }, { clientId: "nobody" })).toBe(0);
    expect(viewer.take()).toEqual([]);
  });

  it("reaches nobody through a connection that is gone", () => {
    const { manager } = makeManager();
    const gone = openViewer(manager, { clientId: "gone", topics: ["*"] });
    manager.remove(gone.connection);
    expect(manager.publish(message("task_added"), ["*"])).toBe(0);
    expect(manager.notify({ type: "news" })).toBe(0);
    expect(manager.notify({ type: "news" }, { clientId: "gone" })).toBe(0);
    expect(gone.take()).toEqual([]);
    expect(manager.has("gone")).toBe(false);
  });

  it("leaves out those excepted, and counts them neither", () => {
    const { manager } = makeManager();
    const anna = openViewer(manager, { clientId: "anna", topics: ["*", "queue:a"] });
    const ben = openViewer(manager, { clientId: "ben", topics: ["queue:a"] });
    const except = new Set([anna.connection]);
    expect(manager.publish(message("task_added", 1), ["*", "queue:a"], except)).toBe(1);
    expect(manager.publish(message("task_added", 2), ["*", "queue:a"], null)).toBe(2);
    expect(contents(anna)).toEqual([2]);
    expect(contents(ben)).toEqual([1, 2]);
  });

  it("says who is subscribed to any of some topics, each once", () => {
    const { manager } = makeManager();
    const anna = openViewer(manager, { clientId: "anna", topics: ["*", "queue:a"] });
    const ben = openViewer(manager, { clientId: "ben", topics: ["job:a:1"] });
    expect(manager.subscribers(["*", "queue:a", "job:a:1"])).toEqual(new Set([anna.connection, ben.connection]));
    expect(manager.subscribers(["queue:b"])).toEqual(new Set());
    expect(new Set(manager.topics())).toEqual(new Set(["*", "queue:a", "job:a:1"]));
    manager.remove(ben.connection);
    expect(manager.isWatched(["job:a:1"])).toBe(false);
    expect(new Set(manager.topics())).toEqual(new Set(["*", "queue:a"]));
  });

  it("gives every recipient the very same bytes", () => {
    const { manager } = makeManager();
    const received: Buffer[] = [];
    for (const clientId of ["a", "b"]) {
      const { socket } = openViewer(manager, { clientId, topics: ["*"] });
      socket.send = (bytes) => void received.push(bytes);
    }
    manager.publish(message("task_added"), ["*"]);
    manager.flush();
    expect(received).toHaveLength(2);
    expect(received[0]).toBe(received[1]);
  });

  it("writes once for each recipient what was delivered in one turn, and to all alike", async () => {
    const { manager } = makeManager();
    const received = new Map<string, Buffer[]>();
    for (const [clientId, topics] of [
      ["a", ["*"]],
      ["b", ["*"]],
      ["c", ["queue:q"]],
    ] as const) {
      const { socket } = openViewer(manager, { clientId, topics: [...topics] });
      received.set(clientId, []);
      socket.send = (bytes) => void received.get(clientId)?.push(bytes);
    }
    for (let count = 0; count < 3; count += 1) manager.publish(message("task_added", count), ["*", "queue:q"]);
    manager.publish(message("task_active"), ["*"]);
    expect([...received.values()].flat()).toEqual([]);
    await new Promise((resolve) => process.nextTick(resolve));
    const [a, b, c] = ["a", "b", "c"].map((clientId) => received.get(clientId) ?? []);
    expect([a, b, c].map((writes) => writes?.length)).toEqual([1, 1, 1]);
    expect(a?.[0]).toBe(b?.[0]);
    expect(a?.[0]?.subarray(0, c?.[0]?.length)).toEqual(c?.[0]);
  });

  it("leaves out a content that would fill a good part of an outbox, and says how large the message was", () => {
    const { manager } = makeManager({ maxQueueBytes: 4096 });
    const viewer = openViewer(manager, { topics: ["*"] });
    for (const size of [800, 5000]) {
      manager.publish(manager.encode(new WebSocketMessage({ type: "task_success", content: "x".repeat(size) })), ["*"]);
    }
    const [small, large] = viewer.take();
    expect(small).toMatchObject({ content: "x".repeat(800), meta: {} });
    expect(large).toMatchObject({ type: "task_success", content: null });
    expect(large?.meta.omitted_bytes).toBeGreaterThan(5000);
    expect(large?.meta.omitted_bytes).toBeLessThan(5200);
  });

  it("counts what was sent, by type", () => {
    const { manager } = makeManager();
    openViewer(manager, { clientId: "a", topics: ["*"] });
    openViewer(manager, { clientId: "b", topics: ["*"] });
    manager.publish(message("task_added"), ["*"]);
    expect(manager.statistics.byType).toEqual({ connected: 2, subscribed: 2, task_added: 2 });
    expect(manager.statistics.messages).toMatchObject({ out: 6, dropped: 0 });
  });
});

describe("a slow viewer", () => {
  it("gets what waited in its outbox in order once its socket has drained", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["*"] });
    viewer.socket.isFull = true;
    for (const content of [1, 2, 3]) manager.publish(message("task_progress", content), ["*"]);
    expect(viewer.take()).toEqual([]);
    expect(viewer.connection.outbox.messages).toBe(3);

    viewer.socket.isFull = false;
    // What comes before the drain is reported must not overtake.
    manager.publish(message("task_progress", 4), ["*"]);
    viewer.connection.drained();
    expect(contents(viewer)).toEqual([1, 2, 3, 4]);
    manager.publish(message("task_progress", 5), ["*"]);
    expect(contents(viewer)).toEqual([5]);
  });

  it("is given no more than its socket takes, drain by drain", () => {
    const { manager } = makeManager({ maxQueueBytes: 8 * 1024 ** 2 });
    const viewer = openViewer(manager, { topics: ["*"] });
    const { socket } = viewer;
    const send = socket.send.bind(socket);
    socket.send = (bytes) => {
      send(bytes);
      socket.isFull = true;
    };
    // More than goes out in one write.
    const text = "x".repeat(600_000);
    for (const content of [1, 2, 3]) manager.publish(message("task_success", `${content}${text}`), ["*"]);
    const numbers = () => contents(viewer).map((content) => String(content).slice(0, 1));
    expect(numbers()).toEqual(["1"]);
    socket.isFull = false;
    viewer.connection.drained();
    expect(numbers()).toEqual(["2"]);
    socket.isFull = false;
    viewer.connection.drained();
    expect(numbers()).toEqual(["3"]);
  });

  it("says how long its oldest message has waited", () => {
    vi.useFakeTimers();
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["*"] });
    expect(viewer.connection.lagMs).toBe(0);
    viewer.socket.isFull = true;
    manager.publish(message("task_progress"), ["*"]);
    vi.advanceTimersByTime(1500);
    expect(viewer.connection.lagMs).toBe(1500);
    viewer.socket.isFull = false;
    viewer.connection.drained();
    expect(viewer.connection.lagMs).toBe(0);
    vi.useRealTimers();
  });

  it.each([
    { limit: "messages", options: { maxQueueSize: 4 } },
    { limit: "bytes", options: { maxQueueBytes: 1000 } },
  ])("is closed (4290) when its outbox is full by $limit; others notice nothing", ({ options }) => {
    const { manager, logs } = makeManager(options);
    const slow = openViewer(manager, { clientId: "slow", topics: ["*", "queue:a"] });
    const other = openViewer(manager, { clientId: "other", topics: ["*"] });
    slow.socket.isFull = true;
    const line = "x".repeat(150);
    for (const content of [1, 2, 3, 4]) {
      expect(manager.publish(message("logs", `${content}${line}`), ["*", "queue:a"])).toBe(2);
      manager.flush();
    }
    expect(closeCodes(slow)).toEqual([]);
    for (const content of [5, 6]) {
      expect(manager.publish(message("logs", `${content}${line}`), ["*", "queue:a"])).toBe(1);
      manager.flush();
    }

    expect(closeCodes(slow)).toEqual([4290]);
    expect(slow.connection.outbox.messages).toBe(0);
    expect(manager.statistics.messages.dropped).toBe(5);
    const warnings = logs.filter(({ level }) => level >= WARN);
    expect(warnings).toMatchObject([{ clientId: "slow", dropped: 5 }]);
    expect(other.take()).toHaveLength(6);
    expect(other.connection.isOpen).toBe(true);
    expect(manager.statistics.connections.current).toBe(1);
  });

  it("is closed (4290) when too much waits for all together and for it most", () => {
    const { manager } = makeManager({ maxQueueBytes: 10_000, maxTotalQueueBytes: 12_000 });
    const [far, near, well] = ["far", "near", "well"].map((clientId) =>
      openViewer(manager, { clientId, topics: ["*", `queue:${clientId}`] }),
    ) as [OpenViewer, OpenViewer, OpenViewer];
    for (const { socket } of [far, near]) socket.isFull = true;
    const line = "x".repeat(900);
    manager.publish(message("logs", line), ["queue:far"]);
    while (far.connection.isOpen && near.connection.isOpen && near.connection.outbox.bytes < 9000) {
      manager.publish(message("logs", line), ["*"]);
      well.take();
    }

    expect([far, near, well].map(closeCodes)).toEqual([[4290], [], []]);
    expect(near.connection.outbox.bytes).toBeGreaterThan(4000);
    // What waited for the other is no longer counted.
    near.socket.isFull = false;
    near.connection.drained();
    near.socket.isFull = true;
    for (let count = 0; count < 9; count += 1) manager.publish(message("logs", line), ["*"]);
    expect(closeCodes(near)).toEqual([]);
  });

  it("is not closed for others: who has just been sent something large is not behind", () => {
    const { manager } = makeManager({ maxQueueBytes: 1024 ** 2, maxTotalQueueBytes: 250_000 });
    const slow = openViewer(manager, { clientId: "slow", topics: ["queue:a"] });
    const well = openViewer(manager, { clientId: "well", topics: ["queue:b"] });
    slow.socket.isFull = true;
    const line = "x".repeat(9000);
    manager.publish(message("logs", "y".repeat(240_000)), ["queue:b"]);
    for (let count = 0; count < 40 && slow.connection.isOpen; count += 1) {
      manager.publish(message("logs", line), ["queue:a"]);
      slow.connection.flush();
    }
    expect([slow, well].map(closeCodes)).toEqual([[4290], []]);
  });

  it("gets nothing more once it is being closed, also not by a drain", () => {
    const { manager } = makeManager({ maxQueueSize: 1 });
    const slow = openViewer(manager, { topics: ["*"] });
    slow.socket.isFull = true;
    for (const content of [1, 2]) manager.publish(message("logs", content), ["*"]);
    manager.flush();
    slow.socket.isFull = false;
    slow.connection.drained();
    slow.send({ type: "ping", content: "ping" });
    expect(slow.take()).toEqual([]);
  });
});

describe("a socket that is asked to close", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function overflow() {
    const { manager } = makeManager({ maxQueueSize: 1 });
    const slow = openViewer(manager, { topics: ["*"] });
    slow.socket.isFull = true;
    for (const content of [1, 2]) manager.publish(message("logs", content), ["*"]);
    manager.flush();
    return { manager, slow };
  }

  it("is destroyed when it has not closed two seconds after an overflow", () => {
    const { slow } = overflow();
    vi.advanceTimersByTime(1999);
    expect(slow.socket.terminations).toBe(0);
    vi.advanceTimersByTime(1);
    expect(slow.socket.terminations).toBe(1);
  });

  it("is not destroyed when it closes in time", () => {
    const { manager, slow } = overflow();
    vi.advanceTimersByTime(1000);
    manager.remove(slow.connection);
    vi.advanceTimersByTime(10_000);
    expect(slow.socket.terminations).toBe(0);
  });
});

describe("a second connection of a client id", () => {
  it("replaces the first (4409) and takes over what is sent to that id", () => {
    const { manager } = makeManager();
    const former = openViewer(manager, { clientId: "anna", topics: ["*"] });
    const newer = openViewer(manager, { clientId: "anna", topics: ["*"] });
    expect(closeCodes(former)).toEqual([4409]);
    expect(manager.notify({ type: "news" }, { clientId: "anna" })).toBe(1);
    expect(manager.publish(message("task_added"), ["*"])).toBe(1);
    expect(former.take()).toEqual([]);
    expect(types(newer)).toEqual(["news", "task_added"]);
    expect(manager.statistics.connections.current).toBe(1);
  });

  it("stays when the socket of the first is gone at last", () => {
    const { manager } = makeManager();
    const former = openViewer(manager, { clientId: "anna" });
    const newer = openViewer(manager, { clientId: "anna", topics: ["*"] });
    manager.remove(former.connection);
    expect(manager.has("anna")).toBe(true);
    manager.publish(message("task_added"), ["*"]);
    expect(types(newer)).toEqual(["task_added"]);
    expect(manager.statistics.connections).toMatchObject({ current: 1, total: 2 });
  });

  it("replaces the first when both are the same principal's", () => {
    const { manager } = makeManager();
    const former = openViewer(manager, { clientId: "anna", principal: { id: "p1" } });
    const newer = openViewer(manager, { clientId: "anna", principal: { id: "p1" } });
    expect(closeCodes(former)).toEqual([4409]);
    expect(newer.connection.isOpen).toBe(true);
  });

  it.each([
    { former: { id: "p1" }, newer: { id: "p2" } },
    { former: { id: "p1" }, newer: null },
    { former: null, newer: { id: "p2" } },
  ])("is refused (4403) when it is somebody else's: $newer against $former", ({ former, newer }) => {
    const { manager } = makeManager();
    const owner = openViewer(manager, { clientId: "anna", principal: former });
    const intruder = openViewer(manager, { clientId: "anna", principal: newer, topics: ["*"] });
    expect(closeCodes(intruder)).toEqual([4403]);
    expect(intruder.greeting).toEqual([]);
    expect(owner.connection.isOpen).toBe(true);

    manager.notify({ type: "secret" }, { clientId: "anna" });
    manager.publish(message("task_added"), ["*"]);
    intruder.send({ type: "ping", content: "ping" });
    expect(intruder.take()).toEqual([]);
    manager.remove(intruder.connection);
    expect(manager.has("anna")).toBe(true);
    expect(types(owner)).toEqual(["secret"]);
    expect(manager.statistics.connections).toEqual({ current: 1, peak: 1, total: 1 });
  });
});

describe("an administrator", () => {
  it("disconnects one client (4410)", () => {
    const { manager } = makeManager();
    const anna = openViewer(manager, { clientId: "anna" });
    const ben = openViewer(manager, { clientId: "ben" });
    expect(manager.disconnect("anna")).toBe(true);
    expect(closeCodes(anna)).toEqual([4410]);
    expect(ben.connection.isOpen).toBe(true);
    expect(manager.disconnect("anna")).toBe(false);
  });
});

describe("closing the manager", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("closes every connection (1001) and is done when all sockets are gone", async () => {
    const { manager } = makeManager();
    const viewers = ["a", "b"].map((clientId) => openViewer(manager, { clientId, topics: ["*"] }));
    let isClosed = false;
    const closing = manager.close().then(() => {
      isClosed = true;
    });
    expect(viewers.map(closeCodes)).toEqual([[1001], [1001]]);
    for (const { connection } of viewers) {
      await vi.advanceTimersByTimeAsync(10);
      expect(isClosed).toBe(false);
      manager.remove(connection);
    }
    await closing;
    expect(viewers.map(({ socket }) => socket.terminations)).toEqual([0, 0]);
    expect(manager.publish(message("task_added"), ["*"])).toBe(0);
  });

  it("destroys the sockets that do not close, and them only", async () => {
    const { manager } = makeManager();
    const good: OpenViewer = openViewer(manager, {
      clientId: "good",
      behaviour: { onClose: () => queueMicrotask(() => manager.remove(good.connection)) },
    });
    const dead = openViewer(manager, { clientId: "dead" });
    let isClosed = false;
    const closing = manager.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(1500);
    expect(isClosed).toBe(true);
    await closing;
    expect(dead.socket.terminations).toBeGreaterThan(0);
    expect(good.socket.terminations).toBe(0);
  });

  it("also waits for sockets that were closing before", async () => {
    const { manager } = makeManager();
    const slow = openViewer(manager, { clientId: "slow" });
    manager.disconnect("slow");
    let isClosed = false;
    const closing = manager.close().then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(isClosed).toBe(false);
    manager.remove(slow.connection);
    await closing;
    expect(closeCodes(slow)).toEqual([4410]);
  });

  it("is done at once when there is nobody", async () => {
    await expect(makeManager().manager.close()).resolves.toBeUndefined();
  });
});
