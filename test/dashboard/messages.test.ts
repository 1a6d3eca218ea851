import type { Page } from "playwright-core";
import { expect, test, vi } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { Viewer } from "../support/viewer.ts";
import { openDashboard } from "./support.ts";

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 10_000 } } });

async function openMessages(path = "messages") {
  const bridge = await startBridge({ queues: ["images"] });
  const viewers = [
    await Viewer.open(`${bridge.wsUrl}/tab-1`),
    await Viewer.open(`${bridge.wsUrl}/tab-2?queue=images`),
    await Viewer.open(`${bridge.wsUrl}/tab-3?watch=none`),
  ] as const;
  const tab = await openDashboard(await launchBrowser(), bridge, path);
  return { bridge, viewers, tab };
}

async function write(tab: Page, type: string, content: string): Promise<void> {
  await tab.getByLabel("Type").fill(type);
  await tab.getByLabel("Content").fill(content);
}

/** What viewers got of a type. */
function contentsOf(viewers: readonly Viewer[], wanted: string): unknown[][] {
  return viewers.map(({ messages }) => messages.filter(({ type }) => type === wanted).map(({ content }) => content));
}

test("a broadcast arrives at every client, whatever it watches, and the page says how many it reached", async () => {
  const { viewers, tab } = await openMessages();
  await tab.getByText("Everybody (4)").waitFor();
  await write(tab, "notice", '{ "text": "down at 22:00 \\u2013 sorry", "hours": [22, 23] }');
  await tab.getByRole("button", { name: "Send to everybody" }).click();
  const content = { text: "down at 22:00 – sorry", hours: [22, 23] };
  for (const viewer of viewers) await viewer.next("notice");
  expect(contentsOf(viewers, "notice")).toEqual([[content], [content], [content]]);
  // The page's own connection is one.
  await tab.getByText("reached 4 connections").waitFor();
});

test("a message to one client arrives only there", async () => {
  const { viewers, tab } = await openMessages();
  await tab.getByLabel("One client").check();
  // Key by key, as each is in the address at once.
  await tab.getByLabel("Client id").pressSequentially("tab-2");
  expect(await tab.getByLabel("Client id").inputValue()).toBe("tab-2");
  await write(tab, "hint", "null");
  await tab.getByRole("button", { name: "Send to this client" }).click();
  await tab.getByText("reached 1 connection").waitFor();
  await viewers[1].next("hint");
  // What comes after it has overtaken nothing.
  await tab.getByLabel("Everybody").check();
  await write(tab, "after", "1");
  await tab.getByLabel("Content").press("Control+Enter");
  for (const viewer of viewers) await viewer.next("after");
  expect(contentsOf(viewers, "hint")).toEqual([[], [null], []]);
});

test("a client of the list is written to, and one that has gone is told of", async () => {
  const { bridge, viewers, tab } = await openMessages("clients?q=tab-3");
  await tab.getByRole("link", { name: "Send a message to tab-3" }).click();
  expect(await tab.getByLabel("Client id").inputValue()).toBe("tab-3");
  expect(tab.url()).toBe(`${bridge.httpUrl}/dashboard/messages?client=tab-3`);
  await write(tab, "hint", "[]");
  viewers[2].socket.close();
  await tab.getByText("Nobody of this id is connected.").waitFor();
  await tab.getByRole("button", { name: "Send to this client" }).click();
  await tab.getByText('no client "tab-3" is connected').waitFor();
  await tab.getByText("Nothing sent yet").waitFor();
});

test("what is no JSON is told with its place as one types, and is not sent", async () => {
  const { tab } = await openMessages();
  const content = tab.getByLabel("Content");
  const hint = tab.locator("textarea + p");
  await write(tab, "notice", "");
  for (const [text, said] of [
    ['{"a": 1', "Line 1, column 8: expected a comma or a closing bracket, found the end"],
    ['{"a": 1,\n  b: 2}', "Line 2, column 3: expected the name of a property in double quotes, found b"],
    ['{"a": 1,\n}', "Line 2, column 1: a comma must not stand before a closing bracket"],
    ['{"a": "one', "Line 1, column 7: this string is not closed on its line"],
  ] as const) {
    await content.fill(text);
    await expect.poll(() => hint.textContent()).toBe(said);
    expect(await content.getAttribute("aria-invalid")).toBe("true");
  }
  const requests: string[] = [];
  tab.on("request", (request) => requests.push(request.url()));
  await tab.getByRole("button", { name: "Send to everybody" }).click();
  await content.fill("");
  await expect.poll(() => hint.textContent()).toBe("Enter any JSON; null is the shortest.");
  await content.fill('{"a":[1,2]}');
  await expect.poll(() => hint.textContent()).toBe("JSON, 11 B");
  expect(await content.getAttribute("aria-invalid")).toBe("false");
  await tab.getByRole("button", { name: "Format" }).click();
  expect(await content.inputValue()).toBe('{\n  "a": [\n    1,\n    2\n  ]\n}');
  expect(requests).toEqual([]);
});

test("types that are the protocol's, or none at all, are told of before anything is sent", async () => {
  const { tab } = await openMessages();
  for (const [type, said] of [
    ["task_success", "This type is the protocol's own. Choose another."],
    ["2nd", "Expected a letter, then up to 63 letters, digits or _ . : -"],
  ] as const) {
    await write(tab, type, "{}");
    await tab.getByText(said).waitFor();
  }
  await tab.getByLabel("Type").fill("");
  await tab.getByRole("button", { name: "Send to everybody" }).click();
  await tab.getByText("Enter a type").waitFor();
  await tab.getByLabel("One client").check();
  await tab.getByText("Enter the id of a client").waitFor();
  await tab.getByText("Nothing sent yet").waitFor();
});

test("a draft and what was sent outlive a look at another page", async () => {
  const { tab } = await openMessages();
  await write(tab, "notice", '"one"');
  await tab.getByRole("button", { name: "Send to everybody" }).click();
  await tab.getByText("reached 4 connections").waitFor();
  await tab.getByLabel("Content").fill('"two"');
  await tab.getByRole("link", { name: "Clients" }).click();
  await tab.getByRole("row").nth(1).waitFor();
  await tab.goBack();
  expect(await tab.getByLabel("Type").inputValue()).toBe("notice");
  expect(await tab.getByLabel("Content").inputValue()).toBe('"two"');
  await tab.getByText("reached 4 connections").waitFor();
});

test("a read-only bridge says why nothing can be sent", async () => {
  const bridge = await startBridge({ queues: ["images"], readOnly: true });
  const tab = await openDashboard(await launchBrowser(), bridge, "messages");
  await tab.getByText("its setting readOnly (--read-only) is on").waitFor();
  expect(await tab.getByRole("button", { name: "Send to everybody" }).isDisabled()).toBe(true);
  expect(await tab.getByLabel("Content").isDisabled()).toBe(true);
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: '{"type":"a","content":1}' };
  expect((await fetch(`${bridge.httpUrl}/send-message`, init)).status).toBe(403);
});
