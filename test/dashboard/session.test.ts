import { expect, test } from "vitest";
import { startBridge } from "../support/bridge.ts";
import { launchBrowser } from "../support/browser.ts";
import { openDashboard } from "./support.ts";

const TOKEN = "correct horse battery staple".replaceAll(" ", "-");

test("a bridge with an admin token asks for it, and lets nobody in with another", async () => {
  const { httpUrl } = await startBridge({ adminToken: TOKEN });
  const browser = await launchBrowser();
  const page = await browser.newPage();
  await page.goto(`${httpUrl}/dashboard/jobs?state=failed`);
  const field = page.getByLabel("Admin token");
  const submit = page.getByRole("button", { name: "Sign in" });
  await submit.click();
  await page.getByText("Enter the admin token.").waitFor();
  await field.fill("another");
  await submit.click();
  await page.getByText("This is not the admin token of this bridge.").waitFor();
  await field.fill(TOKEN);
  await field.press("Enter");
  await page.getByText("Live", { exact: true }).waitFor();
  // To where the way was meant to lead.
  expect(page.url()).toBe(`${httpUrl}/dashboard/jobs?state=failed`);
  await page.getByRole("heading", { name: "Jobs" }).waitFor();
});

test("the token is kept for the tab alone, over a reload, until one signs out", async () => {
  const bridge = await startBridge({ adminToken: TOKEN });
  const page = await openDashboard(await launchBrowser(), bridge, "", { token: TOKEN });
  await page.reload();
  await page.getByText("Live", { exact: true }).waitFor();
  expect(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie)).not.toContain(TOKEN);
  expect(page.url()).not.toContain(TOKEN);

  const other = await page.context().newPage();
  await other.goto(`${bridge.httpUrl}/dashboard/`);
  await other.getByLabel("Admin token").waitFor();

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Admin token").waitFor();
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(TOKEN);
});

test("a bridge that was given another token asks the page for it", async () => {
  const first = await startBridge({ adminToken: TOKEN });
  const page = await openDashboard(await launchBrowser(), first, "", { token: TOKEN });
  await first.close();
  await startBridge({ adminToken: "another-token-altogether" }, Number(new URL(first.httpUrl).port));
  await page.getByText("This is not the admin token of this bridge.").waitFor({ timeout: 15_000 });
  await page.getByLabel("Admin token").fill("another-token-altogether");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
});

test("whoever is not served is told why and what to set", async () => {
  const { httpUrl } = await startBridge();
  const browser = await launchBrowser();
  const page = await browser.newPage({ extraHTTPHeaders: { "x-forwarded-for": "203.0.113.7" } });
  await page.goto(`${httpUrl}/dashboard/`);
  await page.getByText("Not allowed here").waitFor();
  await page.getByText("this one came through a proxy; to serve others set `adminToken`").waitFor();
  expect(await page.getByRole("navigation").count()).toBe(0);
});

test("an answer that is not the bridge's, say a proxy's page, leaves a page that says so and can ask again", async () => {
  const { httpUrl } = await startBridge();
  const page = await (await launchBrowser()).newPage();
  await page.route("**/ws/about", (route) => route.fulfill({ contentType: "text/html", body: "<h1>Sign in</h1>" }));
  await page.goto(`${httpUrl}/dashboard/`);
  await page.getByText("What came is not from the bridge").waitFor();
  await page.unroute("**/ws/about");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
});

test("a browser that keeps nothing for the page shows it all the same, token and theme included", async () => {
  const { httpUrl } = await startBridge({ adminToken: TOKEN });
  const page = await (await launchBrowser()).newPage();
  await page.addInitScript(() => {
    const refuse = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: refuse });
  });
  await page.goto(`${httpUrl}/dashboard/`);
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("button", { name: "System theme" }).click();
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
});

test("a bridge that takes a request and never answers is said not to answer", async () => {
  const { httpUrl } = await startBridge();
  const page = await (await launchBrowser()).newPage();
  // A hundred times faster than the page's own clock.
  await page.addInitScript(() => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = (ms) => timeout(ms / 100);
  });
  await page.route("**/ws/about", () => undefined);
  await page.goto(`${httpUrl}/dashboard/`);
  await page.getByText("The bridge does not answer", { exact: true }).waitFor({ timeout: 20_000 });
  await page.unroute("**/ws/about");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
});
