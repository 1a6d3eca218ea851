// `npm run screenshots`: makes the pictures in docs/images: the dashboard's, of the jobs of the running demo, and that of
// the running example. `npm run screenshots -- jobs job` makes those whose names begin so.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, startPrivateRedis } from "./private-redis.mjs";
import { ensureBuild, ensureDependencies, ensurePictureTools, ROOT, runMain, say } from "./setup.mjs";

const FOLDER = join(ROOT, "docs/images");
const only = process.argv.slice(2);

await runMain(async () => {
  await ensureDependencies();
  await ensurePictureTools();
  await ensureBuild();
  const { launchChromium } = await import("./chromium.mjs");
  const { pictureDashboard } = await import("./picture-dashboard.mjs");
  mkdirSync(FOLDER, { recursive: true });

  const isWanted = (name) => only.length === 0 || only.some((start) => name.startsWith(start));
  const save = async (page, name) => {
    await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: "disabled" });
    say(`docs/images/${name}.png`);
  };
  const browser = await launchChromium();
  try {
    await withDemo((redisUrl) => pictureDashboard({ browser, redisUrl, isWanted, save }));
    if (isWanted("widgets")) await pictureWidgets(browser, save);
  } finally {
    await browser.close();
  }
});

/** Runs the demo for as long as something is done with its Redis. */
async function withDemo(use) {
  const { REDIS_URL: _, ...environment } = process.env;
  const demo = spawn(process.execPath, ["scripts/demo.mjs"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...environment, PORT: String(await freePort()) },
  });
  const ended = new Promise((resolve) => demo.once("exit", resolve));
  try {
    await use(await printed(demo, /redis:\/\/127\.0\.0\.1:\d+/));
  } finally {
    demo.kill("SIGTERM");
    await ended;
  }
}

/** The example's page while two of its parts are waited for and its job is at work. */
async function pictureWidgets(browser, save) {
  const redis = await startPrivateRedis();
  const server = spawn(process.execPath, ["examples/async-widget/server.js"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, REDIS_URL: redis.url, PORT: "0" },
  });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 530 }, deviceScaleFactor: 2 });
    await page.goto(await printed(server, /http:\/\/127\.0\.0\.1:\d+\//));
    await page.locator(".bullcast-log-line").nth(2).waitFor();
    await save(page, "widgets");
  } finally {
    server.kill("SIGTERM");
    await ended;
    await redis.stop();
  }
}

/** What a program prints that looks like this. */
function printed(program, wanted) {
  return new Promise((resolve, reject) => {
    let output = "";
    program.stdout.on("data", (chunk) => {
      output += chunk;
      const [found] = wanted.exec(output) ?? [];
      if (found) resolve(found);
    });
    program.once("exit", () => reject(new Error(`it ended early:\n${output}`)));
  });
}
