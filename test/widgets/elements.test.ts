import { createServer } from "node:http";
import { expect, test } from "vitest";
import type { SafeHtml } from "../../src/index.ts";
import { AsyncWidget, html, JobWidget, TableWidget } from "../../src/index.ts";
import { openQueue } from "../bridge/support.ts";
import { latch, listen, makeBridge } from "../http/support.ts";
import { launchBrowser } from "../support/browser.ts";
import { startStockWorker } from "../support/worker-process.ts";
import {
  expectClean,
  openNetwork,
  openTab,
  pageHtml,
  placesOf,
  readRecord,
  seen,
  startPage,
  violationsOf,
  whenShown,
} from "./page.ts";
import { idOf } from "./support.ts";

const animations = "document.getAnimations().length";

test("the spinner turns, but not for who wants no motion, and no part moves when it is there", async () => {
  const part = latch<string>();
  const { origin } = await startPage((bridge) =>
    new AsyncWidget({ bridge, subwidgets: [() => part.promise] }).render(),
  );
  const browser = await launchBrowser();
  const [moving, still] = await Promise.all(
    (["no-preference", "reduce"] as const).map((reducedMotion) => openTab(browser, { reducedMotion })),
  );
  if (!moving || !still) throw new Error("there are two tabs");
  for (const tab of [moving, still]) await tab.goto(origin, { waitUntil: "load" });
  expect(await moving.evaluate(animations)).toBe(1);
  expect(await still.evaluate(animations)).toBe(0);
  expect(await still.locator(".bullcast-spinner").isVisible()).toBe(true);
  part.open("there");
  await whenShown(moving, 1);
  expect(await moving.evaluate(animations)).toBe(0);
});

test("without JavaScript each part is behind a plain link, which waits for it", async () => {
  const slow = latch<SafeHtml>();
  const rows = [{ name: "<i>Ada</i>" }];
  const { origin } = await startPage((bridge) => {
    const table = new TableWidget({ title: "People", columns: [{ title: "Name", value: "name" }], rows });
    return new AsyncWidget({ bridge, subwidgets: [table, () => slow.promise] }).render();
  });
  const tab = await openTab(await launchBrowser(), { javaScriptEnabled: false });
  await tab.goto(origin);
  expect(await placesOf(tab)).toEqual(["Show part 1 of 2", "Show part 2 of 2"]);
  await tab.getByRole("link", { name: "Show part 1 of 2" }).click();
  expect(await seen(tab.locator("main"))).toBe("People Name <i>Ada</i>");
  await tab.goBack();
  const opened = tab.getByRole("link", { name: "Show part 2 of 2" }).click();
  slow.open(html`<p>slow</p>`);
  await opened;
  await expect.poll(() => seen(tab.locator("main"))).toBe("slow");
});

test("all elements of a page share one connection, which ends when none needs it", { timeout: 30_000 }, async () => {
  const latches = [latch<string>(), latch<string>()];
  const { bridge, origin } = await startPage((bridge) => {
    const widgets = latches.map(({ promise }) => new AsyncWidget({ bridge, subwidgets: [() => "x", () => promise] }));
    return html`${widgets.map((widget) => widget.render())}`;
  });
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  await whenShown(tab, 2);
  expect(bridge.stats().connections).toMatchObject({ current: 1, total: 1 });
  for (const { open } of latches) open("y");
  await whenShown(tab, 4);
  await expect.poll(() => bridge.stats().connections.current, { timeout: 15_000 }).toBe(0);
  expect(bridge.stats().messages.by_type.widget).toBe(4);

  // One that comes later opens it again.
  const late = String(new AsyncWidget({ bridge, subwidgets: [() => "late"] }).render());
  await tab.locator("main").evaluate((main, text) => {
    main.innerHTML = text;
  }, late);
  expectClean({ ...(await whenShown(tab, 5)), shown: [] });
  expect(await placesOf(tab)).toEqual(["late"]);
  expect(bridge.stats().connections.total).toBe(2);
});

test("places are filled once: moved, cloned or shown again by a page cache they stay as they are", async () => {
  const part = latch<string>();
  const { bridge, origin } = await startPage((bridge) =>
    new AsyncWidget({ bridge, subwidgets: [() => "first", () => part.promise] }).render(),
  );
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  await whenShown(tab, 1);
  // Moved while one of them still waits.
  await tab.evaluate(() => {
    const main = document.querySelector("main");
    for (const place of document.querySelectorAll("bullcast-widget")) main?.prepend(place);
  });
  part.open("second");
  await whenShown(tab, 2);
  bridge.widgets.close();
  await tab.evaluate(() => {
    const main = document.querySelector("main") as HTMLElement;
    main.replaceWith(main.cloneNode(true));
  });
  bridge.notify({ type: "fence" });
  expect(await placesOf(tab)).toEqual(["second", "first"]);
  expect((await readRecord(tab)).shown).toHaveLength(2);
});

test("a place that is given another rendering, as where a page is morphed, is filled with that", async () => {
  const { bridge, origin } = await startPage((bridge) =>
    new AsyncWidget({ bridge, subwidgets: [() => "old"] }).render(),
  );
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  await whenShown(tab, 1);
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => "new"] }).render());
  await tab.locator("bullcast-widget").evaluate((place, given) => place.setAttribute("widget", given), id);
  await whenShown(tab, 2);
  expect(await placesOf(tab)).toEqual(["new"]);

  // The same rendering, from a cache.
  await tab.locator("bullcast-widget").evaluate((place) => {
    place.removeAttribute("state");
    place.innerHTML = "its placeholder";
  });
  await whenShown(tab, 3);
  expect(await placesOf(tab)).toEqual(["new"]);
});

test("an element that is put into the page before it has its attributes is filled when it has them", async () => {
  const { bridge, origin } = await startPage(() => html`<p>Nothing yet.</p>`, { queues: ["emails"] });
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  const id = idOf(new AsyncWidget({ bridge, subwidgets: [() => "late"] }).render());
  await tab.evaluate((widget) => {
    for (const [name, attributes] of [
      ["bullcast-widget", { widget, part: "0" }],
      ["bullcast-job", { queue: "emails", id: "1" }],
      ["bullcast-job", { id: "1", queue: "emails" }],
    ] as const) {
      const element = document.createElement(name);
      document.querySelector("main")?.append(element);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    }
  }, id);
  await whenShown(tab, 1);
  expect(await placesOf(tab)).toEqual(["late"]);
  for (const job of await tab.locator("bullcast-job").all()) await expect.poll(() => seen(job)).toBe("job 1 unknown");
});

test("where the page is still being sent, a place is filled and nothing of its placeholder left beside", async () => {
  const { bridge } = makeBridge();
  const rest = latch();
  const server = createServer(async (request, response) => {
    if (request.url !== "/") return bridge.router(request, response);
    const content = new AsyncWidget({ bridge, subwidgets: [() => "first", () => "second"] }).render();
    // Not deferred: it runs before the page is there.
    const page = String(pageHtml(bridge, content)).replace(" defer", " async");
    const middle = page.lastIndexOf('<div class="bullcast-loading"');
    response.writeHead(200, { "content-type": "text/html" });
    response.write(page.slice(0, middle));
    await rest.promise;
    response.end(page.slice(middle));
  });
  bridge.attach(server);
  const origin = `http://127.0.0.1:${await listen(server)}`;
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin, { waitUntil: "commit" });
  await whenShown(tab, 1);
  expect(await placesOf(tab)).toEqual(["first", ""]);
  rest.open();
  await whenShown(tab, 2);
  expect(await placesOf(tab)).toEqual(["first", "second"]);
  expect(await tab.locator("bullcast-widget *").count()).toBe(0);
});

test("a page whose rendering is not kept any more says so and offers to be loaded again", async () => {
  let isKept = false;
  const { origin } = await startPage((bridge) => {
    const rendered = new AsyncWidget({ bridge, subwidgets: [() => "here"] }).render();
    return isKept ? rendered : html`<bullcast-widget widget="AAAAAAAAAAAAAAAAAAAAAA" part="0">...</bullcast-widget>`;
  });
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  expect((await whenShown(tab, 1)).shown[0]?.state).toBe("expired");
  expect(await placesOf(tab)).toEqual(["This part is not kept any more. Load the page again"]);
  expect(await violationsOf(tab)).toEqual([]);
  isKept = true;
  await tab.getByRole("button", { name: "Load the page again" }).click();
  await expect.poll(() => placesOf(tab)).toEqual(["here"]);
});

test("a page whose viewer is not let in, or whose attributes are none, is told in place of every part", async () => {
  const { origin } = await startPage(
    (bridge) =>
      html`${new AsyncWidget({ bridge, subwidgets: [() => "secret"] }).render()}${new JobWidget({ queue: "a", id: "1" }).render()}`,
    { authenticate: () => null },
  );
  const browser = await launchBrowser();
  const stranger = await openTab(browser);
  await stranger.goto(origin);
  await whenShown(stranger, 1);
  expect(await placesOf(stranger)).toEqual(["This part cannot be loaded. Load the page again"]);
  await expect.poll(() => seen(stranger.locator("bullcast-job"))).toBe("This job cannot be shown.");

  const odd = await startPage(
    () => html`<bullcast-widget widget="1" part="0"></bullcast-widget><bullcast-job queue="a:b" id="1"></bullcast-job>`,
  );
  const tab = await openTab(browser);
  await tab.goto(odd.origin);
  await whenShown(tab, 1);
  expect(await placesOf(tab)).toEqual(["This part cannot be loaded. Load the page again"]);
  expect(await seen(tab.locator("bullcast-job"))).toBe("This job cannot be shown.");
});

test("a job's element shows state, progress and the end of its log as text, live, also when it comes in a part", async () => {
  const hostile = `<img src=x onerror="document.title='hacked'"> & "it"`;
  const job = { id: "" };
  const { origin, prefix } = await startPage(
    (bridge) =>
      html`${new AsyncWidget({ bridge, subwidgets: [new JobWidget({ queue: "videos", id: job.id })] }).render()}${new JobWidget({ queue: "videos", id: job.id }).render()}`,
    { queues: ["videos"] },
  );
  const queue = openQueue("videos", prefix);
  const data = { progress: [25, 40], logs: 60, failFirst: 1, reason: hostile, result: 1 };
  job.id = String((await queue.add(hostile, data, { attempts: 2, backoff: 60_000 })).id);
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  const panel = tab.locator("bullcast-job").last();
  await expect.poll(() => seen(panel)).toMatch(/waiting$/);
  expect(await seen(panel.locator(".bullcast-job-name"))).toBe(hostile);
  expect(await panel.locator("progress").isVisible()).toBe(false);

  await startStockWorker({ queue: "videos", prefix });
  await expect.poll(() => seen(panel)).toContain("delayed");
  expect(await panel.locator("progress").evaluate((bar) => (bar as HTMLProgressElement).value)).toBe(40);
  expect(await seen(panel.locator(".bullcast-error"))).toBe(hostile);
  await (await queue.getJob(job.id))?.promote();
  await expect.poll(() => seen(panel)).toContain("completed");
  // All lines of a job come before its end, those of its second attempt last.
  const lines = await panel.locator(".bullcast-log-line").allInnerTexts();
  expect(lines).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index + 10}`));
  expect(await panel.locator("progress").evaluate((bar) => (bar as HTMLProgressElement).value)).toBe(100);
  expect(await panel.locator(".bullcast-error").isVisible()).toBe(false);
  await expect.poll(() => seen(tab.locator("bullcast-widget"))).toContain("completed");
  expect(await tab.title()).toBe("Page");
  expect(await violationsOf(tab)).toEqual([]);
  expect((await readRecord(tab)).violations).toEqual([]);
});

test("a page that waits for a part and a job when its network is cut gets both, each once", async () => {
  const part = latch<string>();
  const job = { id: "" };
  const { bridge, origin, prefix } = await startPage(
    (bridge) =>
      html`${new AsyncWidget({ bridge, subwidgets: [() => part.promise] }).render()}${new JobWidget({ queue: "videos", id: job.id }).render()}`,
    { queues: ["videos"] },
  );
  const queue = openQueue("videos", prefix);
  job.id = String((await queue.add("encode", { progress: [40], logs: 3 })).id);
  const network = await openNetwork(origin);
  const tab = await openTab(await launchBrowser());
  await tab.goto(network.origin);
  const panel = tab.locator("bullcast-job");
  await expect.poll(() => seen(panel)).toBe("encode waiting");
  await expect.poll(() => bridge.stats().messages.by_type.subscribed).toBe(1);

  network.cut();
  await tab.context().setOffline(true);
  part.open("there");
  await startStockWorker({ queue: "videos", prefix });
  await expect.poll(async () => (await queue.getJob(job.id))?.getState()).toBe("completed");
  expect((await readRecord(tab)).shown).toEqual([]);
  network.mend();
  await tab.context().setOffline(false);

  await whenShown(tab, 1);
  expect(await placesOf(tab)).toEqual(["there"]);
  await expect.poll(() => seen(panel)).toBe("encode completed line 0 line 1 line 2");
  // It resumed, so that the job was not told anew.
  expect(bridge.stats().messages.by_type.snapshot).toBe(1);
  expectClean(await readRecord(tab));
});
