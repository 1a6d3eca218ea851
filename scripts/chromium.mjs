// One way to start Debian's Chromium, for the tests and the pictures: headless, with an empty profile, and quiet on a
// machine without a network. Not part of setup.mjs, as it needs what that installs.
import { chromium } from "playwright-core";

/** `CHROMIUM_PATH` names another program than Debian's. */
export function launchChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
