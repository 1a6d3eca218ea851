import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, inject, onTestFinished, test } from "vitest";
import { createBridge } from "../../src/index.ts";
import { launchBrowser } from "../support/browser.ts";
import { openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { openQueue } from "./support.ts";

const PAGE = new URL("../fixtures/browser-page.html", import.meta.url);

/** An application as its author would write it: a page at `/`, the bridge under `/ws`. */
async function startApplication(prefix: string): Promise<string> {
  const page = await readFile(PAGE);
  const bridge = createBridge({
    connection: inject("redisUrl"),
    prefix,
    queues: ["videos"],
    heartbeatInterval: 0.5,
    heartbeatTimeout: 1,
    logger: pino({ level: "silent" }),
  });
  const server = createServer((request, response) =>
    bridge.router(request, response, () => response.setHeader("content-type", "text/html").end(page)),
  );
  bridge.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await bridge.start();
  onTestFinished(async () => {
    await bridge.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("plain browser code shows a job's progress, log lines and end, and answers pings", async () => {
  const prefix = uniquePrefix();
  const [origin] = await Promise.all([
    startApplication(prefix),
    startStockWorker({ queue: "videos", prefix, redisUrl: inject("redisUrl") }),
  ]);
  const browser = await launchBrowser();
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(origin);
  await page.waitForSelector("body[data-subscribed]");
  const queue = openQueue("videos", prefix);

  const good = await queue.add("encode", { progress: [25, 75], result: { url: "/v/1" } });
  await page.waitForFunction(
    (text) => document.getElementById("state")?.textContent === text,
    `task ${good.id} succeeded: {"url":"/v/1"}`,
  );
  expect(await page.locator("#progress").evaluate((bar) => (bar as HTMLProgressElement).value)).toBe(75);

  const bad = await queue.add("encode", { failFirst: 1, reason: "no such codec" });
  await page.waitForFunction(
    (text) => document.getElementById("state")?.textContent === text,
    `task ${bad.id} failed: no such codec`,
  );

  const logs = `${prefix}:videos:bullcast-logs`;
  await openRedis().xadd(logs, "*", "job", String(good.id), "level", "warn", "msg", "the fan is loud", "time", 1);
  await page.waitForSelector("#logs li.warn");
  expect(await page.locator("#logs li.warn").textContent()).toBe(`task ${good.id}: the fan is loud`);

  // More pings than a silent viewer could outlive.
  await page.waitForFunction(() => Number(document.body.dataset.pongs) >= 4);
  const { clients } = (await (await fetch(`${origin}/ws/clients`)).json()) as {
    clients: { client_id: string; rtt_ms: number | null }[];
  };
  expect(clients).toEqual([
    expect.objectContaining({ client_id: "client-123", topics: ["*"], rtt_ms: expect.any(Number) }),
  ]);
  expect(clients[0]?.rtt_ms).toBeGreaterThanOrEqual(0);
  const stats = (await (await fetch(`${origin}/ws/stats`)).json()) as {
    heartbeat: { pongs: number; timeouts: number };
  };
  expect(stats.heartbeat.pongs).toBeGreaterThanOrEqual(3);
  expect(stats.heartbeat.timeouts).toBe(0);
  expect(complaints).toEqual([]);
});
