import { readFile } from "node:fs/promises";
import type { FlowJob } from "bullmq";
import { FlowProducer } from "bullmq";
import type { Page } from "playwright-core";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import type { BridgeOptions } from "../../src/config.ts";
import { openQueue } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { connectionTo } from "../support/redis.ts";
import { startStockWorker, startWorker } from "../support/worker-process.ts";
import { startLedWorker } from "./led-worker.ts";
import { openDashboard } from "./support.ts";

const SLOW = { timeout: 60_000 };

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ expect: { poll: { timeout: 10_000 } } });

/** A bridge of one queue, its worker, and a way to look at its jobs. */
async function start(options: Partial<BridgeOptions> = {}) {
  const bridge = await startBridge({ queues: ["emails", "albums"], ...options });
  const { prefix } = bridge;
  const open = async (id: string | undefined, query = "", queue = "emails") =>
    openDashboard(await launchBrowser(), bridge, `jobs/${queue}/${encodeURIComponent(String(id))}${query}`);
  return { bridge, prefix, emails: openQueue("emails", prefix), open };
}

/** The steps of the timeline, each as one text. */
async function steps(tab: Page): Promise<string[]> {
  const texts = await tab.locator(".step-name").allInnerTexts();
  return texts.map((text) => text.replace(/\s+/g, " ").trim());
}

/** The lines of the log in sight, without their times. */
async function lines(tab: Page): Promise<string[]> {
  return tab.locator(".log-row").evaluateAll((rows) =>
    rows
      .filter((row) => {
        const pane = row.closest(".log-pane")?.getBoundingClientRect();
        const { top, bottom } = row.getBoundingClientRect();
        return pane && bottom > pane.top && top < pane.bottom;
      })
      .map((row) => [...row.querySelectorAll(".log-level, .log-text")].map((part) => part.textContent))
      .map((parts) => parts.filter(Boolean).join(" ")),
  );
}

test("a job is followed live: state, progress, log, result; data and options beside it", SLOW, async () => {
  const { prefix, emails, open } = await start();
  const worker = await startLedWorker("emails", prefix);
  const { id } = await emails.add("send", { to: "ada@example.com", nested: { deep: [1, 2] } }, { attempts: 2 });
  const tab = await open(id);
  await tab.getByRole("heading", { name: `send #${id}` }).waitFor();
  const head = tab.getByRole("main").locator("header").first();
  await head.getByText("active", { exact: true }).waitFor();
  await expect.poll(() => steps(tab)).toEqual(["Waiting", "Attempt 1 running"]);
  const data = tab.getByRole("region", { name: "Data" });
  await data.getByText('"ada@example.com"').waitFor();
  await tab.getByRole("region", { name: "Options" }).getByText("{").first().click();
  await tab.getByRole("region", { name: "Options" }).getByText("attempts:").waitFor();

  worker.tell(id, { progress: 30 }, { level: "info", line: "first" }, { level: "warn", line: "second" });
  await head.getByText("30 %").waitFor();
  await expect.poll(() => lines(tab)).toEqual(["info first", "warn second"]);
  worker.tell(id, { progress: { percent: 70, page: 3 } });
  await head.getByText("70 %").waitFor();
  await head.getByText("page: 3").waitFor();
  worker.tell(id, { result: { messageId: "<7@mail>" } });
  await head.getByText("completed", { exact: true }).waitFor();
  await expect.poll(() => steps(tab)).toEqual(["Waiting", "Attempt 1 completed", "Completed"]);
  await tab.getByRole("region", { name: "Result" }).getByText('"<7@mail>"').waitFor();

  // Closed, and told anew: all of it is there.
  await tab.reload();
  await expect.poll(() => steps(tab)).toEqual(["Waiting", "Attempt 1 completed", "Completed"]);
  await tab.getByRole("region", { name: "Result" }).getByText('"<7@mail>"').waitFor();
});

test("the timeline has each attempt with its reason and stack, also of those from before", SLOW, async () => {
  const { prefix, emails, open } = await start();
  const worker = await startLedWorker("emails", prefix);
  const { id } = await emails.add("send", {}, { attempts: 3, backoff: 600_000 });
  worker.tell(id, { fail: "greylisted" });
  await expect.poll(() => emails.getDelayedCount()).toBe(1);
  const tab = await open(id);
  await expect.poll(() => steps(tab)).toEqual(["Waiting", "Attempt 1 failed", "Delayed"]);
  await tab.getByText("Last attempt failed").waitFor();
  await tab.getByText(/^due at \d\d:\d\d:\d\d$/).waitFor();
  const first = tab.locator(".step").filter({ hasText: "Attempt 1" });
  await first.getByText("greylisted", { exact: true }).waitFor();

  await (await emails.getJob(String(id)))?.promote();
  await expect
    .poll(() => steps(tab))
    .toEqual(["Waiting", "Attempt 1 failed", "Delayed", "Waiting", "Attempt 2 running"]);
  worker.tell(id, { fail: "no mailbox" });
  const second = tab.locator(".step").filter({ hasText: "Attempt 2" });
  await second.getByText("no mailbox", { exact: true }).waitFor();
  await second.getByText("Stack").click();
  await second.getByText("led-worker.mjs").first().waitFor();
  expect(await second.locator("time").textContent()).toMatch(/\d (ms|s)$/);

  await (await emails.getJob(String(id)))?.promote();
  worker.tell(id, { fail: "gone for good" });
  await expect
    .poll(() => steps(tab))
    .toEqual([
      "Waiting",
      "Attempt 1 failed",
      "Delayed",
      "Waiting",
      "Attempt 2 failed",
      "Delayed",
      "Waiting",
      "Attempt 3 failed",
      "Failed",
    ]);
  await tab.getByText("Failed", { exact: true }).first().waitFor();

  // Of what was before, BullMQ keeps that it was, and why.
  await tab.reload();
  await expect
    .poll(() => steps(tab))
    .toEqual(["Waiting", "Attempt 1 failed", "Attempt 2 failed", "Attempt 3 failed", "Failed"]);
  await tab.locator(".step").filter({ hasText: "Attempt 1" }).getByText("greylisted", { exact: true }).waitFor();
  await tab.locator(".step").filter({ hasText: "Attempt 2" }).getByText("no mailbox", { exact: true }).waitFor();
});

test("who works at a job is told when it begins, and a result that no message can hold is read", SLOW, async () => {
  const { prefix, emails, open } = await start({ maxQueueBytes: 256 * 1024 });
  const { id } = await emails.add("send", {});
  const tab = await open(id);
  await expect.poll(() => steps(tab)).toEqual(["Waiting"]);
  const worker = await startWorker("led-worker.mjs", { queue: "emails", prefix, options: { name: "ada-1" } });
  await tab.getByText("ada-1", { exact: true }).waitFor();
  worker.process.send({ id, result: { text: "x".repeat(100_000) } });
  await tab.getByRole("region", { name: "Result" }).getByText("text:").waitFor();
});

test("a stall is a step of its own kind, and the attempt goes on after it", SLOW, async () => {
  const { prefix, emails, open } = await start();
  const options = { lockDuration: 1000, stalledInterval: 500, maxStalledCount: 3 };
  const first = await startWorker("troubled-worker.mjs", { queue: "emails", prefix, bullmq: 6, options });
  const { id } = await emails.add("send", { hang: true });
  const tab = await open(id);
  await expect.poll(() => steps(tab)).toEqual(["Waiting", "Attempt 1 running"]);
  first.process.kill("SIGKILL");
  await startWorker("troubled-worker.mjs", { queue: "emails", prefix, bullmq: 6, options });
  await expect
    .poll(() => steps(tab), { timeout: 30_000 })
    .toEqual(["Waiting", "Attempt 1 stalled: its worker was lost", "Waiting", "Attempt 1 completed", "Completed"]);
});

test(
  "the log is searched and narrowed by level, in the address too, and leaves by copy and download",
  SLOW,
  async () => {
    const { prefix, emails, open } = await start();
    const worker = await startLedWorker("emails", prefix);
    const { id } = await emails.add("send", {});
    worker.tell(
      id,
      { level: "debug", line: "looking up mx" },
      { level: "info", line: "connected to mx1" },
      { level: "warn", line: "TLS is old" },
      { level: "error", line: "mx1 hung up" },
    );
    const tab = await open(id);
    await expect.poll(async () => (await lines(tab)).length).toBe(4);
    const log = tab.getByRole("region", { name: "Log", exact: true });
    await log.getByLabel("Level").selectOption("warn");
    await expect.poll(() => lines(tab)).toEqual(["warn TLS is old", "error mx1 hung up"]);
    await log.getByText("2 of 4 lines").waitFor();
    await log.getByLabel("Search the log").fill("MX1");
    await expect.poll(() => lines(tab)).toEqual(["error mx1 hung up"]);
    expect(await log.locator("mark").allTextContents()).toEqual(["mx1"]);
    await expect.poll(() => new URL(tab.url()).search).toBe("?level=warn&search=MX1");

    // What is copied and downloaded is what is shown.
    const format = /^\d{4}-\d\d-\d\dT[\d:.]+Z ERROR mx1 hung up$/;
    await tab.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await log.getByRole("button", { name: "Copy" }).click();
    await log.getByRole("button", { name: "Copied" }).waitFor();
    expect(await tab.evaluate(() => navigator.clipboard.readText())).toMatch(format);
    const download = tab.waitForEvent("download");
    await log.getByRole("button", { name: "Download" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe(`emails-${id}.log`);
    expect((await readFile(await file.path(), "utf8")).trim()).toMatch(format);

    const shared = await tab.context().newPage();
    await shared.goto(tab.url());
    await expect.poll(() => lines(shared)).toEqual(["error mx1 hung up"]);
    worker.tell(id, { level: "error", line: "mx1 is back" }, { level: "error", line: "another" });
    await expect.poll(() => lines(shared)).toEqual(["error mx1 hung up", "error mx1 is back"]);
    expect(await lines(tab)).toEqual(["error mx1 hung up", "error mx1 is back"]);
  },
);

test(
  "the log follows its end, stays where one reads, and takes up again; long lines are cut into rows",
  SLOW,
  async () => {
    const { prefix, emails, open } = await start();
    const worker = await startLedWorker("emails", prefix);
    const { id } = await emails.add("send", {});
    const tab = await open(id);
    const log = tab.getByRole("region", { name: "Log", exact: true });
    await log.getByText("No lines yet.").waitFor();
    const say = (from: number, to: number) => {
      for (let line = from; line < to; line += 1) worker.tell(id, { level: "info", line: `line ${line}` });
    };
    say(0, 300);
    await log.getByText("300 lines", { exact: true }).waitFor();
    await expect.poll(async () => (await lines(tab)).at(-1)).toBe("info line 299");
    expect((await lines(tab)).length).toBeLessThan(80);

    const pane = log.getByRole("region", { name: "Lines of the log" });
    await pane.hover();
    await tab.mouse.wheel(0, -2000);
    await log.getByRole("button", { name: "Follow" }).waitFor();
    await expect.poll(() => lines(tab)).not.toContain("info line 299");
    const before = await lines(tab);
    say(300, 320);
    await log.getByRole("button", { name: "20 new lines" }).waitFor();
    expect(await lines(tab)).toEqual(before);
    await log.getByRole("button", { name: "20 new lines" }).click();
    await expect.poll(async () => (await lines(tab)).at(-1)).toBe("info line 319");

    await log.getByRole("button", { name: "Pause" }).click();
    say(320, 325);
    await log.getByRole("button", { name: "5 new lines" }).waitFor();
    expect(await lines(tab)).not.toContain("info line 324");
    await log.getByRole("button", { name: "Follow" }).click();
    await expect.poll(async () => (await lines(tab)).at(-1)).toBe("info line 324");

    // Lines that a filter lets pass again are not new.
    await log.getByRole("button", { name: "Pause" }).click();
    await log.getByLabel("Search the log").fill("line 32");
    await log.getByText("6 of 325 lines").waitFor();
    await log.getByLabel("Search the log").fill("");
    await log.getByText("325 lines", { exact: true }).waitFor();
    expect(await log.getByRole("button", { name: /new line/ }).count()).toBe(0);
    const follow = log.getByRole("button", { name: "Follow" });
    if ((await follow.count()) > 0) await follow.click();

    worker.tell(id, { level: "error", line: `${"x".repeat(500)} end` });
    await expect.poll(async () => (await lines(tab)).at(-1)).toMatch(/^x* end$/);
    const sideways = await pane.evaluate((element) => element.scrollWidth - element.clientWidth);
    expect(sideways).toBe(0);
  },
);

test("lines of stock job.log() are shown without level, from before and live", SLOW, async () => {
  const { prefix, emails, open } = await start();
  await startStockWorker({ queue: "emails", prefix });
  const before = await emails.add("send", { logs: 3 });
  await expect.poll(() => emails.getCompletedCount()).toBe(1);
  const tab = await open(before.id);
  await expect.poll(() => lines(tab)).toEqual(["line 0", "line 1", "line 2"]);
  const silent = await emails.add("send", {});
  await expect.poll(() => emails.getCompletedCount()).toBe(2);
  await tab.goto(tab.url().replace(`emails/${before.id}`, `emails/${silent.id}`));
  await tab.getByText("This job has logged nothing.").waitFor();
});

/** A flow of an album with so many pages, whose worker is led. */
async function addFlow(prefix: string, pages: number) {
  const flow = new FlowProducer({ connection: connectionTo(inject("redisUrl")), prefix });
  onTestFinished(() => flow.close());
  const children: FlowJob[] = Array.from({ length: pages }, (_, index) => ({
    name: "page",
    queueName: "emails",
    data: { index },
  }));
  const { job, children: added = [] } = await flow.add({ name: "album", queueName: "albums", data: {}, children });
  return { parent: String(job.id), children: added.map((child) => String(child.job.id)) };
}

test(
  "the parent of a flow shows how many children are done, live and without a request, and they lead to it",
  SLOW,
  async () => {
    const { prefix, open } = await start({ connection: inject("redisUrl") });
    const { parent, children } = await addFlow(prefix, 3);
    const tab = await open(parent, "", "albums");
    await tab.getByText("0 of 3 done").waitFor();
    await tab.getByText("waits for children", { exact: true }).waitFor();
    const requests: string[] = [];
    tab.on("request", (request) => requests.push(request.url()));

    const worker = await startLedWorker("emails", prefix);
    const [first, second, third] = children;
    worker.tell(first, { result: 1 });
    await tab.getByText("1 of 3 done").waitFor();
    worker.tell(second, { result: 2 });
    await tab.getByText("2 of 3 done").waitFor();
    expect(requests).toEqual([]);
    worker.tell(third, { result: 3 });
    await tab.getByText("waiting", { exact: true }).waitFor();

    await tab.goto(tab.url().replace(`albums/${parent}`, `emails/${first}`));
    await tab.getByRole("link", { name: `Child of albums #${parent}` }).click();
    await tab.getByRole("heading", { name: `album #${parent}` }).waitFor();
    // It does not wait for them any more; all are done.
    await tab.getByText("3 of 3 done").waitFor();
  },
);

test("where the Redis user may not count children, it is said", SLOW, async () => {
  const { prefix, open } = await start();
  const { parent } = await addFlow(prefix, 1);
  const tab = await open(parent, "", "albums");
  await tab.getByText("may not count them").waitFor();
});

test("a job that is removed while one looks stays to be read, and is said to be gone", SLOW, async () => {
  const { emails, open } = await start();
  const job = await emails.add("send", { to: "ada" }, { delay: 3_600_000 });
  const tab = await open(job.id);
  await expect.poll(() => steps(tab)).toEqual(["Delayed"]);
  await tab.getByText(/^in 59 m|^in 1 h/).waitFor();
  await job.remove();
  await tab.getByText(/^This job was removed at/).waitFor();
  await expect.poll(() => steps(tab)).toEqual(["Delayed", "Removed"]);
  await tab.getByRole("region", { name: "Data" }).getByText('"ada"').waitFor();
});

test("a job that BullMQ removes as it ends is shown as it ended", SLOW, async () => {
  const { prefix, emails, open } = await start();
  const worker = await startLedWorker("emails", prefix);
  const { id } = await emails.add("send", {}, { removeOnComplete: true });
  worker.tell(id, { result: "accepted" });
  await expect.poll(async () => (await emails.getJob(String(id))) ?? null).toBeNull();
  const tab = await open(id);
  await tab.getByText("BullMQ does not have this job any more.").waitFor();
  await tab.getByText("completed", { exact: true }).first().waitFor();
  await tab.getByRole("region", { name: "Result" }).getByText('"accepted"').waitFor();
});

test("a job that was never there is said to be none, until it is added", SLOW, async () => {
  const { emails, open } = await start();
  const tab = await open("nobody");
  await tab.getByText("There is no such job").waitFor();
  await emails.add("send", {}, { jobId: "nobody" });
  await tab.getByRole("heading", { name: "send #nobody" }).waitFor();
  await tab.getByText("waiting", { exact: true }).waitFor();
});

test("its link can be copied", SLOW, async () => {
  const { emails, open } = await start();
  const { id } = await emails.add("send", {});
  const tab = await open(id);
  await tab.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await tab.getByRole("button", { name: "Copy link" }).click();
  await tab.getByRole("button", { name: "Copied" }).waitFor();
  expect(await tab.evaluate(() => navigator.clipboard.readText())).toBe(tab.url());
});
