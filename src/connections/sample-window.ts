const DEFAULT_SIZE = 1024;

/** The newest samples of one measure, for percentiles over the recent past; constant memory. */
export class SampleWindow {
  readonly #samples: Float64Array;
  #count = 0;

  constructor(size = DEFAULT_SIZE) {
    this.#samples = new Float64Array(size);
  }

  add(sample: number): void {
    this.#samples[this.#count % this.#samples.length] = sample;
    this.#count += 1;
  }

  /** The 50th and 99th percentile of the samples held, by nearest rank; null before the first sample. */
  percentiles(): { p50: number | null; p99: number | null } {
    const held = this.#samples.slice(0, Math.min(this.#count, this.#samples.length)).sort();
    const rank = (quantile: number) => held[Math.max(0, Math.ceil(quantile * held.length) - 1)] ?? null;
    return { p50: rank(0.5), p99: rank(0.99) };
  }
}
