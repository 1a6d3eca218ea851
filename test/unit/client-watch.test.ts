import { describe, expect, it } from "vitest";
import { ClientWatch } from "../../src/admin/client-watch.ts";
import type { ConnectionManager } from "../../src/connections/connection-manager.ts";
import { CLIENTS_TOPIC } from "../../src/protocol/topic.ts";
import type { OpenViewer } from "./support/manager.ts";
import { makeManager, message, openViewer } from "./support/manager.ts";

/** A manager whose clients are watched by one administrator. */
async function watchedManager(...options: Parameters<typeof makeManager>) {
  const { manager } = makeManager(...options);
  const watch = observe(manager);
  const admin = openViewer(manager, { clientId: "admin", isAdmin: true });
  subscribe(admin);
  await news();
  // What the administrator has subscribed to is news of the first sweep.
  watch.sweep();
  admin.take();
  return { manager, watch, admin };
}

function observe(manager: ConnectionManager): ClientWatch {
  const watch = new ClientWatch(manager);
  manager.useRegistryObserver(watch);
  manager.useKeptMessages({
    subscribed: (topic) => {
      if (topic !== CLIENTS_TOPIC) return null;
      watch.subscribed();
      return [];
    },
  });
  return watch;
}

const subscribe = (admin: OpenViewer) => admin.send({ type: "subscribe", content: { topics: [CLIENTS_TOPIC] } });

/** News goes out in a microtask. */
const news = () => Promise.resolve();

const told = (viewer: OpenViewer) =>
  viewer.take().map(({ type, content }) => `${type} ${(content as { client_id: string }).client_id}`);

describe("watching clients", () => {
  it("tells of a client that replaces another that this one has gone, first, and which of them is which", async () => {
    const { manager, admin } = await watchedManager();
    const former = openViewer(manager, { clientId: "anna" });
    await news();
    expect(told(admin)).toEqual(["client_connected anna"]);

    openViewer(manager, { clientId: "anna" });
    await news();

    const messages = admin.take();
    expect(messages).toMatchObject([
      {
        type: "client_disconnected",
        content: {
          client_id: "anna",
          connected_at: new Date(former.connection.connectedAt).toISOString(),
          code: 4409,
          reason: expect.stringContaining("replaced"),
        },
      },
      { type: "client_connected", content: { client_id: "anna" } },
    ]);
  });

  it("says nothing of whoever was not let in, and closes with no code what closed by itself", async () => {
    const { manager, admin } = await watchedManager();
    const anna = openViewer(manager, { clientId: "anna", principal: { id: "anna" } });
    openViewer(manager, { clientId: "anna", principal: { id: "eve" } });
    manager.remove(anna.connection);
    await news();
    expect(admin.take()).toMatchObject([
      { type: "client_connected" },
      { type: "client_disconnected", content: { client_id: "anna", code: null, reason: "the socket closed" } },
    ]);
  });

  it("tells of a connection that is lost in the middle of a publish only when everybody has been handed that", async () => {
    const { manager, admin } = await watchedManager({ maxQueueSize: 2 });
    const slow = openViewer(manager, { clientId: "slow", topics: ["queue:a"] });
    const healthy = openViewer(manager, { clientId: "healthy", topics: ["queue:a"] });
    await news();
    admin.take();
    slow.socket.isFull = true;
    admin.send({ type: "subscribe", content: { topics: ["queue:a"] } });
    admin.take();

    for (const content of [1, 2, 3, 4]) manager.publish(message("task_added", content), ["queue:a"]);
    await news();

    expect(healthy.take().map(({ content }) => content)).toEqual([1, 2, 3, 4]);
    await news();
    const messages = admin.take();
    expect(messages.filter(({ type }) => type === "task_added").map(({ content }) => content)).toEqual([1, 2, 3, 4]);
    expect(messages).toContainEqual(
      expect.objectContaining({
        type: "client_disconnected",
        content: expect.objectContaining({ client_id: "slow", code: 4290 }),
      }),
    );
  });

  it("tells in a sweep what has changed since the last one, once, whatever it was", async () => {
    const { manager, watch, admin } = await watchedManager();
    const anna = openViewer(manager, { clientId: "anna" });
    await news();
    admin.take();
    const changes: [what: string, change: () => void, as: object][] = [
      [
        "topics",
        () => anna.send({ type: "subscribe", content: { topics: ["queue:a", "widget:AbCdEfGhIjKlMnOpQrS-_0"] } }),
        { topics: ["queue:a", "widget:****"] },
      ],
      [
        "fewer topics",
        () => anna.send({ type: "unsubscribe", content: { topics: ["queue:a"] } }),
        { topics: ["widget:****"] },
      ],
      ["its round trip", () => Object.assign(anna.connection, { rttMs: 12 }), { rtt_ms: 12 }],
      [
        "its outbox",
        () => {
          anna.socket.isFull = true;
          manager.notify({ type: "news", content: 1 });
          manager.flush();
        },
        { outbox: { messages: 1, bytes: expect.any(Number) } },
      ],
      [
        "what it lost",
        () => Object.assign(anna.connection.outbox.losses, { dropped: 2, conflated: 3 }),
        { dropped: 2, conflated: 3 },
      ],
    ];
    for (const [what, change, as] of changes) {
      change();
      admin.take();
      watch.sweep();
      const updates = admin.take();
      expect({ what, updates }).toMatchObject({
        what,
        updates: [{ type: "client_updated", content: { client_id: "anna", ...as } }],
      });
    }
    anna.socket.isFull = false;
    anna.connection.drained();
    watch.sweep();
    admin.take();

    anna.connection.lastSeenAt += 1000;
    watch.sweep();
    expect(admin.take()).toEqual([]);
  });

  it("tells what changed between the subscription and the first sweep, which a list read before does not have", async () => {
    const { manager } = makeManager();
    const watch = observe(manager);
    const anna = openViewer(manager, { clientId: "anna" });
    const admin = openViewer(manager, { clientId: "admin", isAdmin: true });
    subscribe(admin);
    Object.assign(anna.connection, { rttMs: 5 });
    admin.take();
    watch.sweep();
    expect(told(admin)).toContain("client_updated anna");
  });

  it("tells at most 1,000 updates in a sweep, nobody twice before everybody once", async () => {
    const { manager, watch, admin } = await watchedManager({ maxQueueBytes: 64 * 1024 ** 2, maxQueueSize: 100_000 });
    const viewers = Array.from({ length: 2500 }, (_, index) => openViewer(manager, { clientId: `v${index}` }));
    await news();
    admin.take();
    const change = () => {
      for (const { connection } of viewers) connection.rttMs = (connection.rttMs ?? 0) + 1;
    };
    const sweeps: string[][] = [];
    for (let round = 0; round < 3; round += 1) {
      change();
      watch.sweep();
      sweeps.push(told(admin));
    }
    expect(sweeps.map(({ length }) => length)).toEqual([1000, 1000, 500]);
    expect(new Set(sweeps.flat()).size).toBe(2500);
  });

  it("tells about a mebibyte of updates in a sweep", async () => {
    const { manager, watch, admin } = await watchedManager({ maxQueueBytes: 4 * 1024 ** 2 });
    const topics = Array.from({ length: 1000 }, (_, index) => `job:a:${String(index).padStart(500, "0")}`);
    const viewers = Array.from({ length: 6 }, (_, index) => openViewer(manager, { clientId: `v${index}`, topics }));
    await news();
    admin.take();
    for (const { connection } of viewers) connection.rttMs = 1;
    const sweeps = [0, 1, 2].map(() => {
      watch.sweep();
      return told(admin).length;
    });
    expect(sweeps).toEqual([3, 3, 0]);
  });

  it("does not take the sweep's own messages for a change of those they are for", async () => {
    const { manager, watch, admin } = await watchedManager();
    const anna = openViewer(manager, { clientId: "anna" });
    await news();
    for (const rttMs of [1, 2, 3]) {
      Object.assign(anna.connection, { rttMs });
      admin.take();
      watch.sweep();
      expect(told(admin)).toEqual(["client_updated anna"]);
    }
  });

  it("looks at nobody while nobody watches, and begins anew when somebody does", async () => {
    const { manager, watch, admin } = await watchedManager();
    const anna = openViewer(manager, { clientId: "anna" });
    await news();
    admin.send({ type: "unsubscribe", content: { topics: [CLIENTS_TOPIC] } });
    watch.sweep();
    let looks = 0;
    Object.defineProperty(anna.connection, "rttMs", { get: () => ++looks });

    openViewer(manager, { clientId: "bert" });
    await news();
    watch.sweep();
    watch.sweep();
    expect(looks).toBe(0);

    admin.take();
    subscribe(admin);
    expect(looks).toBeGreaterThan(0);
    watch.sweep();
    expect(told(admin)).toContain("client_updated anna");
    expect(told(admin)).not.toContain("client_connected bert");
  });
});
