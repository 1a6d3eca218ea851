import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";

/**
 * Calls `step` every `intervalMs`, by the clock and not from call to call, so that a late one delays no other. Whoever
 * cannot keep the pace gets a turn of the event loop between two calls; so does everybody when the interval is 0.
 */
export async function everyInterval(intervalMs, steps, step) {
  const startedAt = performance.now();
  for (let index = 0; index < steps; index += 1) {
    const dueInMs = startedAt + index * intervalMs - performance.now();
    // A timer ends up to a millisecond late, and never early.
    await (dueInMs >= 1 ? sleep(dueInMs) : turn());
    step(index);
  }
}
