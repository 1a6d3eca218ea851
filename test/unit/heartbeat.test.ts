import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConnectionManager } from "../../src/connections/connection-manager.ts";
import type { OpenViewer } from "./support/manager.ts";
import { fakeHistory, makeManager, openViewer } from "./support/manager.ts";

const INTERVAL_MS = 30_000;
const TIMEOUT_MS = 60_000;
const HEARTBEAT = { enableHeartbeat: true, heartbeatInterval: INTERVAL_MS / 1000, heartbeatTimeout: TIMEOUT_MS / 1000 };

/** What a client can do to show that it is there. */
const SIGNS_OF_LIFE: Record<string, (manager: ConnectionManager, viewer: OpenViewer) => void> = {
  "a message": (_manager, viewer) => viewer.send({ type: "ping", content: "ping" }),
  "a pong message": (_manager, viewer) => viewer.send({ type: "pong", content: "pong" }),
  "a message that cannot be used": (manager, viewer) => {
    manager.receive(viewer.connection, Buffer.from("nonsense"), false);
    // Unusable messages in a row are another reason to close; that is not looked at here.
    viewer.send({ type: "ping", content: "ping" });
  },
  "a protocol ping or pong": (manager, viewer) => manager.sawLife(viewer.connection),
  "a drain of its socket": (manager, viewer) => {
    viewer.socket.isFull = true;
    manager.notify({ type: "news" }, { clientId: "alive" });
    manager.flush();
    viewer.socket.isFull = false;
    viewer.connection.drained();
  },
};

describe("the heartbeat", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("pings every connection once per interval, with a message and with a protocol ping", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const viewers = Array.from({ length: 25 }, (_, index) => {
      const viewer: OpenViewer = openViewer(manager, {
        clientId: `viewer-${index}`,
        behaviour: { onPing: () => manager.sawLife(viewer.connection) },
      });
      return viewer;
    });
    for (let interval = 1; interval <= 4; interval += 1) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      for (const viewer of viewers) {
        expect(viewer.socket.pings).toBe(interval);
        expect(viewer.take().map(({ type }) => type)).toEqual(["ping"]);
      }
    }
    expect(manager.statistics.heartbeat).toEqual({ pings: 100, pongs: 0, timeouts: 0 });
  });

  it("spreads the pings of many connections over the interval", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const viewers = Array.from({ length: 100 }, (_, index) => openViewer(manager, { clientId: `viewer-${index}` }));
    await vi.advanceTimersByTimeAsync(INTERVAL_MS / 2);
    const pinged = viewers.filter(({ socket }) => socket.pings > 0).length;
    expect(pinged).toBeGreaterThanOrEqual(40);
    expect(pinged).toBeLessThanOrEqual(60);
  });

  it("asks whoever has answered the last message with a message alone, and with both once it does not answer", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const viewer: OpenViewer = openViewer(manager, {
      behaviour: { onPing: () => manager.sawLife(viewer.connection) },
    });
    const pings: number[] = [];
    const beat = async () => {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      pings.push(viewer.socket.pings);
      const [ping] = viewer.take();
      expect(ping?.type).toBe("ping");
      return ping?.meta.ping_id;
    };
    for (let round = 0; round < 3; round += 1) {
      viewer.send({ type: "pong", content: "pong", meta: { ping_id: await beat() } });
    }
    // From here on it is like a page whose script has hung: only its browser answers.
    for (let round = 0; round < 10; round += 1) await beat();
    expect(pings).toEqual([1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(viewer.connection.isOpen).toBe(true);
  });

  it("asks everybody with both where silence for one ping is too long already", async () => {
    const { manager } = makeManager({ ...HEARTBEAT, heartbeatTimeout: 50 });
    const viewer = openViewer(manager);
    for (let interval = 1; interval <= 3; interval += 1) {
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
      const [ping] = viewer.take();
      viewer.send({ type: "pong", content: "pong", meta: { ping_id: ping?.meta.ping_id } });
      expect(viewer.socket.pings).toBe(interval);
    }
  });

  it("leaves a viewer alone that answers nothing but protocol pings", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const viewer: OpenViewer = openViewer(manager, {
      behaviour: { onPing: () => manager.sawLife(viewer.connection) },
    });
    await vi.advanceTimersByTimeAsync(20 * TIMEOUT_MS);
    expect(viewer.connection.isOpen).toBe(true);
    expect(viewer.socket.closes).toEqual([]);
  });

  it("cuts a dead connection (4408) within interval and timeout of its last sign of life", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const dead: { viewer: OpenViewer; lastSeenAt: number; cutAfterMs: number | null }[] = [];
    const lookAfter = () => {
      for (const entry of dead) {
        if (entry.viewer.socket.closes.length > 0) entry.cutAfterMs ??= Date.now() - entry.lastSeenAt;
      }
    };
    // One dies every 700 ms, so that every phase of the sweeps is met.
    for (let index = 0; index < 60; index += 1) {
      dead.push({
        viewer: openViewer(manager, { clientId: `viewer-${index}` }),
        lastSeenAt: Date.now(),
        cutAfterMs: null,
      });
      await vi.advanceTimersByTimeAsync(700);
      lookAfter();
    }
    for (let passed = 0; passed < INTERVAL_MS + TIMEOUT_MS; passed += 100) {
      await vi.advanceTimersByTimeAsync(100);
      lookAfter();
    }
    for (const { viewer, cutAfterMs } of dead) {
      expect(viewer.socket.closes.map(({ code }) => code)).toEqual([4408]);
      expect(cutAfterMs).toBeLessThanOrEqual(INTERVAL_MS + TIMEOUT_MS);
    }
    expect(manager.statistics.heartbeat.timeouts).toBe(60);
    expect(manager.statistics.connections.current).toBe(0);
  });

  it("cuts nobody before the timeout has passed in silence", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const silences: number[] = [];
    for (let index = 0; index < 60; index += 1) {
      const openedAt = Date.now();
      openViewer(manager, {
        clientId: `viewer-${index}`,
        behaviour: { onClose: () => void silences.push(Date.now() - openedAt) },
      });
      await vi.advanceTimersByTimeAsync(700);
    }
    await vi.advanceTimersByTimeAsync(INTERVAL_MS + TIMEOUT_MS);
    expect(silences).toHaveLength(60);
    expect(Math.min(...silences)).toBeGreaterThanOrEqual(TIMEOUT_MS);
  });

  it.each(Object.entries(SIGNS_OF_LIFE))("takes %s for a sign of life", async (_name, show) => {
    const { manager } = makeManager(HEARTBEAT);
    const alive = openViewer(manager, { clientId: "alive" });
    const silent = openViewer(manager, { clientId: "silent" });
    for (let passed = 0; passed < 5 * TIMEOUT_MS; passed += 50_000) {
      show(manager, alive);
      await vi.advanceTimersByTimeAsync(50_000);
    }
    expect(alive.connection.isOpen).toBe(true);
    expect(silent.socket.closes.map(({ code }) => code)).toEqual([4408]);
  });

  it("cuts nobody when the clock has jumped", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const viewer: OpenViewer = openViewer(manager, {
      behaviour: { onPing: () => manager.sawLife(viewer.connection) },
    });
    for (let jump = 0; jump < 10; jump += 1) {
      vi.setSystemTime(Date.now() + 100 * TIMEOUT_MS);
      await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    }
    expect(viewer.connection.isOpen).toBe(true);
  });

  it("does nothing when it is switched off", async () => {
    const { manager } = makeManager({ ...HEARTBEAT, enableHeartbeat: false });
    const viewer = openViewer(manager);
    await vi.advanceTimersByTimeAsync(10 * TIMEOUT_MS);
    expect(viewer.socket.pings).toBe(0);
    expect(viewer.take()).toEqual([]);
    expect(viewer.connection.isOpen).toBe(true);
  });

  it("measures the round trip by the pong that answers the last ping, and by no other", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const viewer = openViewer(manager);
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    const [ping] = viewer.take();
    await vi.advanceTimersByTimeAsync(40);
    viewer.send({ type: "pong", content: "pong", meta: { ping_id: "another" } });
    expect(viewer.connection.rttMs).toBeNull();
    viewer.send({ type: "pong", content: "pong", meta: { ping_id: ping?.meta.ping_id } });
    viewer.send({ type: "pong", content: "pong", meta: { ping_id: ping?.meta.ping_id } });
    expect(viewer.connection.rttMs).toBe(40);
    expect(manager.statistics.heartbeat.pongs).toBe(1);
    expect(manager.statistics.rttMs.percentiles()).toEqual({ p50: 40, p99: 40 });
  });

  it("tells each connection the cursors of its own topics with the ping", async () => {
    const { manager } = makeManager(HEARTBEAT);
    const cursors = (topics: Iterable<string>) =>
      Object.fromEntries([...topics].map((topic) => [topic, `cursor of ${topic}`]));
    manager.useHistory(fakeHistory({ cursors }));
    const first = openViewer(manager, { clientId: "a", topics: ["queue:a"] });
    const second = openViewer(manager, { clientId: "b", topics: ["queue:b"] });
    await vi.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(first.take()[0]?.meta.cursors).toEqual({ "queue:a": "cursor of queue:a" });
    expect(second.take()[0]?.meta.cursors).toEqual({ "queue:b": "cursor of queue:b" });
  });
});

describe("a busy event loop", () => {
  it("cuts nobody, however long it was blocked", async () => {
    const { manager } = makeManager({ enableHeartbeat: true, heartbeatInterval: 0.05, heartbeatTimeout: 0.1 });
    let pinged: () => void = () => undefined;
    const viewer: OpenViewer = openViewer(manager, {
      behaviour: {
        // An answer comes over the network: never in the turn of the ping.
        onPing: () => {
          setImmediate(() => manager.sawLife(viewer.connection));
          pinged();
        },
      },
    });
    const nextPing = () =>
      new Promise<void>((resolve) => {
        pinged = resolve;
      });
    for (let block = 0; block < 3; block += 1) {
      await nextPing();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    }
    await nextPing();
    expect(viewer.connection.isOpen).toBe(true);
    await Promise.all([manager.close(), manager.remove(viewer.connection)]);
  });
});
