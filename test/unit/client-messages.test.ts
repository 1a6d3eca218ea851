import { describe, expect, it } from "vitest";
import { z } from "zod";
import { InvalidCursorError, InvalidHandlerError } from "../../src/errors.ts";
import { fakeCatchUp } from "./support/fake-catch-up.ts";
import type { OpenViewer } from "./support/manager.ts";
import { ERROR, fakeHistory, makeManager, message, openViewer } from "./support/manager.ts";

const closeCodes = ({ socket }: OpenViewer) => socket.closes.map(({ code }) => code);
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("subscribing", () => {
  it("adds topics and says so with the request's id and the cursors of now", () => {
    const { manager } = makeManager();
    manager.useHistory(fakeHistory({ cursors: () => ({ a: "position" }) }));
    const viewer = openViewer(manager, { topics: ["queue:b"] });
    viewer.send({ type: "subscribe", content: { topics: ["queue:a", "job:c:1"] }, meta: { request_id: "r-1" } });
    expect(viewer.take()).toMatchObject([
      {
        type: "subscribed",
        content: { topics: ["queue:a", "job:c:1"], recovered: false, cursors: { a: "position" } },
        meta: { request_id: "r-1" },
      },
    ]);
    for (const topic of ["queue:a", "queue:b", "job:c:1"]) manager.publish(message("task_added", topic), [topic]);
    expect(viewer.take().map(({ content }) => content)).toEqual(["queue:a", "queue:b", "job:c:1"]);
  });

  it("asks the history with the cursors handed back, and sends what it has before it confirms", () => {
    const { manager } = makeManager();
    const asked: unknown[] = [];
    manager.useHistory(
      fakeHistory({
        catchUp: (connection, topics, since) => {
          asked.push([connection.clientId, topics, since]);
          return fakeCatchUp([message("gap"), message("task_active")], { recovered: false });
        },
      }),
    );
    const viewer = openViewer(manager, { clientId: "anna" });
    viewer.send({
      type: "subscribe",
      content: { topics: ["queue:a"], since: { a: "c1", b: "c2" } },
      meta: { request_id: "r" },
    });
    expect(asked).toEqual([["anna", ["queue:a"], ["c1", "c2"]]]);
    expect(viewer.take()).toMatchObject([
      { type: "gap" },
      { type: "task_active" },
      { type: "subscribed", content: { topics: ["queue:a"], recovered: false }, meta: { request_id: "r" } },
    ]);
  });

  it("refuses cursors on a connection that has topics already, and keeps those", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["queue:a"] });
    viewer.send({ type: "subscribe", content: { topics: ["queue:b"], since: { b: "c" } }, meta: { request_id: 3 } });
    expect(viewer.take()).toMatchObject([
      {
        type: "error",
        content: { code: "bad_message", message: expect.stringContaining("since") },
        meta: { request_id: 3 },
      },
    ]);
    expect(manager.publish(message("task_added"), ["queue:b"])).toBe(0);
    expect(manager.publish(message("task_added"), ["queue:a"])).toBe(1);
  });

  it("takes topics away again, `*` included, and says so", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["*", "queue:a"] });
    viewer.send({ type: "unsubscribe", content: { topics: ["*", "queue:never"] }, meta: { request_id: 7 } });
    expect(viewer.take()).toMatchObject([
      { type: "unsubscribed", content: { topics: ["*", "queue:never"] }, meta: { request_id: 7 } },
    ]);
    expect(manager.publish(message("task_added"), ["*", "queue:b"])).toBe(0);
    expect(manager.publish(message("task_added"), ["*", "queue:a"])).toBe(1);
  });

  it("leaves out the request's id where none was given", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    viewer.send({ type: "subscribe", content: { topics: ["*"] } });
    expect(viewer.take()[0]?.meta).toEqual({});
  });

  it("refuses the topic that would be one too many, and keeps those there are", () => {
    const { manager } = makeManager();
    const topics = Array.from({ length: 1000 }, (_, index) => `job:a:${index}`);
    const viewer = openViewer(manager, { topics });
    viewer.send({ type: "subscribe", content: { topics: ["job:a:999"] } });
    expect(viewer.take()).toMatchObject([{ type: "subscribed" }]);
    viewer.send({ type: "subscribe", content: { topics: ["job:a:1000"] }, meta: { request_id: 1 } });
    expect(viewer.take()).toMatchObject([
      { type: "error", content: { code: "bad_message", message: expect.stringContaining("1000") } },
    ]);
    expect(manager.publish(message("task_added"), ["job:a:1000"])).toBe(0);
    expect(manager.publish(message("task_added"), ["job:a:0"])).toBe(1);
  });
});

describe("a ping of the client", () => {
  it("is answered with a pong and the request's id", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    viewer.send({ type: "ping", content: null, meta: { request_id: "p" } });
    expect(viewer.take()).toMatchObject([{ type: "pong", meta: { request_id: "p" } }]);
  });

  it("may leave out content and meta, as every client message may", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    viewer.send({ type: "ping" });
    expect(viewer.take()).toMatchObject([{ type: "pong" }]);
    viewer.send({ type: "pong" });
    expect(viewer.take()).toEqual([]);
  });
});

describe("a frame that cannot be used", () => {
  const HUGE_TOPICS = Array.from({ length: 1001 }, (_, index) => `job:a:${index}`);

  const text = (given: string) => ({ data: Buffer.from(given), isBinary: false });
  const json = (given: unknown) => text(JSON.stringify(given));

  it.each([
    { what: "text that is not JSON", ...text("{not json"), code: "bad_message", says: ["JSON"] },
    { what: "an empty frame", ...text(""), code: "bad_message", says: ["JSON"] },
    { what: "a binary frame", data: Buffer.from("{}"), isBinary: true, code: "bad_message", says: ["text", "binary"] },
    { what: "a list", ...json([]), code: "bad_message", says: ["message", "object", "[]"] },
    { what: "a number", ...json(5), code: "bad_message", says: ["message", "object", "5"] },
    { what: "null", ...json(null), code: "bad_message", says: ["message", "object", "null"] },
    { what: "no type", ...json({ content: 1 }), code: "bad_message", says: ["type", "string", "nothing"] },
    {
      what: "a type that is no text",
      ...json({ type: 7, content: 1 }),
      code: "bad_message",
      says: ["type", "string", "7"],
    },
    {
      what: "an unknown type",
      ...json({ type: "shout", content: 1 }),
      code: "unknown_type",
      says: ["type", "subscribe", '"shout"'],
    },
    {
      what: "a type only the server sends",
      ...json({ type: "task_success", content: 1 }),
      code: "unknown_type",
      says: ["type", '"task_success"'],
    },
    {
      what: "a type of the protocol that is not taken",
      ...json({ type: "authenticate", content: { token: "x" } }),
      code: "unsupported",
      says: ["token"],
    },
    {
      what: "a meta that is no object",
      ...json({ type: "ping", content: 1, meta: "x" }),
      code: "bad_message",
      says: ["meta", "object", '"x"'],
    },
    {
      what: "a request id that is neither text nor a number",
      ...json({ type: "ping", content: 1, meta: { request_id: {} } }),
      code: "bad_message",
      says: ["meta.request_id", "string", "number", "given {}"],
    },
    {
      what: "subscribe without content",
      ...json({ type: "subscribe", content: null }),
      code: "bad_message",
      says: ["content", "object", "null"],
    },
    {
      what: "topics that are no list",
      ...json({ type: "subscribe", content: { topics: "*" } }),
      code: "bad_message",
      says: ["topics", "array", '"*"'],
    },
    {
      what: "no topics",
      ...json({ type: "unsubscribe", content: { topics: [] } }),
      code: "bad_message",
      says: ["topics", "1", "[]"],
    },
    {
      what: "a topic of no known form",
      ...json({ type: "subscribe", content: { topics: ["*", "jobs"] } }),
      code: "bad_message",
      says: ["topics.1", "job:<queue>:<id>", '"jobs"'],
    },
    {
      what: "more topics than there may be",
      ...json({ type: "subscribe", content: { topics: HUGE_TOPICS } }),
      code: "bad_message",
      says: ["topics", "1000"],
    },
    {
      what: "a field subscribe does not have",
      ...json({ type: "subscribe", content: { topics: ["*"], topic: "queue:a" } }),
      code: "bad_message",
      says: ["topic", "no such field", '"queue:a"'],
    },
    {
      what: "a cursor that is no text",
      ...json({ type: "subscribe", content: { topics: ["*"], since: { a: 5 } } }),
      code: "bad_message",
      says: ["since.a", "string", "5"],
    },
  ])("is answered with an error and does no harm: $what", ({ data, isBinary, code, says }) => {
    const { manager } = makeManager();
    const viewer = openViewer(manager, { topics: ["queue:kept"] });
    manager.receive(viewer.connection, data, isBinary);
    const [error, ...others] = viewer.take();
    expect(error).toMatchObject({ type: "error", content: { code, message: expect.any(String) } });
    for (const part of says) expect(error).toHaveProperty("content.message", expect.stringContaining(part));
    expect(others).toEqual([]);
    expect(viewer.connection.isOpen).toBe(true);
    expect(viewer.connection.topics).toEqual(new Set(["queue:kept"]));
  });

  it.each([
    { what: "an unknown type", frame: { type: "shout", content: 1, meta: { request_id: 5 } } },
    { what: "wrong fields", frame: { type: "subscribe", content: {}, meta: { request_id: 5 } } },
    { what: "a wrong envelope", frame: { type: 7, content: 1, meta: { request_id: 5 } } },
  ])("is answered with the request's id where it can be read: $what", ({ frame }) => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    viewer.send(frame);
    expect(viewer.take()).toMatchObject([{ type: "error", meta: { request_id: 5 } }]);
  });

  it("may hold a forged cursor: nothing is subscribed then", () => {
    const { manager } = makeManager();
    manager.useHistory(
      fakeHistory({
        catchUp: () => {
          throw new InvalidCursorError("since: expected a cursor, given something else");
        },
      }),
    );
    const viewer = openViewer(manager);
    viewer.send({ type: "subscribe", content: { topics: ["*"], since: { a: "forged" } }, meta: { request_id: 5 } });
    expect(viewer.take()).toMatchObject([
      {
        type: "error",
        content: { code: "bad_message", message: expect.stringContaining("cursor") },
        meta: { request_id: 5 },
      },
    ]);
    expect(viewer.connection.topics.size).toBe(0);
    expect(manager.publish(message("task_added"), ["*"])).toBe(0);
  });

  it("never shows more than a bit of what was given", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    viewer.send({ type: "subscribe", content: { topics: ["x".repeat(50_000)] } });
    const [error] = viewer.take();
    expect(JSON.stringify(error).length).toBeLessThan(1000);
  });

  it("is logged without the ids of widgets it quotes", () => {
    const { manager, logs } = makeManager();
    const viewer = openViewer(manager);
    const id = "A".repeat(22);
    for (let times = 0; times < 20; times += 1) viewer.send({ type: `widget:${id}` });
    expect(JSON.stringify(viewer.take())).toContain(id);
    expect(logs.some(({ msg }) => msg === "client message refused")).toBe(true);
    expect(JSON.stringify(logs)).not.toContain(id);
  });

  it("may be nested so deeply that it cannot be written again", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
    manager.receive(viewer.connection, Buffer.from(deep), false);
    manager.receive(viewer.connection, Buffer.from(`{"type":"subscribe","content":${deep}}`), false);
    expect(viewer.take()).toMatchObject([{ type: "error" }, { type: "error" }]);
    expect(viewer.connection.isOpen).toBe(true);
  });

  it("ends the connection (4400) when it is the twentieth in a row", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    for (let count = 1; count < 20; count += 1) viewer.send({ type: "shout", content: count });
    expect(closeCodes(viewer)).toEqual([]);
    viewer.send({ type: "shout", content: 20 });
    expect(closeCodes(viewer)).toEqual([4400]);
    expect(viewer.take()).toHaveLength(20);
    viewer.send({ type: "shout", content: 21 });
    expect(viewer.take()).toEqual([]);
  });

  it.each([
    { type: "ping", content: null },
    { type: "pong", content: null },
    { type: "subscribe", content: { topics: ["*"] } },
    { type: "unsubscribe", content: { topics: ["*"] } },
    { type: "custom", content: 1 },
  ])("is forgiven after a good one: $type", (good) => {
    const { manager } = makeManager();
    manager.onMessage("custom", z.number(), () => undefined);
    const viewer = openViewer(manager);
    for (let round = 0; round < 3; round += 1) {
      for (let count = 1; count < 20; count += 1) viewer.send({ type: "shout", content: count });
      viewer.send(good);
    }
    expect(viewer.connection.isOpen).toBe(true);
  });

  it("ends the connection (4413) when it is larger than 64 KiB, and not before", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    const frame = (bytes: number) => {
      const [start, end] = ['{"type":"ping","content":"', '"}'];
      return Buffer.from(start + "x".repeat(bytes - start.length - end.length) + end);
    };
    manager.receive(viewer.connection, frame(64 * 1024), false);
    expect(viewer.take()).toMatchObject([{ type: "pong" }]);
    manager.receive(viewer.connection, frame(64 * 1024 + 1), false);
    expect(closeCodes(viewer)).toEqual([4413]);
  });

  it("counts among the messages that came in", () => {
    const { manager } = makeManager();
    const viewer = openViewer(manager);
    viewer.send({ type: "ping", content: null });
    manager.receive(viewer.connection, Buffer.from("nonsense"), false);
    expect(manager.statistics.messages.in).toBe(2);
  });
});

describe("a handler of the application's own messages", () => {
  const schema = z.object({ volume: z.number().max(11), note: z.string().default("a") });

  it("gets the content as its schema reads it, and who sent it", () => {
    const { manager } = makeManager();
    const calls: unknown[] = [];
    manager.onMessage("set_volume", schema, (content, context) => void calls.push({ content, context }));
    const viewer = openViewer(manager, { clientId: "anna", principal: { id: "p1" } });
    viewer.send({ type: "set_volume", content: { volume: 3 }, meta: { request_id: "r" } });
    expect(calls).toEqual([
      { content: { volume: 3, note: "a" }, context: { clientId: "anna", principal: { id: "p1" }, requestId: "r" } },
    ]);
    expect(viewer.take()).toEqual([]);
  });

  it("does not get what does not fit its schema; the sender is told why", () => {
    const { manager } = makeManager();
    let calls = 0;
    manager.onMessage("set_volume", schema, () => {
      calls += 1;
    });
    const viewer = openViewer(manager);
    viewer.send({ type: "set_volume", content: { volume: 12 }, meta: { request_id: "r" } });
    const [error] = viewer.take();
    expect(error).toMatchObject({ type: "error", content: { code: "bad_message" }, meta: { request_id: "r" } });
    for (const part of ["volume", "11", "12"]) {
      expect(error).toHaveProperty("content.message", expect.stringContaining(part));
    }
    expect(calls).toBe(0);
  });

  it("is named among the known types when another is not known", () => {
    const { manager } = makeManager();
    manager.onMessage("set_volume", schema, () => undefined);
    const viewer = openViewer(manager);
    viewer.send({ type: "set_volum", content: {} });
    expect(viewer.take()[0]).toHaveProperty("content.message", expect.stringContaining("set_volume"));
  });

  it.each([
    {
      when: "at once",
      handle: () => {
        throw new Error("secret of the database");
      },
    },
    { when: "later", handle: () => Promise.reject(new Error("secret of the database")) },
    {
      when: "with an error of the library's own",
      handle: () => {
        throw new InvalidHandlerError("secret of the database");
      },
    },
  ])("may fail $when: it is logged, and the sender is told no internals", async ({ handle }) => {
    const { manager, logs } = makeManager();
    manager.onMessage("work", z.unknown(), handle);
    const viewer = openViewer(manager, { clientId: "anna" });
    viewer.send({ type: "work", content: 1, meta: { request_id: 9 } });
    await settled();
    const sent = viewer.take();
    expect(sent).toMatchObject([{ type: "error", content: { code: "handler_failed" }, meta: { request_id: 9 } }]);
    expect(JSON.stringify(sent)).not.toContain("secret");
    const records = logs.filter(({ level }) => level === ERROR);
    expect(records).toMatchObject([{ clientId: "anna", type: "work" }]);
    expect(JSON.stringify(records)).toContain("secret of the database");
    expect(viewer.connection.isOpen).toBe(true);
  });

  it.each([
    {
      what: "fails while it reads",
      broken: z.unknown().transform(() => {
        throw new Error("secret of the schema");
      }),
    },
    { what: "is asynchronous", broken: z.unknown().refine(async () => true) },
  ])("may have a schema that $what: no client can bring the server down with it", async ({ broken }) => {
    const { manager } = makeManager();
    manager.onMessage("work", broken, () => undefined);
    const viewer = openViewer(manager);
    expect(() => viewer.send({ type: "work", content: 1 })).not.toThrow();
    await settled();
    const sent = viewer.take();
    expect(sent.every(({ type }) => type === "error")).toBe(true);
    expect(JSON.stringify(sent)).not.toContain("secret");
    expect(viewer.connection.isOpen).toBe(true);
  });

  it("may send to the one it was called by", () => {
    const { manager } = makeManager();
    manager.onMessage("echo", z.string(), (content, { clientId }) => {
      manager.notify({ type: "echoed", content }, { clientId });
    });
    const viewer = openViewer(manager);
    viewer.send({ type: "echo", content: "hello" });
    expect(viewer.take()).toMatchObject([{ type: "echoed", content: "hello" }]);
  });

  it.each(["ping", "subscribe", "task_success", "queue_paused", "logs", "connected", "authenticate", "widget"])(
    "cannot be registered for the protocol's own type %s",
    (type) => {
      const { manager } = makeManager();
      expect(() => manager.onMessage(type, z.unknown(), () => undefined)).toThrow(InvalidHandlerError);
    },
  );

  it.each(["", "1st", "with space", "ü", "x".repeat(65)])("cannot be registered for %j, which is no type", (type) => {
    const { manager } = makeManager();
    expect(() => manager.onMessage(type, z.unknown(), () => undefined)).toThrow(InvalidHandlerError);
  });

  it("cannot be registered twice for one type", () => {
    const { manager } = makeManager();
    manager.onMessage("work", z.unknown(), () => undefined);
    expect(() => manager.onMessage("work", z.unknown(), () => undefined)).toThrow(/"work" already has a handler/);
  });
});
