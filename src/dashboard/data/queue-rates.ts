import type { QueueSummary } from "../../protocol/queue-summary.ts";

/** Rates are over this long: a single second jumps too much to be read. */
const WINDOW_MS = 5000;

interface Reading {
  atMs: number;
  totals: ReadonlyMap<string, number>;
}

/** Makes rates of counters that only grow. */
export class QueueRates {
  #readings: Reading[] = [];

  /** Takes what was read at a time; answers, of each queue read before, its events for each second. */
  add(atMs: number, queues: readonly QueueSummary[]): ReadonlyMap<string, number> {
    const totals = new Map(queues.map(({ queue, events_total }) => [queue, events_total]));
    // Readings within the window, and the newest before it.
    const start = this.#readings.findLastIndex((reading) => reading.atMs <= atMs - WINDOW_MS);
    this.#readings = [...this.#readings.slice(Math.max(0, start)), { atMs, totals }];
    const [oldest] = this.#readings;
    const seconds = oldest ? (atMs - oldest.atMs) / 1000 : 0;
    const rates = new Map<string, number>();
    if (!oldest || seconds <= 0) return rates;
    for (const [queue, total] of totals) {
      const before = oldest.totals.get(queue);
      // A bridge that was started again counts anew.
      if (before !== undefined && total >= before) rates.set(queue, (total - before) / seconds);
    }
    return rates;
  }
}
