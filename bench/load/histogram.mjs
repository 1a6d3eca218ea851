/** Latencies in microseconds, on a logarithmic scale: a bucket's middle is at most 0.4 % away from what is in it. */
const STEP_BITS = 7;
const STEPS = 2 ** STEP_BITS;
/** Up to 2^46 microseconds, two years. */
const BUCKETS = STEPS * 40;

export class Histogram {
  #buckets = new Float64Array(BUCKETS);
  count = 0;
  early = 0;
  max = 0;

  reset() {
    this.#buckets.fill(0);
    this.count = 0;
    this.early = 0;
    this.max = 0;
  }

  add(microseconds) {
    // Two clocks are compared. Where they differ by more than a message takes, the figures are worth nothing.
    if (microseconds < 0) this.early += 1;
    const value = Math.max(0, microseconds);
    const shift = value < 2 * STEPS ? 0 : Math.floor(Math.log2(value)) - STEP_BITS;
    const index = shift * STEPS + Math.floor(value / 2 ** shift);
    this.#buckets[Math.min(index, BUCKETS - 1)] += 1;
    this.count += 1;
    if (value > this.max) this.max = value;
  }

  quantile(quantile) {
    const rank = Math.floor(quantile * this.count);
    let seen = 0;
    for (let index = 0; index < BUCKETS; index += 1) {
      seen += this.#buckets[index];
      if (seen <= rank) continue;
      if (index < 2 * STEPS) return index;
      const shift = Math.floor(index / STEPS) - 1;
      return (STEPS + (index % STEPS) + 0.5) * 2 ** shift;
    }
    return this.max;
  }

  /** In milliseconds. */
  summary() {
    const at = (quantile) => this.quantile(quantile) / 1000;
    return { count: this.count, early: this.early, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: this.max / 1000 };
  }
}
