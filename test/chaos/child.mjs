// Child processes that are ended by their id, and never outlive the run.
import { fork } from "node:child_process";
import { openSync } from "node:fs";
import { fileURLToPath } from "node:url";

const READY_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 5000;

/** Children that still run. */
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a script beside this file, or of the build, with its output in a file. */
export function startChild(path, args, { log, env = {} }) {
  const output = openSync(log, "a");
  const child = fork(fileURLToPath(new URL(path, import.meta.url)), args, {
    stdio: ["ignore", output, output, "ipc"],
    execArgv: [],
    env: { ...process.env, ...env },
    // A group of its own: Ctrl-C reaches the run first, which ends the others in order.
    detached: true,
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  // Sending to one that has just ended.
  child.on("error", () => undefined);
  return child;
}

/** Waits for the first message of a child. */
export async function whenReady(child) {
  let timer;
  try {
    await new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", (code, signal) =>
        reject(new Error(`${child.spawnargs[1]} ended at its start (${code ?? signal})`)),
      );
      timer = setTimeout(() => reject(new Error(`${child.spawnargs[1]} did not start`)), READY_TIMEOUT_MS);
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Ends a child, by force if it takes too long; resolves when it is gone. */
export async function endChild(child, signal = "SIGTERM") {
  if (!running.has(child)) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}
