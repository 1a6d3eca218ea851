import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FlowProducer, Queue } from "bullmq";
import type { Page } from "playwright-core";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { Viewer } from "../support/viewer.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { openDashboard } from "./support.ts";

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 10_000 } } });

const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

/** How people look at it. */
const WAYS = (["light", "dark"] as const).flatMap((theme) =>
  [
    { width: 1280, height: 800 },
    { width: 390, height: 844 },
  ].map((size) => ({ theme, ...size })),
);

/** What axe finds wrong with the page as it stands, each with the first element it is about. */
async function violationsOf(tab: Page): Promise<string[]> {
  await tab.evaluate(`${AXE};undefined`);
  return (await tab.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].failureSummary, nodes[0].html].join(': ')))",
  )) as string[];
}

/** A bridge with jobs of every kind and viewers. */
async function startBusyBridge() {
  const bridge = await startBridge({ queues: ["images", "emails"] });
  const { prefix } = bridge;
  const connection = { url: inject("redisUrl") };
  const [images, emails, flows] = [
    new Queue("images", { prefix, connection }),
    new Queue("emails", { prefix, connection }),
    new FlowProducer({ prefix, connection }),
  ];
  onTestFinished(async () => {
    await Promise.all([images.close(), emails.close(), flows.close()]);
  });
  await startStockWorker({ queue: "images", prefix });
  const failing = {
    progress: [10, 60],
    logs: 4,
    failFirst: 2,
    reason: ["no reply", "still none"],
    result: { ok: true },
  };
  await images.add("resize", failing, { jobId: "retried", attempts: 3 });
  await images.add("resize", { failFirst: 1, reason: "the file is damaged" }, { jobId: "damaged" });
  await images.add("resize", {}, { jobId: "later", delay: 3_600_000 });
  await emails.add("send", { to: "ada@example.com" }, { jobId: "letter" });
  await flows.add({ name: "album", queueName: "images", children: [{ name: "send", queueName: "emails" }] });
  const stateOf = (id: string) => images.getJobState(id);
  await expect.poll(() => stateOf("retried"), { timeout: 10_000 }).toBe("completed");
  await expect.poll(() => stateOf("damaged"), { timeout: 10_000 }).toBe("failed");
  for (const path of ["/tab-1", "/tab-2?queue=images"]) await Viewer.open(bridge.wsUrl + path);
  return bridge;
}

/** The pages, each with what is done there before it is looked at; more than one thing may be worth it. */
const VIEWS: Readonly<Record<string, { path: string; open?: (tab: Page) => Promise<unknown> }>> = {
  overview: { path: "", open: (tab) => tab.getByText("images").first().waitFor() },
  jobs: { path: "jobs", open: (tab) => tab.getByText("retried").first().waitFor() },
  "no jobs found": { path: "jobs?queue=images&state=active", open: (tab) => tab.waitForLoadState("networkidle") },
  "a job that was retried": {
    path: "jobs/images/retried",
    open: (tab) => tab.getByText("still none").first().waitFor(),
  },
  "a job that failed": {
    path: "jobs/images/damaged",
    open: (tab) => tab.getByText("the file is damaged").first().waitFor(),
  },
  "a job that is not there": { path: "jobs/images/nowhere", open: (tab) => tab.waitForLoadState("networkidle") },
  clients: { path: "clients", open: (tab) => tab.getByText("tab-1").waitFor() },
  "no client found": { path: "clients?q=nobody", open: (tab) => tab.getByText("No client matches").waitFor() },
  "disconnecting a client": {
    path: "clients",
    open: (tab) => tab.getByRole("button", { name: "Disconnect tab-1" }).click(),
  },
  messages: { path: "messages", open: (tab) => tab.getByText(/^Everybody \(/).waitFor() },
  "a message that was sent, and the next that is wrong": {
    path: "messages?client=tab-1",
    open: async (tab) => {
      await tab.getByLabel("Type").fill("notice");
      await tab.getByLabel("Content").fill("{}");
      await tab.getByRole("button", { name: "Send to this client" }).click();
      await tab.getByText("reached 1 connection").waitFor();
      await tab.getByLabel("Content").fill("{,");
      await tab.getByText("Line 1, column 2").waitFor();
    },
  },
  "a page that is not there": { path: "nowhere" },
};

test("axe finds nothing wrong with any page, in either theme, on a desktop and on a phone", {
  timeout: 240_000,
}, async () => {
  const bridge = await startBusyBridge();
  const browser = await launchBrowser();
  const found: string[] = [];
  for (const [name, { path, open }] of Object.entries(VIEWS)) {
    const tab = await openDashboard(browser, bridge, path);
    await open?.(tab);
    for (const { theme, ...size } of WAYS) {
      await tab.emulateMedia({ colorScheme: theme });
      await tab.setViewportSize(size);
      for (const violation of await violationsOf(tab)) found.push(`${name}, ${theme}, ${size.width} px: ${violation}`);
    }
    await tab.context().close();
  }
  console.log(`axe: ${found.length} violations in ${Object.keys(VIEWS).length} views, each in ${WAYS.length} ways`);
  expect(found).toEqual([]);
});

test("axe finds nothing wrong with the way in", { timeout: 60_000 }, async () => {
  const bridge = await startBridge({ queues: ["images"], adminToken: "sesame" });
  const browser = await launchBrowser();
  const found: string[] = [];
  for (const { theme, ...viewport } of WAYS) {
    const tab = await browser.newPage({ colorScheme: theme, viewport });
    await tab.goto(`${bridge.httpUrl}/dashboard/`);
    await tab.getByLabel("Admin token").waitFor();
    found.push(...(await violationsOf(tab)));
    await tab.getByLabel("Admin token").fill("wrong");
    await tab.getByRole("button", { name: "Sign in" }).click();
    await tab.getByText("not the admin token").waitFor();
    found.push(...(await violationsOf(tab)));
    await tab.close();
  }
  expect(found).toEqual([]);
});

test("no page is wider than a small phone", { timeout: 60_000 }, async () => {
  const bridge = await startBusyBridge();
  const browser = await launchBrowser();
  for (const [name, { path, open }] of Object.entries(VIEWS)) {
    const tab = await openDashboard(browser, bridge, path, { width: 360, height: 640 });
    await open?.(tab);
    const width = await tab.evaluate("document.documentElement.scrollWidth");
    expect({ name, width }).toEqual({ name, width: 360 });
    await tab.context().close();
  }
});
