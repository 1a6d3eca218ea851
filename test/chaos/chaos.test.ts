import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const RUNNER = fileURLToPath(new URL("run.mjs", import.meta.url));
/** Chosen because every kind of fault comes within the first 15 seconds. */
const SEED = "698";
/** The short form; `npm run test:chaos` has the long ones. */
const MINUTES = "0.25";
const FAULTS = [
  "bridge killed",
  "redis killed",
  "viewers drop",
  "viewers stall",
  "stream trimmed",
  "malformed entries",
];

interface Ending {
  code: number | null;
  output: string;
}

function run(...args: string[]): {
  ending: Promise<Ending>;
  stop: (signal: NodeJS.Signals) => void;
  says: (text: string) => Promise<void>;
} {
  const child = spawn(process.execPath, [RUNNER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGTERM"));
  let output = "";
  const checks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      for (const check of checks) check();
    });
  }
  return {
    ending: new Promise((resolve) => child.once("close", (code) => resolve({ code, output }))),
    stop: (signal) => void child.kill(signal),
    says: (text) => new Promise((resolve) => checks.add(() => output.includes(text) && resolve())),
  };
}

test("nothing is lost, doubled or invented while everything breaks", { timeout: 180_000 }, async () => {
  const { code, output } = await run("--seed", SEED, "--minutes", MINUTES, "--verbose").ending;
  for (const fault of FAULTS) expect(output).toContain(`fault: ${fault}`);
  // The findings themselves, as a comparison would cut them short.
  expect(code, output).toBe(0);
});

test("a run that is stopped ends its processes and says so", { timeout: 60_000 }, async () => {
  const stopped = run("--seed", SEED, "--minutes", "5");
  await stopped.says("breaking things");
  stopped.stop("SIGINT");
  const { code, output } = await stopped.ending;
  expect(output).toContain("Stopped by SIGINT.");
  expect(code).toBe(1);
});

test("an option that cannot be used is refused with the help text", async () => {
  const { code, output } = await run("--minutes", "none").ending;
  expect(code).toBe(2);
  expect(output).toContain('--minutes: expected a number above 0, given "none"');
});
