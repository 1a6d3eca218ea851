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

test("`npm run demo` shows jobs moving in the dashboard, and Ctrl-C leaves no process behind", {
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
  const shownUrl = () => /http:\/\/127\.0\.0\.1:\d+\/ws\/dashboard\//.exec(output)?.[0];
  await expect.poll(shownUrl, { timeout: 60_000 }).toBeDefined();
  const url = shownUrl() ?? "";

  const page = await (await launchBrowser()).newPage();
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  await page.getByText("Live", { exact: true }).waitFor();
  for (const queue of ["images", "emails", "reports"]) await page.locator(`[data-queue="${queue}"]`).waitFor();

  await page.getByRole("navigation").getByRole("link", { name: "Jobs" }).click();
  await page.getByRole("row").filter({ hasText: "images" }).getByText("completed", { exact: true }).first().waitFor();
  await page.goto(`${url}jobs?queue=images&state=active`);
  await page.locator('tbody [role="progressbar"]').first().waitFor();
  await page.getByRole("row").locator("a").first().click();
  for (const level of ["info", "debug", "warn"]) {
    await page.locator(".log-level").getByText(level, { exact: true }).first().waitFor();
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
