import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { AsyncWidget, html, TableWidget, TemplateWidget } from "../../src/index.ts";
import { latch } from "../http/support.ts";
import { launchBrowser } from "../support/browser.ts";
import type { PageRecord } from "./page.ts";
import { expectClean, openNetwork, openTab, placesOf, readRecord, startPage, violationsOf, whenShown } from "./page.ts";

const CUT_MS = 5000;
const HOSTILE = `<script>window.hacked = true</script><img src=x onerror="window.hacked = true"> " ' &amp;`;

/** The page of the acceptance: parts of 100 ms, 1 s and 3 s, one that throws, one that hangs. */
async function startFive() {
  /** When each part was ready, by rendering and part, epoch ms. */
  const renderings: number[][] = [];
  const finished = latch();
  const application = await startPage((bridge) => {
    const readyAt: number[] = [];
    renderings.push(readyAt);
    const ready = <Value>(part: number, value: Value): Value => {
      readyAt[part] = Date.now();
      if (Object.keys(readyAt).length === 5) finished.open();
      return value;
    };
    const rows = async function* () {
      for (const row of [1, 2]) yield { number: row, text: HOSTILE };
      await sleep(100);
      ready(0, null);
    };
    const columns = [
      { title: "Number", value: "number" as const },
      { title: "Text", value: "text" as const },
    ];
    const after = async (part: number, ms: number) => {
      await sleep(ms);
      return ready(part, `${ms} ms: ${HOSTILE}`);
    };
    return new AsyncWidget({
      bridge,
      subwidgets: [
        new TableWidget({ title: "Rows", columns, rows }),
        new TemplateWidget({ data: () => after(1, 1000), template: (text) => html`<p title="${text}">${text}</p>` }),
        () => after(2, 3000),
        () => {
          ready(3, null);
          throw new Error("a secret of the server");
        },
        (signal) => {
          signal.addEventListener("abort", () => ready(4, null));
          return new Promise<never>(() => undefined);
        },
      ],
      timeoutSeconds: 3.5,
    }).render();
  });
  return { ...application, application, renderings, finished };
}

/** How long each place was empty although its part was ready and the page there, ms, in the order they were filled. */
function waitsIn({ shown, parsedAt }: PageRecord, readyAt: readonly number[] = []): number[] {
  return shown.map(({ part, at }) => at - Math.max(readyAt[part] ?? Number.NaN, parsedAt));
}

async function expectFive(tab: Parameters<typeof placesOf>[0], told: PageRecord): Promise<void> {
  expectClean(told);
  const states = told.shown.sort((one, other) => one.part - other.part).map(({ state }) => state);
  expect(states).toEqual(["ready", "ready", "ready", "error", "error"]);
  const text = HOSTILE.replace(/\s+/g, " ");
  const error = expect.stringMatching(/^This part could not be loaded\. Error [0-9a-f]{12}$/);
  expect(await placesOf(tab)).toEqual([
    `Rows Number Text 1 ${text} 2 ${text}`,
    `1000 ms: ${text}`,
    `3000 ms: ${text}`,
    error,
    error,
  ]);
  expect(await tab.evaluate("window.hacked")).toBeUndefined();
  expect(await tab.locator("bullcast-widget script, bullcast-widget img").count()).toBe(0);
  expect(await tab.content()).not.toContain("a secret of the server");
}

test("the page is painted at once, and each place filled when its part is ready", { timeout: 40_000 }, async () => {
  const { origin, renderings } = await startFive();
  const tab = await openTab(await launchBrowser());
  // What a browser does but once is not the page's.
  await tab.goto(origin);
  await whenShown(tab, 2);
  await tab.goto(origin);
  const told = await whenShown(tab, 5);
  const paints = (await tab.evaluate(
    "performance.getEntriesByType('paint').map(({ startTime }) => startTime)",
  )) as number[];
  const firstPaint = Math.round(Math.min(...paints));
  const waits = waitsIn(told, renderings.at(-1));
  console.log(`first paint after ${firstPaint} ms; shown after ready, in the order of coming: ${waits.join(", ")} ms`);

  await expectFive(tab, told);
  // The first part takes 1,000 ms, and the next one is ready 2,000 ms later: neither is waited for.
  expect(firstPaint).toBeLessThan(1000);
  expect(Math.max(...waits)).toBeLessThan(2000);
});

test("axe finds nothing wrong with the page, before its parts have come and after", { timeout: 40_000 }, async () => {
  const { origin } = await startFive();
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  const before = await violationsOf(tab);
  expect((await readRecord(tab)).shown.length).toBeLessThan(5);
  await whenShown(tab, 5);
  const after = await violationsOf(tab);
  console.log(`axe: ${before.length} violations before, ${after.length} after`);
  expect({ before, after }).toEqual({ before: [], after: [] });
});

test("a page that connects only when all has finished gets everything at once", {
  retry: 2,
  timeout: 40_000,
}, async () => {
  const { application, origin, finished } = await startFive();
  const tab = await openTab(await launchBrowser());
  const script = latch();
  application.hold = (path) => (path === "/ws/client.js" ? script.promise : undefined);
  await tab.goto(origin, { waitUntil: "commit" });
  await finished.promise;
  const releasedAt = Date.now();
  script.open();
  const told = await whenShown(tab, 5);
  const waits = told.shown.map(({ at }) => at - releasedAt);
  console.log(`connected after all had finished: shown ${Math.max(...waits)} ms after the script was let through`);
  await expectFive(tab, told);
});

test("a page whose network is cut in the middle gets what came meanwhile when it is back", {
  timeout: 60_000,
}, async () => {
  const { origin, renderings } = await startFive();
  const network = await openNetwork(origin);
  const tab = await openTab(await launchBrowser());
  await tab.goto(network.origin);
  await whenShown(tab, 3);
  network.cut();
  // That is what a browser says of its network itself.
  await tab.context().setOffline(true);
  await sleep(CUT_MS);
  const atMend = await readRecord(tab);
  expect(atMend.shown).toHaveLength(3);
  expect(renderings.at(-1)?.filter(Boolean)).toHaveLength(5);
  const mendedAt = Date.now();
  network.mend();
  await tab.context().setOffline(false);
  const told = await whenShown(tab, 5);
  const waits = told.shown.slice(3).map(({ at }) => at - mendedAt);
  console.log(
    `network cut for ${CUT_MS} ms: what came meanwhile was shown ${waits.join(" and ")} ms after it was back`,
  );
  await expectFive(tab, told);
});

test("a page that is loaded again in the middle gets everything", { timeout: 40_000 }, async () => {
  const { origin, renderings } = await startFive();
  const tab = await openTab(await launchBrowser());
  await tab.goto(origin);
  await whenShown(tab, 2);
  await tab.reload();
  const told = await whenShown(tab, 5);
  console.log(`loaded again: shown after ready: ${waitsIn(told, renderings.at(-1)).join(", ")} ms`);
  await expectFive(tab, told);
  expect(renderings).toHaveLength(2);
});

test("a page that a cache gives again, with the same ids, gets everything once more", { timeout: 40_000 }, async () => {
  let cached: ReturnType<AsyncWidget["render"]> | undefined;
  const { origin } = await startPage((bridge) => {
    cached ??= new AsyncWidget({ bridge, subwidgets: [() => "one", () => sleep(500).then(() => "two")] }).render();
    return cached;
  });
  const tab = await openTab(await launchBrowser());
  for (const round of [1, 2, 3]) {
    await (round === 1 ? tab.goto(origin) : tab.reload());
    const told = await whenShown(tab, 2);
    expectClean(told);
    expect(await placesOf(tab)).toEqual(["one", "two"]);
  }
});
