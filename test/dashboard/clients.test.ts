import type { Page } from "playwright-core";
import { expect, test, vi } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { Viewer } from "../support/viewer.ts";
import { openNetwork } from "../widgets/page.ts";
import { openDashboard } from "./support.ts";

// A browser on a machine that others use, too, takes its time.
vi.setConfig({ testTimeout: 60_000, expect: { poll: { timeout: 10_000 } } });

/** The ids shown, in the order of the rows. */
function idsOf(tab: Page): Promise<string[]> {
  return tab.locator("tbody th .mono").allTextContents();
}

/** A row by the id of its client. */
function rowOf(tab: Page, id: string) {
  return tab.getByRole("row").filter({ has: tab.getByText(id, { exact: true }) });
}

/** A topic that a client is shown to watch. */
function topicOf(tab: Page, id: string, topic: string) {
  return rowOf(tab, id).locator(".topic").filter({ hasText: topic });
}

/** A bridge with viewers, and the page that shows them with this page's own connection left out. */
async function openClients(paths: string[], path = "clients?q=tab-") {
  const bridge = await startBridge({ queues: ["images", "emails"] });
  const viewers = [];
  for (const viewerPath of paths) viewers.push(await Viewer.open(bridge.wsUrl + viewerPath));
  const browser = await launchBrowser();
  return { bridge, viewers, browser, tab: await openDashboard(browser, bridge, path) };
}

test("the page shows who is connected, what they watch, and itself", async () => {
  const { tab, bridge } = await openClients(["/tab-1", "/tab-2?queue=images&job=emails:7&job=emails:8"], "clients");
  await expect.poll(() => rowOf(tab, "tab-1").locator(".topic").allTextContents()).toEqual(["*"]);
  await expect.poll(() => rowOf(tab, "tab-2").textContent()).toContain("queue:imagesjob:emails:7+1");
  await expect.poll(() => rowOf(tab, "tab-2").textContent()).toContain("127.0.0.1");
  const own = tab.getByRole("row").filter({ hasText: "this page" });
  const { clients } = (await (await fetch(`${bridge.httpUrl}/clients`)).json()) as { clients: { client_id: string }[] };
  const [ownId] = clients.map(({ client_id: id }) => id).filter((id) => !id.startsWith("tab-"));
  await expect.poll(() => own.locator("th .mono").textContent()).toBe(ownId);
  await tab.getByText("3 connected").waitFor();
});

test("who comes, changes and goes is shown without a request", async () => {
  const { bridge, tab, viewers } = await openClients(["/tab-1"]);
  await rowOf(tab, "tab-1").waitFor();
  const requests: string[] = [];
  tab.on("request", (request) => requests.push(request.url()));
  const late = await Viewer.open(`${bridge.wsUrl}/tab-2?queue=images`);
  await topicOf(tab, "tab-2", "queue:images").waitFor();
  late.send({ type: "subscribe", content: { topics: ["queue:emails"] } });
  await topicOf(tab, "tab-2", "queue:emails").waitFor();
  viewers[0]?.socket.close();
  await expect.poll(() => idsOf(tab)).toEqual(["tab-2"]);
  expect(requests).toEqual([]);
});

test("the filter narrows, the heads sort, and the address holds both", async () => {
  const { bridge, tab, browser } = await openClients(["/tab-9", "/tab-10?queue=images", "/tab-11?queue=images"]);
  // The newest comes first.
  await expect.poll(() => idsOf(tab)).toEqual(["tab-11", "tab-10", "tab-9"]);
  const client = tab.getByRole("columnheader", { name: "Client" });
  await client.getByRole("button").click();
  await expect.poll(() => idsOf(tab)).toEqual(["tab-9", "tab-10", "tab-11"]);
  expect(await client.getAttribute("aria-sort")).toBe("ascending");
  await client.getByRole("button").click();
  await expect.poll(() => idsOf(tab)).toEqual(["tab-11", "tab-10", "tab-9"]);
  await tab.getByRole("searchbox").fill("queue:IMAGES");
  await expect.poll(() => idsOf(tab)).toEqual(["tab-11", "tab-10"]);

  const address = { q: "queue:IMAGES", sort: "client", order: "descending" };
  await expect.poll(() => Object.fromEntries(new URL(tab.url()).searchParams)).toEqual(address);
  const other = await openDashboard(browser, bridge, `clients?${new URLSearchParams(address)}`);
  await expect.poll(() => idsOf(other)).toEqual(["tab-11", "tab-10"]);
  await other.getByRole("searchbox").fill("nobody");
  await other.getByText("No client matches").waitFor();
  await other.getByRole("button", { name: "Show all" }).click();
  await expect.poll(async () => (await idsOf(other)).length).toBe(5);
});

test("disconnecting asks first, says what happens, and closes the socket with 4410", async () => {
  const { tab, viewers } = await openClients(["/tab-1", "/tab-2"]);
  const disconnect = tab.getByRole("button", { name: "Disconnect tab-1" });
  await disconnect.click();
  const dialog = tab.getByRole("dialog", { name: "Disconnect tab-1?" });
  await dialog.getByText("4410").waitFor();
  await dialog.getByText("does not come back by itself").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  await disconnect.click();
  await dialog.getByRole("button", { name: "Disconnect" }).click();
  expect(await viewers[0]?.closed).toEqual({ code: 4410, reason: "disconnected by an administrator" });
  await tab.getByText("tab-1 was disconnected.").waitFor();
  await expect.poll(() => idsOf(tab)).toEqual(["tab-2"]);
  expect(viewers[1]?.socket.readyState).toBe(1);
});

test("a client that leaves while one is asked about it is no failure", async () => {
  const { tab, viewers } = await openClients(["/tab-1"]);
  await tab.getByRole("button", { name: "Disconnect tab-1" }).click();
  viewers[0]?.socket.close();
  await viewers[0]?.closed;
  await tab.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
  await tab.getByText("tab-1 was not connected any more.").waitFor();
});

test("who disconnects the page itself is warned, and can connect it again", async () => {
  const { tab } = await openClients([], "clients");
  const own = tab.getByRole("row").filter({ hasText: "this page" });
  const before = await own.locator("th .mono").textContent();
  await own.getByRole("button", { name: `Disconnect ${before}` }).click();
  const dialog = tab.getByRole("dialog");
  await dialog.getByText("the page you are looking at").waitFor();
  await dialog.getByRole("button", { name: "Disconnect" }).click();
  await tab.getByText("Disconnected", { exact: true }).waitFor();
  await tab.getByRole("button", { name: "Connect again" }).click();
  await tab.getByText("Live", { exact: true }).waitFor();
  await expect.poll(() => own.locator("th .mono").textContent()).not.toBe(before);
  await expect.poll(async () => (await idsOf(tab)).length).toBe(1);
});

test("while the network is cut the last list stays, and after it the list is as it is then", {
  timeout: 30_000,
}, async () => {
  const bridge = await startBridge({ queues: ["images"] });
  const viewer = await Viewer.open(`${bridge.wsUrl}/tab-1`);
  await Viewer.open(`${bridge.wsUrl}/tab-2`);
  const network = await openNetwork(bridge.httpUrl);
  const tab = await openDashboard(
    await launchBrowser(),
    { httpUrl: `${network.origin}/ws` },
    "clients?q=tab-&sort=client&order=ascending",
  );
  await expect.poll(() => idsOf(tab)).toEqual(["tab-1", "tab-2"]);
  network.cut();
  await tab.getByText("No connection to the bridge").waitFor();
  viewer.socket.close();
  await viewer.closed;
  await Viewer.open(`${bridge.wsUrl}/tab-3`);
  expect(await idsOf(tab)).toEqual(["tab-1", "tab-2"]);
  network.mend();
  await expect.poll(() => idsOf(tab), { timeout: 15_000 }).toEqual(["tab-2", "tab-3"]);
});

test("a read-only bridge's clients are shown, and nobody can be disconnected", async () => {
  const bridge = await startBridge({ queues: ["images"], readOnly: true });
  const viewer = await Viewer.open(`${bridge.wsUrl}/tab-1`);
  const tab = await openDashboard(await launchBrowser(), bridge, "clients");
  await rowOf(tab, "tab-1").waitFor();
  await tab.getByText("nobody can be disconnected from here").waitFor();
  expect(await tab.getByRole("button", { name: /^Disconnect/ }).count()).toBe(0);
  // And not because the page is polite.
  const { status } = await fetch(`${bridge.httpUrl}/clients/tab-1`, { method: "DELETE" });
  expect([status, viewer.socket.readyState]).toEqual([403, 1]);
});

test("a client that cannot keep up is seen to be behind", async () => {
  const { bridge, tab, viewers } = await openClients(["/tab-1", "/tab-2"]);
  await rowOf(tab, "tab-1").waitFor();
  // A tab that hangs: nothing of its socket is read any more.
  viewers[0]?.socket.pause();
  const body = JSON.stringify({ type: "filler", content: "x".repeat(200_000), client_id: "tab-1" });
  const headers = { "content-type": "application/json" };
  await expect
    .poll(
      async () => {
        await fetch(`${bridge.httpUrl}/send-message`, { method: "POST", headers, body });
        return rowOf(tab, "tab-1").textContent();
      },
      { timeout: 15_000 },
    )
    .toMatch(/[1-9]\d* · [\d.]+ [KM]iB/);
  await tab.getByRole("button", { name: "Behind only" }).click();
  await expect.poll(() => idsOf(tab)).toEqual(["tab-1"]);
});

test("of many clients 500 are drawn, and the rest is told of", { timeout: 60_000 }, async () => {
  const paths = Array.from({ length: 520 }, (_, index) => `/tab-${index}?watch=none`);
  const { tab } = await openClients(paths);
  await tab.getByText("The first 500 of 520: filter to see others").waitFor();
  expect((await idsOf(tab)).length).toBe(500);
  await tab.getByRole("searchbox").fill("tab-51");
  await expect.poll(async () => (await idsOf(tab)).length).toBe(11);
});
