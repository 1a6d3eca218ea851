import { once } from "node:events";
import { createServer } from "node:net";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { openQueue } from "../bridge/support.ts";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { openDashboard } from "./support.ts";

function groundOf(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
}

test("a page outlives a restart of the bridge: it says so, keeps what it shows, and goes on by itself", async () => {
  const first = await startBridge({ queues: ["emails"] });
  const { prefix, httpUrl } = first;
  const emails = openQueue("emails", prefix);
  await emails.add("reminder", {}, { delay: 3_600_000 });
  const page = await openDashboard(await launchBrowser(), first);
  const delayed = page.locator('[data-queue="emails"] [data-count="delayed"]');
  await expect.poll(() => delayed.textContent()).toBe("1");

  await first.close();
  await page.getByText("No connection to the bridge").waitFor();
  expect(await delayed.textContent()).toBe("1");
  await emails.add("reminder", {}, { delay: 3_600_000 });

  await startBridge({ prefix, queues: ["emails"], readOnly: true }, Number(new URL(httpUrl).port));
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 15_000 });
  await page.getByText("No connection to the bridge").waitFor({ state: "detached" });
  await expect.poll(() => delayed.textContent()).toBe("2");
  // It is another bridge now, with other settings.
  await page.getByText("Read-only").waitFor();
});

test("the theme follows the system until one is chosen, which is kept", async () => {
  const bridge = await startBridge();
  const page = await openDashboard(await launchBrowser(), bridge);
  const light = await groundOf(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await groundOf(page);
  expect(dark).not.toBe(light);

  await page.getByRole("button", { name: "System theme" }).click();
  expect(await groundOf(page)).toBe(light);
  await page.reload();
  await page.getByRole("button", { name: "Light theme" }).click();
  await page.emulateMedia({ colorScheme: "light" });
  expect(await groundOf(page)).toBe(dark);
  await page.getByRole("button", { name: "Dark theme" }).click();
  expect(await groundOf(page)).toBe(light);
});

test("an insecure bridge is shown to be one, on every page", async () => {
  const page = await openDashboard(await launchBrowser(), await startBridge({ insecure: true }));
  for (const name of ["Overview", "Jobs", "Clients", "Messages"]) {
    await page.getByRole("navigation").getByRole("link", { name }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
    await page.getByText("Insecure mode").waitFor();
    expect(await page.title()).toBe(`${name} · bullcast`);
  }
});

test("neither warning nor mark is there where they would not be true", async () => {
  const page = await openDashboard(await launchBrowser(), await startBridge());
  expect(await page.getByText("Insecure mode").count()).toBe(0);
  expect(await page.getByText("Read-only").count()).toBe(0);
});

test("an address that leads nowhere says so and shows the way", async () => {
  const bridge = await startBridge();
  const page = await openDashboard(await launchBrowser(), bridge, "jobz");
  await page.getByText("There is no such page").waitFor();
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  expect(page.url()).toBe(`${bridge.httpUrl}/dashboard/`);
});

test("whoever an administrator disconnects is told, and may connect again", async () => {
  const bridge = await startBridge();
  const page = await openDashboard(await launchBrowser(), bridge);
  const { clients } = await (await fetch(`${bridge.httpUrl}/clients`)).json();
  await fetch(`${bridge.httpUrl}/clients/${clients[0].client_id}`, { method: "DELETE" });
  await page.getByText("The bridge closed this page's connection").waitFor();
  await page.getByText("Disconnected", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Connect again" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  expect(await page.getByText("The bridge closed this page's connection").count()).toBe(0);
});

test("an outage is shown as long as it lasts, also while the page waits for an answer", async () => {
  const bridge = await startBridge();
  const page = await openDashboard(await launchBrowser(), bridge);
  await bridge.close();
  await page.getByText("No connection to the bridge").waitFor();
  // It takes connections and never says a word.
  const silent = createServer((socket) => onTestFinished(() => void socket.destroy()));
  silent.listen(Number(new URL(bridge.httpUrl).port), "127.0.0.1");
  onTestFinished(() => void silent.close());
  await once(silent, "connection");
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  expect(await page.getByText("No connection to the bridge").count()).toBe(1);
  await page.getByText("Reconnecting", { exact: true }).waitFor();
});
