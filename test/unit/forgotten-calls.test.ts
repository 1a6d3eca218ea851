import { createServer } from "node:http";
import { afterEach, beforeEach, expect, inject, onTestFinished, test, vi } from "vitest";
import { createBridge } from "../../src/index.ts";
import { recordingLogger } from "./support/manager.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

function newBridge() {
  const { logger, logs } = recordingLogger();
  const bridge = createBridge({ connection: inject("redisUrl"), queues: ["emails"], logger });
  onTestFinished(() => {
    vi.useRealTimers();
    return bridge.close();
  });
  const said = () => logs.flatMap(({ msg }) => (/bridge\./.test(msg) ? msg : []));
  return { bridge, said };
}

test("a bridge that was attached and never started says so, once", () => {
  const { bridge, said } = newBridge();
  bridge.attach(createServer());
  vi.advanceTimersByTime(9_000);
  expect(said()).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(said()).toEqual(["bridge.start() has not been called: no queue is read"]);
});

test("a bridge that was started and takes no upgrades says so, and one that takes them by hand does not", () => {
  const [forgotten, byHand] = [newBridge(), newBridge()];
  void forgotten.bridge.start();
  void byHand.bridge.start();
  const request = { url: "/elsewhere", headers: {} } as Parameters<typeof byHand.bridge.handleUpgrade>[0];
  byHand.bridge.handleUpgrade(request, {} as never, Buffer.alloc(0));
  vi.advanceTimersByTime(10_000);
  expect(forgotten.said()).toEqual([
    "no server is attached: unless handleUpgrade() is used, bridge.attach(server) is missing",
  ]);
  expect(byHand.said()).toEqual([]);
});
