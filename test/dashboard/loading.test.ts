import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { openDashboard } from "./support.ts";

const BUILT = fileURLToPath(new URL("../../dist/dashboard", import.meta.url));
const BUDGET_BYTES = 90 * 1024;
const FIRST_PAINT_MS = 1000;
/** One load may meet a machine that is busy otherwise. */
const LOADS = 3;

test("all of the dashboard is at most 90 KiB, compressed", () => {
  const assets = readdirSync(join(BUILT, "assets")).filter((name) => name.endsWith(".gz"));
  expect(assets.map((name) => name.replace(/-\w+/, "")).sort()).toEqual(["dashboard.css.gz", "dashboard.js.gz"]);
  const sizes = assets.map((name) => readFileSync(join(BUILT, "assets", name)).length);
  sizes.push(gzipSync(readFileSync(join(BUILT, "index.html"))).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`dashboard: ${(total / 1024).toFixed(1)} KiB compressed`);
  expect(total).toBeLessThanOrEqual(BUDGET_BYTES);
});

test("its heading is on the screen within a second, and it asks nobody but the bridge", async () => {
  const bridge = await startBridge({ queues: ["emails"] });
  const browser = await launchBrowser();
  const page = await openDashboard(browser, bridge);
  const hosts = new Set<string>();
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (!document.querySelector("h1")) return;
      observer.disconnect();
      // Painted by the frame after this one.
      requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("heading")));
    });
    observer.observe(document, { childList: true, subtree: true });
  });
  const times: number[] = [];
  for (let load = 0; load < LOADS; load += 1) {
    await page.reload();
    await page.getByText("Live", { exact: true }).waitFor();
    const mark = () => page.evaluate(() => performance.getEntriesByName("heading")[0]?.startTime ?? null);
    await expect.poll(mark).not.toBeNull();
    times.push((await mark()) ?? Number.POSITIVE_INFINITY);
  }
  console.log(`first meaningful paint: ${times.map((time) => `${Math.round(time)} ms`).join(", ")}`);
  expect(Math.min(...times)).toBeLessThan(FIRST_PAINT_MS);
  expect([...hosts]).toEqual([new URL(bridge.httpUrl).host]);
});
