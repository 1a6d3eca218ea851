import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/private-redis.mjs";
import { launchBrowser } from "../support/browser.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The running processes, each with its parent; Linux only, as is the machine of the suite. */
function processes(): { pid: number; parent: number }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // "pid (name) state parent ...", where the name may hold anything.
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return state === "Z" ? [] : [{ pid: Number(name), parent: Number(parent) }];
      } catch {
        return [];
      }
    });
}

function descendantsOf(pid: number): number[] {
  const children = processes().filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child.pid, ...descendantsOf(child.pid)]);
}

test("`npm run demo` shows jobs moving in a browser, and Ctrl-C leaves no process behind", {
  timeout: 120_000,
}, async () => {
  const { REDIS_URL: _, ...environment } = process.env;
  const demo = spawn("npm", ["run", "demo"], {
    cwd: ROOT,
    // A group of its own: Ctrl-C in a terminal reaches all processes of the group in front.
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...environment, PORT: String(await freePort()) },
  });
  const pid = demo.pid ?? 0;
  let output = "";
  demo.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const exited = new Promise<number | null>((resolve) => demo.once("exit", resolve));
  onTestFinished(() => {
    if (demo.exitCode === null && demo.signalCode === null) process.kill(-pid, "SIGKILL");
  });
  await expect.poll(() => /http:\/\/127\.0\.0\.1:\d+\//.exec(output)?.[0], { timeout: 60_000 }).toBeDefined();
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(output)?.[0] ?? "";

  const page = await (await launchBrowser()).newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url)) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  await page.locator('[data-connection="live"]').waitFor();
  // Not the first one: the page may have opened after its last report, and every eighth job is damaged and ends early.
  const done = page.locator('[data-job^="images:"] [role="progressbar"][aria-valuenow="100"]').first();
  await done.waitFor({ timeout: 30_000, state: "attached" });
  await page.locator('[data-job][data-state="completed"]').first().waitFor({ timeout: 30_000 });
  for (const level of ["debug", "info", "warn", "error"]) {
    await page.locator(`.log-line[data-level="${level}"]`).first().waitFor({ timeout: 30_000, state: "attached" });
  }
  expect(complaints).toEqual([]);

  const started = descendantsOf(pid);
  // npm and its script, Redis, the bridge, three workers and the producer.
  expect(started.length).toBeGreaterThanOrEqual(7);
  process.kill(-pid, "SIGINT");
  await exited;
  await expect
    .poll(() => processes().filter((running) => started.includes(running.pid)), { timeout: 10_000 })
    .toEqual([]);
});
