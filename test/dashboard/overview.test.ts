import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { openQueue, openQueue5 } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { openRedis } from "../support/redis.ts";
import { uniquePrefix } from "../support/unique.ts";
import { startStockWorker } from "../support/worker-process.ts";
import { openDashboard } from "./support.ts";

/** A number of a queue's row. */
function countOf(page: Page, queue: string, state: string): Promise<string | null> {
  return page.locator(`[data-queue="${queue}"] [data-count="${state}"]`).textContent();
}

/** A row of the table of queues, cell by cell. */
function rowOf(page: Page, queue: string): Promise<string[]> {
  return page.locator(`[data-queue="${queue}"] :is(th, td)`).allTextContents();
}

/** From when to when the charts show, as they say it. */
async function spanOf(page: Page): Promise<{ from: string; to: string }> {
  const label = await page.getByRole("img", { name: /^Events and messages .* from / }).getAttribute("aria-label");
  const [, from = "", to = ""] = /from (\S+) to (\S+)$/.exec(label ?? "") ?? [];
  return { from, to };
}

test("each queue is shown with its jobs by state, and what becomes of them within seconds", async () => {
  const { prefix, ...bridge } = await startBridge({ queues: ["emails", "images"] });
  const emails = openQueue("emails", prefix);
  await emails.add("welcome", { progress: [50, 100], result: "sent" });
  await emails.add("welcome", { failFirst: 1, reason: "no mailbox" });
  await emails.add("reminder", {}, { delay: 3_600_000 });
  const page = await openDashboard(await launchBrowser(), bridge);

  await expect.poll(() => countOf(page, "emails", "waiting")).toBe("2");
  expect(await countOf(page, "emails", "delayed")).toBe("1");
  await expect.poll(() => rowOf(page, "images")).toEqual(["images", ...Array(8).fill("0"), "0", "0 ms", "reading"]);

  await startStockWorker({ queue: "emails", prefix });
  await expect.poll(() => countOf(page, "emails", "completed"), { timeout: 10_000 }).toBe("1");
  expect(await countOf(page, "emails", "failed")).toBe("1");
  const rate = page.locator('[data-queue="emails"] [data-label="Events / s"]');
  await expect.poll(async () => Number(await rate.textContent())).toBeGreaterThan(0);

  await emails.pause();
  await page.locator('[data-queue="emails"]').getByText("paused", { exact: true }).waitFor();
});

test("a number of jobs leads to these jobs", async () => {
  const { prefix, ...bridge } = await startBridge({ queues: ["emails"] });
  await openQueue("emails", prefix).add("reminder", {}, { delay: 3_600_000 });
  const page = await openDashboard(await launchBrowser(), bridge);
  await page.getByRole("link", { name: "1 delayed, emails" }).click();
  expect(page.url()).toBe(`${bridge.httpUrl}/dashboard/jobs?queue=emails&state=delayed`);
  await page.getByText("reminder").first().waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
});

test("the jobs that a paused queue of BullMQ 5 has set aside are found among those that wait", async () => {
  const { prefix, ...bridge } = await startBridge({ queues: ["emails"] });
  const emails = openQueue5("emails", prefix);
  await emails.add("reminder", {}, { delay: 3_600_000 });
  await emails.pause();
  await emails.add("welcome", {});
  const page = await openDashboard(await launchBrowser(), bridge);
  await page.getByRole("link", { name: "1 paused, emails" }).click();
  await page.getByText("welcome").first().waitFor();
  expect(await page.getByText("reminder").count()).toBe(0);
});

test("a part in trouble is named with the reason, and healthy again when it is", async () => {
  const redis = openRedis();
  const prefix = uniquePrefix();
  await redis.set(`${prefix}:bad:events`, "no stream");
  const page = await openDashboard(await launchBrowser(), await startBridge({ prefix, queues: ["good", "bad"] }));
  const health = page.getByRole("region", { name: "Health" });
  await health.getByText("Queue bad").waitFor();
  expect(await health.locator('[data-part="queue:bad"]').textContent()).toContain("WRONGTYPE");
  expect(await health.locator('[data-part="redis"]').textContent()).toMatch(/Redis\s+healthy/);

  await redis.del(`${prefix}:bad:events`);
  await health.getByText("healthy", { exact: true }).first().waitFor();
  await expect.poll(() => health.locator('[data-part="queue:bad"]').count(), { timeout: 15_000 }).toBe(0);
});

test("the charts begin where the bridge did, and a reload takes nothing of them", async () => {
  const { prefix, ...bridge } = await startBridge({ queues: ["emails"] });
  await startStockWorker({ queue: "emails", prefix });
  await openQueue("emails", prefix).add("welcome", { progress: [25, 50, 75, 100] });
  const browser = await launchBrowser();
  const page = await openDashboard(browser, bridge);
  await expect.poll(async () => (await spanOf(page)).to, { timeout: 10_000 }).not.toBe("");
  const before = await spanOf(page);
  await expect.poll(async () => (await spanOf(page)).to > before.to, { timeout: 10_000 }).toBe(true);

  await page.reload();
  await expect.poll(async () => (await spanOf(page)).from).toBe(before.from);
  await expect.poll(async () => (await spanOf(page)).to > before.to, { timeout: 10_000 }).toBe(true);
  const other = await openDashboard(browser, bridge);
  await expect.poll(async () => (await spanOf(other)).from).toBe(before.from);
  expect(await isDrawn(page)).toBe(true);
});

test("pointing at a chart shows that moment in all of them", async () => {
  const page = await openDashboard(await launchBrowser(), await startBridge({ queues: ["emails"] }));
  await expect.poll(async () => (await spanOf(page)).to, { timeout: 10_000 }).not.toBe("");
  const charts = page.getByRole("region", { name: "The last 15 minutes" });
  const moments = () => charts.locator(".chart-moment").allTextContents();
  const plot = page.locator(".chart-plot").first();
  await plot.hover();
  await expect.poll(async () => new Set(await moments()).size).toBe(1);
  expect((await moments())[0]).toMatch(/^\d\d:\d\d:\d\d$/);
  await page.getByRole("heading", { name: "Overview" }).hover();
  await expect.poll(async () => (await moments())[2]).toMatch(/^peak /);
});

test("a bridge without queues says how to attach one, one without jobs how to add one", async () => {
  const { prefix, ...bridge } = await startBridge();
  const page = await openDashboard(await launchBrowser(), bridge);
  await page.getByText("No queue is attached").waitFor();
  await page.getByText('bridge.attachQueue("emails");').waitFor();

  bridge.bridge.attachQueue("images");
  await page.getByText("Nothing has happened yet").waitFor();
  await page.getByText('new Queue("images", { connection })').waitFor();

  await openQueue("images", prefix).add("resize", {});
  await page.getByText("Nothing has happened yet").waitFor({ state: "detached" });
});

/** Whether there is anything in the first chart. */
function isDrawn(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const canvas = document.querySelector("canvas");
    const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels?.some((value) => value > 0) ?? false;
  });
}
