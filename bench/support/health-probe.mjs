import { Agent, get } from "node:http";
import { quantile } from "./numbers.mjs";

const INTERVAL_MS = 50;

/**
 * Asks `GET /ws/health` every 50 ms until stopped, whether or not earlier questions have been answered: a server that
 * stops for a second keeps twenty waiting, not one.
 */
export function probeHealth(port) {
  const agent = new Agent({ keepAlive: true });
  const timesMs = [];
  const pending = new Set();
  let failures = 0;

  const ask = () => {
    const startedAt = performance.now();
    const answered = new Promise((resolve) => {
      const request = get({ port, host: "127.0.0.1", path: "/ws/health", agent, timeout: 10_000 }, (response) => {
        if (response.statusCode === 200) timesMs.push(performance.now() - startedAt);
        else failures += 1;
        response.resume().once("close", resolve);
      });
      request.once("timeout", () => request.destroy());
      request.once("error", () => {
        failures += 1;
        resolve();
      });
    });
    pending.add(answered);
    answered.then(() => pending.delete(answered));
  };
  const timer = setInterval(ask, INTERVAL_MS);
  ask();

  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
      return { healthP50: quantile(timesMs, 0.5), healthP99: quantile(timesMs, 0.99), healthFailures: failures };
    },
  };
}
