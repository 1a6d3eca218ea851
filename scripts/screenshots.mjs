// `npm run screenshots`: makes the pictures in docs/images from the running demo and the running example.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, startPrivateRedis } from "./private-redis.mjs";
import { ensureBuild, ensureDependencies, ensureTestTools, ROOT, runMain, say } from "./setup.mjs";

const PICTURES = [
  { file: "page.png", width: 1280, height: 800, colorScheme: "light" },
  { file: "page-dark-phone.png", width: 390, height: 844, colorScheme: "dark" },
];

await runMain(async () => {
  await ensureDependencies();
  await ensureTestTools();
  await ensureBuild();
  const { launchChromium } = await import("./chromium.mjs");
  const folder = join(ROOT, "docs/images");
  mkdirSync(folder, { recursive: true });

  const browser = await launchChromium();
  try {
    await picturePage(browser, folder);
    await pictureWidgets(browser, folder);
  } finally {
    await browser.close();
  }
});

/** The page of `serve`, showing the demo's jobs. */
async function picturePage(browser, folder) {
  const { REDIS_URL: _, ...environment } = process.env;
  const demo = spawn(process.execPath, ["scripts/demo.mjs"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...environment, PORT: String(await freePort()) },
  });
  const ended = new Promise((resolve) => demo.once("exit", resolve));
  try {
    const url = await pageUrl(demo);
    const pages = await Promise.all(
      PICTURES.map(async ({ width, height, colorScheme }) => {
        const page = await browser.newPage({ viewport: { width, height }, colorScheme, deviceScaleFactor: 2 });
        await page.goto(url);
        return page;
      }),
    );
    for (const [index, page] of pages.entries()) {
      await page.waitForFunction(() => document.querySelectorAll("[data-job]").length >= 9, null, { timeout: 60_000 });
      // A job at work, with some lines, is the one to look into.
      const busy = page.locator('[data-job^="images:"][data-state="active"]:has(.log-line[data-level="warn"])').first();
      await busy.locator("summary").click({ timeout: 60_000 });
      await page.evaluate(() => scrollTo(0, 0));
      await busy.locator('.log-line[data-level="debug"]').nth(1).waitFor({ timeout: 60_000 });
      const { file } = PICTURES[index];
      await page.screenshot({ path: join(folder, file), animations: "disabled" });
      say(`docs/images/${file}`);
    }
  } finally {
    demo.kill("SIGTERM");
    await ended;
  }
}

/** The example's page while two of its parts are waited for and its job is at work. */
async function pictureWidgets(browser, folder) {
  const redis = await startPrivateRedis();
  const server = spawn(process.execPath, ["examples/async-widget/server.js"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, REDIS_URL: redis.url, PORT: "0" },
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 530 }, deviceScaleFactor: 2 });
    await page.goto(await pageUrl(server));
    await page.locator(".bullcast-log-line").nth(2).waitFor();
    await page.screenshot({ path: join(folder, "widgets.png"), animations: "disabled" });
    say("docs/images/widgets.png");
  } finally {
    server.kill("SIGTERM");
    await ended;
    await redis.stop();
  }
}

/** The address a program prints. */
function pageUrl(program) {
  return new Promise((resolve, reject) => {
    let output = "";
    program.stdout.on("data", (chunk) => {
      output += chunk;
      const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(output)?.[0];
      if (url) resolve(url);
    });
    program.once("exit", () => reject(new Error(`it ended early:\n${output}`)));
  });
}
