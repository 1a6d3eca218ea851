import { Queue } from "bullmq";
import type { Page } from "playwright-core";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/private-redis.mjs";
import { AsyncWidget } from "../../src/index.ts";
import { parseWidgetOptions } from "../../src/widgets/widget-options.ts";
import { makeBridge } from "../http/support.ts";
import { launchBrowser } from "../support/browser.ts";
import { openTab, placesOf, readRecord, seen } from "../widgets/page.ts";
import { readDocument, tableAfter } from "./documents.ts";
import type { RunOptions } from "./run-program.ts";
import { runProgram } from "./run-program.ts";

const README = readDocument("README.md");
const WIDGETS = readDocument("docs/WIDGETS.md");

/** Runs a program that serves a page, and opens the page. */
async function openProgram(document: string, name: string, options: RunOptions = {}): Promise<Page> {
  const port = await freePort();
  runProgram(document, name, { ...options, port });
  const origin = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(origin).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(isUp, { timeout: 10_000 }).toBe(true);
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  return tab;
}

test("the README's page with slow parts shows them, and a job", async () => {
  // No other test uses this queue with the default prefix, so that its first job has the id 1.
  const queue = new Queue("reports", { connection: { url: inject("redisUrl") } });
  onTestFinished(async () => {
    await queue.obliterate({ force: true });
    await queue.close();
  });
  await queue.add("yearly", {}, { delay: 60_000 });
  const tab = await openProgram(README, "widget.js");
  await expect.poll(() => placesOf(tab)).toEqual(["Orders Customer Total Ada <Sons> 12", "312 visitors"]);
  await expect.poll(() => seen(tab.locator("bullcast-job"))).toBe("yearly delayed");
});

test("the table of options names every option with its default", () => {
  const { bridge } = makeBridge();
  const { subwidgets, ...defaults } = parseWidgetOptions({ bridge, subwidgets: [() => ""] });
  const rows = tableAfter(WIDGETS, "## On the server").map(([name = "", fallback = ""]) => [
    name.replaceAll("`", ""),
    fallback,
  ]);
  expect(rows.map(([name]) => name).sort()).toEqual(["subwidgets", ...Object.keys(defaults)].sort());
  for (const [name, fallback] of rows) {
    const value = defaults[name as keyof typeof defaults];
    if (typeof value !== "object" && value !== undefined) expect(fallback?.replaceAll('"', "")).toBe(String(value));
  }
  expect(subwidgets).toHaveLength(1);
  expect(new AsyncWidget({ bridge, subwidgets }).render()).toBeDefined();
});

test.each(["htmx.org", "htmx2"])(
  "with htmx a placeholder may come in any answer, and htmx know what comes in a part: %s",
  async (name) => {
    const tab = await openProgram(WIDGETS, "htmx.js", {
      beside: ["process-parts.js"],
      edit: (program) => program.replace("node_modules/htmx.org/", `node_modules/${name}/`),
    });
    const report = tab.locator("#report");
    await tab.getByRole("button", { name: "Make a report" }).click();
    await expect.poll(() => seen(report)).toBe("Report 1 Another");
    await report.getByRole("button", { name: "Another" }).click();
    await expect.poll(() => seen(report)).toBe("Report 2 Another");
  },
);

test("with Turbo parts come after a visit, in frames, and as streams, and stay when a page is shown again", async () => {
  const tab = await openProgram(WIDGETS, "turbo.js");
  await tab.evaluate("window.isSame = true");
  await tab.getByRole("link", { name: "Orders" }).click();
  const body = () => seen(tab.locator("body"));
  const whole = "Home 42 orders The latest is of Ada. Counted.";
  await expect.poll(body).toBe(whole);
  const { shown } = await readRecord(tab);
  await tab.getByRole("link", { name: "Home" }).click();
  await expect.poll(body).toBe("Orders");
  await tab.goBack();
  await expect.poll(body).toBe(whole);
  // Neither was the page loaded anew, nor a place filled again.
  expect(await tab.evaluate("window.isSame")).toBe(true);
  expect((await readRecord(tab)).shown).toEqual(shown);
});
