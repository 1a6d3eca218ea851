import { collectDefaultMetrics, Registry } from "prom-client";

/** How often the lag of the event loop is measured, ms. It wakes an idle process: every 10 ms took 0.8 % of a core. */
const LAG_RESOLUTION_MS = 50;

let registry: Registry | undefined;

/**
 * Prometheus' usual metrics of a Node process. There is one process, however many bridges are in it, and what they need
 * runs on for as long as it does: so they begin with the first that asks.
 */
export function processMetrics(): Promise<string> {
  if (!registry) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_RESOLUTION_MS });
  }
  return registry.metrics();
}
