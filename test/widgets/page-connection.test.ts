import { beforeEach, expect, test, vi } from "vitest";
import type { JobView } from "../../src/client/index.ts";
import type { PartContent } from "../../src/elements/page-connection.ts";
import { PageConnection } from "../../src/elements/page-connection.ts";
import { snapshotOf } from "../client/support/snapshot.ts";

const IDS = ["A".repeat(22), "B".repeat(22)] as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A socket of a page, led by the test. */
class LedSocket {
  static opened: LedSocket[] = [];
  readonly sent: { type: string; content: { topics: string[] }; meta: object }[] = [];
  readonly #listeners = new Map<string, (event: object) => void>();

  constructor() {
    LedSocket.opened.push(this);
  }

  addEventListener(type: string, listener: (event: object) => void): void {
    this.#listeners.set(type, listener);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {}

  receive(type: string, content: unknown, meta: object = {}): void {
    this.#listeners.get("message")?.({ data: JSON.stringify({ type, content, meta, timestamp: "" }) });
  }

  end(code: number): void {
    this.#listeners.get("close")?.({ code, reason: "" });
  }
}

/** The socket that the page has opened last, connected. */
async function connected(): Promise<LedSocket> {
  await turn();
  const socket = LedSocket.opened.at(-1);
  if (!socket) throw new Error("the page has not connected");
  socket.receive("connected", { heartbeat_interval: null, heartbeat_timeout: null });
  await turn();
  return socket;
}

beforeEach(() => {
  LedSocket.opened = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.stubGlobal("WebSocket", LedSocket);
  vi.stubGlobal("addEventListener", () => undefined);
  vi.spyOn(console, "error").mockReturnValue();
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  };
});

/** Waits for a part as an element does: until it is told. */
function watchPart(connection: PageConnection, id: string, told: PartContent[]): void {
  const stop = connection.watchPart(id, 0, (content) => {
    told.push(content);
    stop();
  });
}

test("a close that is final is told to all, and not followed by another attempt", async () => {
  const connection = new PageConnection("ws://page/ws");
  const told: PartContent[] = [];
  for (const id of IDS) watchPart(connection, id, told);
  const socket = await connected();
  socket.end(4401);
  await turn();
  expect(told).toEqual([{ state: "failed" }, { state: "failed" }]);
  expect(LedSocket.opened).toHaveLength(1);
  // Whoever comes later may be let in by now.
  watchPart(connection, IDS[0], told);
  await turn();
  expect(LedSocket.opened).toHaveLength(2);
});

test("elements that come and go do not hasten the next attempt", async () => {
  const connection = new PageConnection("ws://page/ws");
  const told: PartContent[] = [];
  watchPart(connection, IDS[0], told);
  const socket = await connected();
  socket.end(1012);
  for (let times = 0; times < 3; times += 1) connection.watchPart(IDS[1], 0, () => undefined)();
  await turn();
  expect(LedSocket.opened).toHaveLength(1);
  vi.advanceTimersByTime(250);
  await turn();
  expect(LedSocket.opened).toHaveLength(2);
  expect(told).toEqual([]);
});

test("a part whose content did not fit into a message is told as failed", async () => {
  const told: PartContent[] = [];
  watchPart(new PageConnection("ws://page/ws"), IDS[0], told);
  const socket = await connected();
  socket.receive("widget", null, { widget_id: IDS[0], omitted_bytes: 5000 });
  expect(told).toEqual([{ state: "failed" }]);
});

test("a second element of a job is told at once what is known, be it that there is no such job", async () => {
  const connection = new PageConnection("ws://page/ws");
  const told: [string, JobView["state"] | undefined][] = [];
  const watch = (name: string) => connection.watchJob("emails", "1", (job) => told.push([name, job?.state]));
  watch("first");
  watch("second");
  const socket = await connected();
  expect(told).toEqual([]);
  socket.receive("snapshot", snapshotOf({ state: "unknown", name: null }), { queue: "emails", task_id: "1" });
  expect(told).toEqual([
    ["first", "unknown"],
    ["second", "unknown"],
  ]);
  watch("third");
  await turn();
  expect(told.slice(2)).toEqual([["third", "unknown"]]);
});
