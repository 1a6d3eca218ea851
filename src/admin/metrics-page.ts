import type { Metric } from "prom-client";
import { Counter, Gauge, Registry } from "prom-client";
import type { Distribution } from "../connections/sample-window.ts";

/** Values of a metric with labels; without any, it is left out. */
export type Labelled = [labels: Record<string, string>, value: number][];

/**
 * The answer to one scrape. It is made anew for each: all that is counted is counted elsewhere, so there is nothing to
 * keep, and what has no value any more, say a queue that was detached, is not on it.
 */
export class MetricsPage {
  readonly #registry = new Registry();

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter(name: string, help: string, value: number | Labelled): void {
    const labelNames = labelNamesOf(value);
    if (!labelNames) return;
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry] });
    if (typeof value === "number") counter.inc(value);
    else for (const [labels, each] of value) counter.inc(labels, each);
  }

  gauge(name: string, help: string, value: number | Labelled): void {
    const labelNames = labelNamesOf(value);
    if (!labelNames) return;
    const gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
    if (typeof value === "number") gauge.set(value);
    else for (const [labels, each] of value) gauge.set(labels, each);
  }

  /** A histogram of durations, in seconds; prom-client's own can be observed into only, which costs more than to count. */
  histogram(name: string, help: string, { boundsMs, counts, sumMs }: Distribution): void {
    const values: { metricName: string; labels: { le?: number | string }; value: number }[] = [];
    let total = 0;
    for (const [index, count] of counts.entries()) {
      total += count;
      const boundMs = boundsMs[index];
      const le = boundMs === undefined ? "+Inf" : boundMs / 1000;
      values.push({ metricName: `${name}_bucket`, labels: { le }, value: total });
    }
    values.push({ metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 });
    values.push({ metricName: `${name}_count`, labels: {}, value: total });
    const metric = {
      name,
      help,
      type: "histogram",
      aggregator: "sum",
      get: async () => ({ name, help, type: "histogram", aggregator: "sum", values }),
    };
    this.#registry.registerMetric(metric as unknown as Metric);
  }
}

/** Null where there are labels, but no value has any: without a name prom-client would take it for one without labels, and say 0. */
function labelNamesOf(value: number | Labelled): string[] | null {
  if (typeof value === "number") return [];
  const [first] = value;
  return first ? Object.keys(first[0]) : null;
}
