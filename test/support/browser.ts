import type { Browser } from "playwright-core";
import { afterAll, onTestFinished } from "vitest";
import { launchChromium } from "../../scripts/chromium.mjs";

let launching: Promise<Browser> | undefined;

afterAll(async () => {
  await (await launching)?.close();
});

/** The browser of this test file, started with the first test that asks for it; what a test opens in it ends with the test. */
export async function launchBrowser(): Promise<Browser> {
  launching ??= launchChromium();
  const browser = await launching;
  onTestFinished(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  return browser;
}
