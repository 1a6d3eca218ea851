import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { AsyncWidget, raw } from "../../src/index.ts";
import { latch } from "../http/support.ts";
import { startBridge } from "../support/bridge.ts";
import { Viewer } from "../support/viewer.ts";
import { idOf } from "./support.ts";

const WIDGETS = 1000;
const PARTS = 5;
const VIEWERS = 50;
const PART_BYTES = 4000;
const TTL_SECONDS = 2;
/** What may be left in the heap that is not of the widgets: code compiled meanwhile, counters. */
const NOISE_BYTES = 3 * 1024 ** 2;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function heapBytes(): Promise<number> {
  collectGarbage();
  // What buffers held is given back a moment later.
  await new Promise((resolve) => setTimeout(resolve, 100));
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const inMebibytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

test("a thousand widgets at once are all delivered, in bounded memory, and nothing is left of them", {
  timeout: 60_000,
}, async () => {
  const { bridge, wsUrl } = await startBridge();
  const run = async (count: number) => {
    const gate = latch();
    const subwidgets = Array.from({ length: PARTS }, (_, part) => async () => {
      await gate.promise;
      return raw(String(part).repeat(PART_BYTES));
    });
    const widget = new AsyncWidget({ bridge, subwidgets, ttlSeconds: TTL_SECONDS });
    const ids = Array.from({ length: count }, () => idOf(widget.render()));
    let parts = 0;
    const viewers = await Promise.all(Array.from({ length: VIEWERS }, () => Viewer.open(`${wsUrl}?watch=none`)));
    const wanted = ids.length * PARTS;
    const whole = latch();
    for (const [index, { socket }] of viewers.entries()) {
      // Counted and not kept, as what the viewers hold is no concern of the bridge.
      socket.removeAllListeners("message");
      socket.on("message", (data) => {
        const { type, content } = JSON.parse(String(data)) as { type: string; content: { html: string } };
        if (type === "widget" && content.html.length === PART_BYTES) parts += 1;
        if (parts === wanted) whole.open();
      });
      const topics = ids.filter((_, number) => number % VIEWERS === index).map((id) => `widget:${id}`);
      socket.send(JSON.stringify({ type: "subscribe", content: { topics } }));
    }
    const startedAt = performance.now();
    gate.open();
    await whole.promise;
    const tookMs = Math.round(performance.now() - startedAt);
    for (const { socket } of viewers) socket.terminate();
    await Promise.all(viewers.map(({ closed }) => closed));
    return { tookMs, parts };
  };
  // What is compiled and allocated once is there before.
  await run(VIEWERS);
  await expect.poll(() => bridge.widgets.size, { timeout: 10_000 }).toBe(0);

  const before = await heapBytes();
  const { tookMs, parts } = await run(WIDGETS);
  const kept = bridge.widgets.bytes;
  const during = await heapBytes();
  await expect.poll(() => bridge.widgets.size, { timeout: 10_000 }).toBe(0);
  const after = await heapBytes();

  console.log(
    `${WIDGETS} widgets of ${PARTS} parts of ${PART_BYTES} bytes: ${parts} parts delivered in ${tookMs} ms; ` +
      `kept ${inMebibytes(kept)}; heap ${inMebibytes(before)} before, +${inMebibytes(during - before)} with all kept, ` +
      `+${inMebibytes(after - before)} after their time`,
  );
  expect(parts).toBe(WIDGETS * PARTS);
  expect(kept).toBeGreaterThanOrEqual(WIDGETS * PARTS * PART_BYTES);
  expect(during - before).toBeLessThan(2 * kept);
  expect(after - before).toBeLessThan(NOISE_BYTES);
  expect(bridge.widgets.bytes).toBe(0);
});
