import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { readStats } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { openRedis } from "../support/redis.ts";
import { Viewer } from "../support/viewer.ts";
import { cursorsOf, sinceQuery } from "./support.ts";

const ENTRIES = 100_000;
/** What a socket that is not read holds in this process: some frames that it was given before it said it was full. */
const SOCKET_BYTES = 2 * 1024 ** 2;

/** Opens a WebSocket of which nothing is read. */
function openUnread(url: string): Promise<void> {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  const key = Buffer.alloc(16, 1).toString("base64");
  socket.write(
    `GET ${pathname}${search} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  return new Promise((resolve) =>
    socket.once("readable", () => {
      socket.pause();
      resolve();
    }),
  );
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function heapAfterCollection(): Promise<number> {
  collectGarbage();
  // What buffers held is given back a moment later.
  await new Promise((resolve) => setTimeout(resolve, 200));
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

test("a slow viewer that catches up over 100,000 messages costs no memory beside the ring", {
  timeout: 90_000,
}, async () => {
  const { prefix, wsUrl, httpUrl } = await startBridge({ queues: ["emails"] });
  const redis = openRedis();
  const viewer = await Viewer.open(`${wsUrl}?queue=emails`);
  const query = sinceQuery(cursorsOf(viewer));
  viewer.socket.terminate();
  await viewer.closed;
  for (let written = 0; written < ENTRIES; written += 5000) {
    const pipeline = redis.pipeline();
    for (let count = 0; count < 5000; count += 1) {
      pipeline.xadd(
        `${prefix}:emails:events`,
        "*",
        "event",
        "progress",
        "jobId",
        String(count % 10),
        "data",
        String(written),
      );
    }
    await pipeline.exec();
  }
  const progressOf = async () => {
    const late = new Viewer(`${wsUrl}?watch=none`);
    await late.next("connected");
    late.send({ type: "subscribe", content: { topics: ["queue:emails"] } });
    const { content } = await late.next("subscribed");
    late.socket.terminate();
    const [, , events] = Buffer.from(content.cursors.emails, "base64url").toString().split(":");
    return events;
  };
  const [[newest = ""] = []] = await redis.xrevrange(`${prefix}:emails:events`, "+", "-", "COUNT", 1);
  await expect.poll(progressOf, { timeout: 60_000 }).toBe(newest);

  const before = await heapAfterCollection();
  for (let count = 0; count < 10; count += 1) await openUnread(`${wsUrl}?queue=emails&${query}`);
  await expect.poll(async () => (await readStats(httpUrl)).messages.by_type.task_progress ?? 0).toBeGreaterThan(1000);
  // Once none of them takes more.
  const sent = async () => (await readStats(httpUrl)).messages.by_type.task_progress;
  for (let last = -1, now = await sent(); now !== last; last = now ?? 0, now = await sent()) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { outbox } = await readStats(httpUrl);
  // Pings at most: what they catch up with waits in the ring alone.
  expect(outbox.messages).toBeLessThanOrEqual(20);
  expect(((await heapAfterCollection()) - before) / 10).toBeLessThan(SOCKET_BYTES);
});
