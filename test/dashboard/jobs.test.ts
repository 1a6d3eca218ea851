import { FlowProducer } from "bullmq";
import type { Locator, Page } from "playwright-core";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { openQueue } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { connectionTo } from "../support/redis.ts";
import { startWorker } from "../support/worker-process.ts";
import { startLedWorker } from "./led-worker.ts";
import { openDashboard } from "./support.ts";

const DAY_MS = 86_400_000;
const SLOW = { timeout: 60_000 };

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ expect: { poll: { timeout: 10_000 } } });

/** A bridge of two queues, and the table of its jobs in a browser. */
async function start(path = "jobs") {
  const bridge = await startBridge({ queues: ["emails", "images"] });
  const [emails, images] = ["emails", "images"].map((name) => openQueue(name, bridge.prefix));
  if (!emails || !images) throw new Error("there are two queues");
  const open = async (to = path) => openDashboard(await launchBrowser(), bridge, to);
  return { bridge, prefix: bridge.prefix, emails, images, open };
}

/** The row of a job. */
function rowOf(tab: Page, name: string, id: string | undefined): Locator {
  return tab.getByRole("row").filter({ has: tab.getByRole("link", { name: `${name} #${id}`, exact: true }) });
}

/** Names and ids of the rows in sight, from top to bottom. */
async function shown(tab: Page): Promise<string[]> {
  return tab.locator("tbody tr").evaluateAll((rows) =>
    rows
      .map((row) => ({ top: row.getBoundingClientRect().top, text: row.querySelector("a")?.textContent ?? "" }))
      .sort((one, other) => one.top - other.top)
      .map(({ text }) => text),
  );
}

const queryOf = (tab: Page) => new URL(tab.url()).search;

test("jobs appear as they are added, and each row follows its job to the end", SLOW, async () => {
  const { prefix, emails, images, open } = await start();
  const worker = await startLedWorker("emails", prefix);
  const tab = await open();
  await tab.getByText("No jobs yet").waitFor();

  const { id } = await emails.add("send", {}, { attempts: 2, backoff: 20_000 });
  const other = await images.add("resize", {});
  const row = rowOf(tab, "send", id);
  await row.getByText("active", { exact: true }).waitFor();
  await rowOf(tab, "resize", other.id).getByText("waiting", { exact: true }).waitFor();
  expect(await shown(tab)).toEqual([`resize#${other.id}`, `send#${id}`]);

  worker.tell(id, { progress: 40 }, { level: "info", line: "looking up the mailbox" });
  await row.getByText("40 %").waitFor();
  expect(await row.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("40");
  await row.getByText("looking up the mailbox").waitFor();
  worker.tell(id, { progress: { percent: 60, step: "handing over" } });
  await row.getByText("60 %").waitFor();
  await row.getByText("step: handing over").waitFor();

  worker.tell(id, { fail: "greylisted" });
  await row.getByText("delayed", { exact: true }).waitFor();
  await row.getByText("greylisted").waitFor();
  await row.getByText(/^in \d+ s$/).waitFor();
  expect(await row.locator(".job-attempt").textContent()).toBe("1 of 2");

  await (await emails.getJob(String(id)))?.promote();
  await row.getByText("active", { exact: true }).waitFor();
  worker.tell(id, { result: "accepted" });
  await row.getByText("completed", { exact: true }).waitFor();
  expect(await row.locator(".job-attempt").textContent()).toBe("2 of 2");
  expect(await row.getByText("greylisted").count()).toBe(0);
  expect(await row.locator(".job-took").textContent()).toMatch(/ms|s/);

  await other.remove();
  await expect.poll(() => shown(tab)).toEqual([`send#${id}`]);
});

/** One job of each state there is; answers their ids. */
async function addOneOfEach({ prefix, emails, images }: Awaited<ReturnType<typeof start>>) {
  const worker = await startLedWorker("emails", prefix);
  const add = async (orders: Parameters<typeof worker.tell>[1][], name: string) => {
    const { id } = await emails.add(name, {});
    worker.tell(id, ...orders);
    return String(id);
  };
  const completed = await add([{ result: 1 }], "send");
  const failed = await add([{ fail: "550 no mailbox" }], "send");
  const active = await add([{ progress: 25 }], "send");
  await expect
    .poll(() => emails.getJobCounts("completed", "failed", "active"))
    .toEqual({
      completed: 1,
      failed: 1,
      active: 1,
    });
  const flow = new FlowProducer({ connection: connectionTo(inject("redisUrl")), prefix });
  onTestFinished(() => flow.close());
  const child = { name: "part", queueName: "images", data: {} };
  const parent = await flow.add({ name: "album", queueName: "images", data: {}, children: [child] });
  const [delayed, prioritized] = await Promise.all([
    images.add("resize", {}, { delay: DAY_MS }),
    images.add("resize", {}, { priority: 3 }),
  ]);
  return {
    completed,
    failed,
    active,
    delayed: String(delayed.id),
    prioritized: String(prioritized.id),
    parent: String(parent.job.id),
    child: String(parent.children?.[0]?.job.id),
  };
}

test("jobs from before are read, and each filter narrows them, in the address too", SLOW, async () => {
  const application = await start();
  const ids = await addOneOfEach(application);
  const tab = await application.open();
  await expect.poll(async () => (await shown(tab)).length).toBe(7);

  const chip = (name: string) => tab.getByRole("group", { name: "States" }).getByRole("button", { name });
  const byState: [string, string, string][] = [
    ["active", "active", `send#${ids.active}`],
    ["waiting", "waiting", `part#${ids.child}`],
    ["prioritized", "prioritized", `resize#${ids.prioritized}`],
    ["delayed", "delayed", `resize#${ids.delayed}`],
    ["waits for children", "waiting-children", `album#${ids.parent}`],
    ["failed", "failed", `send#${ids.failed}`],
    ["completed", "completed", `send#${ids.completed}`],
  ];
  for (const [name, state, job] of byState) {
    // How many there are in Redis stands beside it.
    await expect.poll(() => chip(name).textContent()).toBe(`${name}1`);
    await chip(name).click();
    await expect.poll(() => shown(tab)).toEqual([job]);
    await expect.poll(() => queryOf(tab)).toBe(`?state=${state}`);
    expect(await chip(name).getAttribute("aria-pressed")).toBe("true");
    await chip(name).click();
  }
  await expect.poll(() => queryOf(tab)).toBe("");

  await chip("failed").click();
  await chip("active").click();
  await expect.poll(() => shown(tab)).toEqual([`send#${ids.active}`, `send#${ids.failed}`]);
  await tab.getByRole("button", { name: "Clear filters" }).click();
  await expect.poll(async () => (await shown(tab)).length).toBe(7);

  await tab.getByLabel("Queue", { exact: true }).selectOption("images");
  await expect.poll(async () => (await shown(tab)).length).toBe(4);
  await expect.poll(() => queryOf(tab)).toBe("?queue=images");
  await tab.getByLabel("Name", { exact: true }).fill("RESIZE");
  await expect
    .poll(async () => (await shown(tab)).sort())
    .toEqual([`resize#${ids.delayed}`, `resize#${ids.prioritized}`].sort());
  await tab.getByLabel("Name", { exact: true }).fill("");
  await tab.getByLabel("Queue", { exact: true }).selectOption("");
  await tab.getByLabel("ID", { exact: true }).fill(ids.parent);
  await expect.poll(() => shown(tab)).toContain(`album#${ids.parent}`);
  await expect.poll(() => queryOf(tab)).toBe(`?id=${encodeURIComponent(ids.parent)}`);
  await tab.getByLabel("ID", { exact: true }).fill("");
  await tab.getByLabel("Search what is shown").fill("no MAILBOX");
  await expect.poll(() => shown(tab)).toEqual([`send#${ids.failed}`]);
  await tab.getByLabel("Search what is shown").fill("nothing has this");
  await tab.getByText("No job matches").waitFor();
});

test(
  "typing changes the address seldom, as Safari refuses many changes, and in the end to what was typed",
  SLOW,
  async () => {
    const application = await start();
    const tab = await application.open();
    await tab.evaluate(() => {
      const [replace, counted] = [history.replaceState.bind(history), globalThis as unknown as { changes: number }];
      counted.changes = 0;
      history.replaceState = (...given) => {
        counted.changes += 1;
        replace(...given);
      };
    });
    const text = "abcdefghijklmnopqrstuvwxyz".repeat(4);
    await tab.getByLabel("Name", { exact: true }).pressSequentially(text);
    await expect.poll(() => queryOf(tab)).toBe(`?name=${text}`);
    const changes = await tab.evaluate(() => (globalThis as unknown as { changes: number }).changes);
    expect(changes).toBeLessThan(text.length / 2);

    await tab.getByLabel("Name", { exact: true }).fill("");
    await tab.getByLabel("ID", { exact: true }).fill("7");
    await tab.getByRole("link", { name: "Clients" }).click();
    await tab.goBack();
    expect(queryOf(tab)).toBe("?id=7");
  },
);

test("a link that is shared opens the same view, and leads back to it from a job", SLOW, async () => {
  const application = await start();
  const ids = await addOneOfEach(application);
  const tab = await application.open("jobs?queue=emails&state=failed&state=active&name=send&text=mailbox");
  await expect.poll(() => shown(tab)).toEqual([`send#${ids.failed}`]);
  expect(await tab.getByLabel("Queue", { exact: true }).inputValue()).toBe("emails");
  expect(await tab.getByLabel("Name", { exact: true }).inputValue()).toBe("send");
  expect(await tab.getByLabel("Search what is shown").inputValue()).toBe("mailbox");
  const address = tab.url();

  await tab.getByRole("link", { name: `send #${ids.failed}` }).click();
  await tab.getByRole("heading", { name: `send #${ids.failed}` }).waitFor();
  await tab.goBack();
  await expect.poll(() => shown(tab)).toEqual([`send#${ids.failed}`]);
  expect(tab.url()).toBe(address);
});

test("a job that nobody can see in the table is found by its id all the same", SLOW, async () => {
  const { images, open } = await start();
  const { id } = await images.add("resize", {});
  const tab = await open(`jobs?state=failed&id=${id}`);
  await tab.getByText("No job matches").waitFor();
  await tab.getByRole("link", { name: `Open job ${id} of images` }).click();
  await tab.getByRole("heading", { name: `resize #${id}` }).waitFor();
});

test("a job whose worker was lost is marked until it has ended", SLOW, async () => {
  const { prefix, images, open } = await start();
  const tab = await open();
  const options = { lockDuration: 1000, stalledInterval: 500, maxStalledCount: 3 };
  const first = await startWorker("troubled-worker.mjs", { queue: "images", prefix, bullmq: 6, options });
  const { id } = await images.add("resize", { hang: true });
  const row = rowOf(tab, "resize", id);
  await row.getByText("active", { exact: true }).waitFor();
  first.process.kill("SIGKILL");
  // It would do the job at once, and the mark be gone.
  const checker = await startWorker("led-worker.mjs", { queue: "images", prefix, options });
  await row.getByText("stalled", { exact: true }).waitFor({ timeout: 30_000 });
  checker.process.send({ id, result: "done" });
  await row.getByText("completed", { exact: true }).waitFor();
  expect(await row.getByText("stalled", { exact: true }).count()).toBe(0);
});

/** Adds so many jobs that wait, at once. */
async function addMany(queue: Awaited<ReturnType<typeof start>>["emails"], count: number): Promise<void> {
  for (let from = 0; from < count; from += 2500) {
    const size = Math.min(2500, count - from);
    await queue.addBulk(Array.from({ length: size }, (_, index) => ({ name: "send", data: { index: from + index } })));
  }
}

test("ten thousand jobs can be scrolled through, each in its place, with few of them drawn", {
  timeout: 120_000,
}, async () => {
  const { emails, open } = await start();
  await addMany(emails, 10_000);
  const tab = await open();
  await expect.poll(() => shown(tab)).toContain("send#10000");

  const drawn: number[] = [];
  const seen = new Set<string>();
  // As somebody would: on and on to the end, which moves away as older jobs are read. The last may be there before those
  // in between, where the bridge tells of its coming only now.
  await expect
    .poll(
      async () => {
        const rows = await shown(tab);
        drawn.push(rows.length);
        for (const row of rows) seen.add(row);
        await tab.mouse.wheel(0, 100_000);
        return `${rows.at(-1)}, ${await tab.getByRole("table").getAttribute("aria-rowcount")} rows`;
      },
      { timeout: 60_000, interval: 50 },
    )
    .toBe("send#1, 10001 rows");
  expect(Math.max(...drawn)).toBeLessThan(60);
  await tab.getByText("10,000 jobs", { exact: true }).waitFor();

  // Anywhere in between the rows in sight fill the window and follow one upon the other.
  for (const part of [0.75, 0.5, 0.25]) {
    await tab.evaluate((to) => scrollTo(0, document.body.scrollHeight * to), part);
    await expect
      .poll(async () => {
        const ids = (await shown(tab)).map((row) => Number(row.split("#")[1]));
        const isUnbroken = ids.every((id, index) => index === 0 || id === Number(ids[index - 1]) - 1);
        return isUnbroken && ids.length > 15 && Math.abs((ids[0] ?? 0) - 10_000 * (1 - part)) < 200;
      })
      .toBe(true);
  }

  await tab.evaluate(() => scrollTo(0, 0));
  await tab.getByRole("link", { name: "send #10000", exact: true }).focus();
  for (let step = 0; step < 30; step += 1) await tab.keyboard.press("ArrowDown");
  await expect.poll(() => tab.evaluate(() => document.activeElement?.textContent)).toBe("send#9970");
  await tab.keyboard.press("End");
  await expect.poll(() => tab.evaluate(() => document.activeElement?.textContent)).toBe("send#1");
  await tab.keyboard.press("Enter");
  await tab.getByRole("heading", { name: "send #1" }).waitFor();
});

test("jobs of a queue that is attached later are read, and those of one that is detached go", SLOW, async () => {
  const { bridge, prefix, emails, open } = await start();
  await emails.add("send", {});
  await openQueue("reports", prefix).add("print", {});
  const tab = await open();
  await expect.poll(() => shown(tab)).toEqual(["send#1"]);
  bridge.bridge.attachQueue("reports");
  await expect.poll(() => shown(tab), { timeout: 15_000 }).toEqual(["print#1", "send#1"]);
  bridge.bridge.detachQueue("emails");
  await expect.poll(() => shown(tab)).toEqual(["print#1"]);
});

test("what one reads stays where it is as new jobs come above it, and says that there are some", SLOW, async () => {
  const { emails, open } = await start();
  await addMany(emails, 300);
  const tab = await open();
  await expect.poll(() => shown(tab)).toContain("send#300");
  await tab.evaluate(() => scrollTo(0, 2000));
  const row = rowOf(tab, "send", "255");
  await row.waitFor();
  const before = await row.boundingBox();
  await addMany(emails, 25);
  await tab.getByRole("button", { name: "25 newer jobs" }).waitFor();
  expect((await row.boundingBox())?.y).toBeCloseTo(before?.y ?? 0, 0);
  await tab.getByRole("button", { name: "25 newer jobs" }).click();
  await expect.poll(() => shown(tab)).toContain("send#325");
  expect(await tab.getByRole("button", { name: /newer job/ }).count()).toBe(0);
});

test("jobs that cannot be read are said to be so, and read when asked again", SLOW, async () => {
  const { emails, bridge } = await start();
  await emails.add("send", {});
  const browser = await launchBrowser();
  const tab = await openDashboard(browser, bridge, "clients");
  await tab.route("**/ws/jobs?**", (route) =>
    route.fulfill({ status: 503, contentType: "application/problem+json", body: '{"detail":"Redis does not answer"}' }),
  );
  await tab.getByRole("link", { name: "Jobs", exact: true }).click();
  await tab.getByText("Jobs could not be loaded: Redis does not answer").waitFor();
  await tab.unroute("**/ws/jobs?**");
  await tab.getByRole("button", { name: "Try again" }).click();
  await expect.poll(() => shown(tab)).toEqual(["send#1"]);
});

test("names, ids and reasons are shown as text, whatever is in them", SLOW, async () => {
  const { emails, open } = await start();
  const name = `<img src=x onerror="document.title='hacked'">`;
  await emails.add(name, {}, { jobId: `a/b?c#d%20` });
  const tab = await open();
  const link = tab.getByRole("link", { name: /<img src=x/ });
  await link.click();
  await tab.getByRole("heading", { name: `${name} #a/b?c#d%20` }).waitFor();
  expect(await tab.locator("main img").count()).toBe(0);
  expect(await tab.title()).not.toBe("hacked");
});
