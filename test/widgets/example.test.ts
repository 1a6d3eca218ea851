import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, inject, onTestFinished, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { uniquePrefix } from "../support/unique.ts";
import { expectClean, openTab, placesOf, seen, violationsOf, whenShown } from "./page.ts";

const SERVER = fileURLToPath(new URL("../../examples/async-widget/server.js", import.meta.url));

test("the example's page fills its five places and shows its job to the end, and its server ends when told", {
  timeout: 40_000,
}, async () => {
  const child = fork(SERVER, [], {
    execArgv: [],
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: { ...process.env, REDIS_URL: inject("redisUrl"), PREFIX: uniquePrefix(), PORT: "0" },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout?.on("data", (chunk) => {
    said += chunk;
  });
  const address = () => /^http:\S+/m.exec(said)?.[0];
  await expect.poll(address, { timeout: 10_000 }).toBeDefined();
  const tab = await openTab(await launchBrowser());
  await tab.goto(address() ?? "");
  expect(await violationsOf(tab)).toEqual([]);

  expectClean(await whenShown(tab, 5));
  const lost = expect.stringMatching(/^This part could not be loaded\. Error [0-9a-f]{12}$/);
  expect(await placesOf(tab)).toEqual([
    `Last orders Customer Total Ada & Sons € 1299.00 <b>Grace</b> € 24.50 The "Turing" € 800.00 Only the first 3 rows are shown.`,
    "Visitors 312 today, 298 yesterday",
    "Forecast About 1,200 orders next week.",
    lost,
    lost,
  ]);
  await expect
    .poll(() => seen(tab.locator("bullcast-job")), { timeout: 10_000 })
    .toMatch(/^monthly report completed .*Forecast$/);
  expect(await violationsOf(tab)).toEqual([]);
  expect(said).toContain("the weather service answers 503");
  expect(said).toContain("a subwidget took longer than 5 seconds");

  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});
