import type { Browser, Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";

/** What a browser says of every answer that is no success; tests that make one look at what the page makes of it. */
const FAILED_REQUEST = /^Failed to load resource|WebSocket connection to/;
const PATIENCE_MS = 10_000;

export interface PageOptions {
  theme?: "light" | "dark";
  width?: number;
  height?: number;
  /** Entered where the page asks for it. */
  token?: string;
}

/**
 * Opens a page of a bridge's dashboard, for example `clients?q=ada`, in a tab of its own. The test fails when the page
 * throws, complains on the console, or is kept from something by its policy.
 */
export async function openDashboard(
  browser: Browser,
  { httpUrl }: { httpUrl: string },
  path = "",
  { theme = "light", width = 1280, height = 800, token }: PageOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width, height } });
  const tab = await context.newPage();
  const complaints: string[] = [];
  tab.on("pageerror", (error) => complaints.push(error.stack ?? error.message));
  tab.on("console", (message) => {
    const isComplaint = message.type() === "error" || message.type() === "warning";
    if (isComplaint && !FAILED_REQUEST.test(message.text())) complaints.push(message.text());
  });
  onTestFinished(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });
  tab.setDefaultTimeout(PATIENCE_MS);
  await tab.goto(`${httpUrl}/dashboard/${path}`);
  if (token !== undefined) {
    await tab.getByLabel("Admin token").fill(token);
    await tab.getByRole("button", { name: "Sign in" }).click();
  }
  await tab.getByText("Live", { exact: true }).waitFor();
  return tab;
}
