import type { Browser } from "playwright-core";
import { onTestFinished } from "vitest";
import { launchChromium } from "../../scripts/chromium.mjs";

/** A browser that ends with the test. */
export async function launchBrowser(): Promise<Browser> {
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  return browser;
}
