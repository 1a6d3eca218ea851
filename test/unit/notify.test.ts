import { describe, expect, it } from "vitest";
import { InvalidMessageError } from "../../src/errors.ts";
import { isProtocolType, WebSocketMessage } from "../../src/protocol/message.ts";
import { makeManager, openViewer } from "./support/manager.ts";

describe("a message of the application's own", () => {
  it("goes out with what was given, and with defaults for the rest", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    manager.notify({ type: "news" });
    manager.notify({ type: "news", content: [1], meta: { a: 1 }, timestamp: "2026-01-02T03:04:05.000Z" });
    expect(viewer.take()).toEqual([
      { type: "news", content: null, meta: {}, timestamp: expect.stringMatching(/Z$/) },
      { type: "news", content: [1], meta: { a: 1 }, timestamp: "2026-01-02T03:04:05.000Z" },
    ]);
  });

  it("may be a WebSocketMessage", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    manager.notify(new WebSocketMessage({ type: "news", content: 0 }));
    expect(viewer.take()).toMatchObject([{ type: "news", content: 0 }]);
  });

  it.each([
    "connected",
    "ping",
    "pong",
    "error",
    "logs",
    "snapshot",
    "subscribe",
    "subscribed",
    "unsubscribe",
    "unsubscribed",
    "gap",
    "widget",
    "authenticate",
    "token_expiring",
    "task_added",
    "task_waiting",
    "task_waiting_children",
    "task_delayed",
    "task_active",
    "task_progress",
    "task_retrying",
    "task_stalled",
    "task_success",
    "task_failed",
    "task_removed",
    "queue_paused",
    "queue_resumed",
    "queue_drained",
    "queue_cleaned",
  ])("cannot pretend to be the protocol's %s", (type) => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    expect(isProtocolType(type)).toBe(true);
    expect(() => manager.notify({ type })).toThrow(InvalidMessageError);
    expect(viewer.take()).toEqual([]);
  });

  it.each(["", "9lives", "with space", "line\nbreak", "ü", "x".repeat(65)])("cannot have the type %j", (type) => {
    expect(() => makeManager().manager.notify({ type })).toThrow(InvalidMessageError);
  });

  it.each([undefined, null, 5, {}])("cannot have the type %j, which is no text", (type) => {
    const { manager } = makeManager();
    expect(() => manager.notify({ type: type as unknown as string })).toThrow(InvalidMessageError);
  });

  it("may have any other type of up to 64 characters", () => {
    const { manager } = makeManager();
    openViewer(manager);
    for (const type of ["news", "app:news.v2-final_1", "X".repeat(64), "task_finished"]) {
      expect(manager.notify({ type })).toBe(1);
    }
  });

  it("cannot set a cursor: clients keep it to resume", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    expect(() => manager.notify({ type: "news", meta: { cursor: "x" } })).toThrow(InvalidMessageError);
    expect(viewer.take()).toEqual([]);
  });

  it.each([
    { what: "a BigInt", content: () => 1n },
    {
      what: "a cycle",
      content: () => {
        const cycle: Record<string, unknown> = {};
        cycle.self = cycle;
        return cycle;
      },
    },
  ])("cannot hold $what, in content or meta, and then reaches nobody", ({ content }) => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    expect(() => manager.notify({ type: "news", content: content() })).toThrow(InvalidMessageError);
    expect(() => manager.notify({ type: "news", meta: { content: content() } })).toThrow(InvalidMessageError);
    expect(() => manager.notify({ type: "news", content: content() }, { clientId: "nobody" })).toThrow(
      InvalidMessageError,
    );
    expect(viewer.take()).toEqual([]);
    expect(manager.statistics.byType).not.toHaveProperty("news");
  });
});
