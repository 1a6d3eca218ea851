import { Agent, get } from "node:http";
import { quantile } from "./numbers.mjs";

const INTERVAL_MS = 50;
const TIMEOUT_MS = 10_000;

/**
 * Asks `GET /ws/health` every 50 ms until stopped, whether or not earlier questions have been answered: a server that
 * stops for a second keeps twenty waiting, not one. What is not answered in time, or not with 200, counts as failed, and
 * with the time that it took among the others.
 */
export function probeHealth(port) {
  const agent = new Agent({ keepAlive: true });
  const timesMs = [];
  const pending = new Set();
  let failures = 0;

  const ask = () => {
    const answered = askOnce({ port, agent }).then(({ isFine, tookMs }) => {
      timesMs.push(tookMs);
      if (!isFine) failures += 1;
      pending.delete(answered);
    });
    pending.add(answered);
  };
  const timer = setInterval(ask, INTERVAL_MS);
  ask();

  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
      const [healthP50, healthP99] = [quantile(timesMs, 0.5), quantile(timesMs, 0.99)];
      const problem = failures > 0 ? `${failures} of ${timesMs.length} questions for health failed` : null;
      return { healthP50, healthP99, problem };
    },
  };
}

function askOnce({ port, agent }) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const finish = (isFine) => resolve({ isFine, tookMs: performance.now() - startedAt });
    const request = get({ port, host: "127.0.0.1", path: "/ws/health", agent, timeout: TIMEOUT_MS }, (response) => {
      finish(response.statusCode === 200);
      response.resume();
    });
    request.once("timeout", () => request.destroy());
    request.once("error", () => finish(false));
  });
}
