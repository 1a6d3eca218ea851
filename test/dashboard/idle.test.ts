import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { openDashboard } from "./support.ts";

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 10_000 } } });

/** `DASHBOARD_IDLE_SECONDS=30` makes it the long run. */
const SECONDS = Number(process.env.DASHBOARD_IDLE_SECONDS ?? 5);

test(`no page makes a request while nothing is done with it, ${SECONDS} s`, {
  timeout: (SECONDS + 40) * 1000,
}, async () => {
  const bridge = await startBridge({ queues: ["images"] });
  const queue = new Queue("images", { prefix: bridge.prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  await queue.add("resize", {}, { jobId: "one" });
  const browser = await launchBrowser();
  const paths = ["", "jobs", "jobs/images/one", "clients", "messages"];
  const tabs = await Promise.all(paths.map((path) => openDashboard(browser, bridge, path)));
  for (const tab of tabs) await tab.waitForLoadState("networkidle");
  const requests: string[] = [];
  for (const tab of tabs) tab.on("request", (request) => requests.push(`${tab.url()}: ${request.url()}`));
  // Time passes: that is what is tested.
  await sleep(SECONDS * 1000);
  // And the pages are alive: each hears what happens.
  await queue.add("resize", {}, { jobId: "two" });
  const heard = tabs.map((tab) => tab.getByText("Live", { exact: true }).waitFor());
  await Promise.all(heard);
  await tabs[1]?.getByText("two").first().waitFor();
  console.log(`${tabs.length} pages, ${SECONDS} s without being touched: ${requests.length} HTTP requests`);
  expect(requests).toEqual([]);
});
