import { Queue } from "bullmq";
import type { Page } from "playwright-core";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { Viewer } from "../support/viewer.ts";
import { openDashboard } from "./support.ts";

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 10_000 } } });

/** Goes on with Tab until the focus is at what is wanted, as somebody without a mouse does; fails when it never is. */
async function tabTo(tab: Page, wanted: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < 80; presses += 1) {
    await tab.keyboard.press("Tab");
    const name = await focusedName(tab);
    if (wanted.test(name)) return;
    passed.push(name);
  }
  throw new Error(`the focus never came to ${wanted}, but to: ${passed.join(", ")}`);
}

/** What the element with the focus is called. */
async function focusedName(tab: Page): Promise<string> {
  return (await tab.evaluate(`{
    const element = document.activeElement;
    element?.getAttribute("aria-label") ?? element?.labels?.[0]?.textContent ?? element?.textContent ?? "";
  }`)) as string;
}

/** Whether the focus can be seen: an outline, around the element or what is drawn over its whole row. */
async function isFocusVisible(tab: Page): Promise<boolean> {
  return (await tab.evaluate(`[null, "::after"].some((part) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement, part);
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  })`)) as boolean;
}

async function openPage(path: string): Promise<{ tab: Page; viewer: Viewer; queue: Queue }> {
  const bridge = await startBridge({ queues: ["images"] });
  const queue = new Queue("images", { prefix: bridge.prefix, connection: { url: inject("redisUrl") } });
  onTestFinished(() => queue.close());
  await queue.add("resize", { file: "harbour.jpg" }, { jobId: "first" });
  const viewer = await Viewer.open(`${bridge.wsUrl}/tab-1`);
  return { tab: await openDashboard(await launchBrowser(), bridge, path), viewer, queue };
}

test("every page is reached by the keyboard, and the content without going through what stands above it", async () => {
  const { tab } = await openPage("");
  await tab.keyboard.press("Tab");
  expect(await focusedName(tab)).toBe("Skip to content");
  await tab.keyboard.press("Enter");
  expect(await tab.evaluate("document.activeElement.id")).toBe("main");
  for (const name of ["Jobs", "Clients", "Messages", "Overview"]) {
    await tab.evaluate("document.activeElement.blur()");
    await tabTo(tab, new RegExp(`^${name}$`));
    expect(await isFocusVisible(tab)).toBe(true);
    await tab.keyboard.press("Enter");
    await tab.getByRole("heading", { level: 1, name }).waitFor();
    // The next Tab begins at the page that came.
    await expect.poll(() => tab.evaluate("document.activeElement.id")).toBe("main");
    expect(await tab.title()).toBe(`${name} · bullcast`);
  }
});

test("every stop of the focus on every page can be seen", { timeout: 60_000 }, async () => {
  const { tab } = await openPage("");
  for (const name of ["Overview", "Jobs", "Clients", "Messages"]) {
    await tab.getByRole("link", { name, exact: true }).click();
    await tab.getByRole("heading", { level: 1, name }).waitFor();
    for (let presses = 0; presses < 40; presses += 1) {
      await tab.keyboard.press("Tab");
      const element = await focusedName(tab);
      if (await tab.evaluate("document.activeElement === document.body")) break;
      expect({ name, element, isVisible: await isFocusVisible(tab) }).toEqual({ name, element, isVisible: true });
    }
  }
});

test("a job is opened, and its page left again", async () => {
  const { tab } = await openPage("jobs");
  await tab.getByText("first").first().waitFor();
  await tabTo(tab, /first/);
  await tab.keyboard.press("Enter");
  await tab.getByText("harbour.jpg").waitFor();
  expect(new URL(tab.url()).pathname).toMatch(/jobs\/images\/first$/);
  await tab.goBack();
  await tab.getByRole("heading", { level: 1, name: "Jobs" }).waitFor();
});

test("a client is disconnected: the dialog holds the focus, Escape leaves it, and the focus goes back", async () => {
  const { tab, viewer } = await openPage("clients");
  await tab.getByText("tab-1").waitFor();
  await tabTo(tab, /^Disconnect tab-1$/);
  await tab.keyboard.press("Enter");
  const dialog = tab.getByRole("dialog");
  await dialog.waitFor();
  for (let presses = 0; presses < 6; presses += 1) {
    await tab.keyboard.press("Tab");
    // A browser lets one go on to its own controls, never to the page behind.
    const isInside = await tab.evaluate(
      "document.activeElement === document.body || document.activeElement.closest('dialog') !== null",
    );
    expect(isInside).toBe(true);
  }
  await tab.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect(await focusedName(tab)).toBe("Disconnect tab-1");
  expect(viewer.socket.readyState).toBe(1);
  await tab.keyboard.press("Enter");
  await dialog.waitFor();
  await tabTo(tab, /^Disconnect$/);
  await tab.keyboard.press("Enter");
  expect((await viewer.closed).code).toBe(4410);
  await dialog.waitFor({ state: "detached" });
  await tab.getByText("tab-1", { exact: true }).waitFor({ state: "detached" });
  expect(await tab.evaluate("document.activeElement.id")).toBe("main");
});

test("a table is sorted, and a message written and sent", async () => {
  const { tab, viewer } = await openPage("clients");
  await tab.getByText("tab-1").waitFor();
  await tabTo(tab, /^Topics$/);
  await tab.keyboard.press("Enter");
  expect(await tab.getByRole("columnheader", { name: "Topics" }).getAttribute("aria-sort")).toBe("ascending");
  await tabTo(tab, /^Send a message to tab-1$/);
  await tab.keyboard.press("Enter");
  await tab.getByLabel("Client id").waitFor();
  await tabTo(tab, /^Type$/);
  await tab.keyboard.type("notice");
  await tabTo(tab, /^Content$/);
  await tab.keyboard.press("Control+a");
  await tab.keyboard.type('"hello"');
  await tab.keyboard.press("Control+Enter");
  expect((await viewer.next("notice")).content).toBe("hello");
});

test("nothing moves for who does not want it to", async () => {
  const { tab } = await openPage("jobs");
  await tab.emulateMedia({ reducedMotion: "reduce" });
  for (const name of ["Overview", "Jobs", "Clients", "Messages"]) {
    await tab.getByRole("link", { name, exact: true }).click();
    await tab.getByRole("heading", { level: 1, name }).waitFor();
    const moving = await tab.evaluate(`[...document.querySelectorAll("*")]
      .filter((element) => {
        const { transitionDuration, animationName, animationDuration } = getComputedStyle(element);
        const isLong = (durations) => durations.split(",").some((duration) => parseFloat(duration) > 0);
        return isLong(transitionDuration) || (animationName !== "none" && isLong(animationDuration));
      })
      .map(({ className }) => className)`);
    expect({ name, moving }).toEqual({ name, moving: [] });
  }
});
