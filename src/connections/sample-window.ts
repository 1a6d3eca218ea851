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

  /** How many samples there have been. */
  get count(): number {
    return this.#count;
  }

  /** The 50th and 99th percentile of the newest so many, by nearest rank, or of all that are held; null without samples. */
  percentiles(newest = this.#samples.length): { p50: number | null; p99: number | null } {
    const size = this.#samples.length;
    const first = this.#count - Math.min(newest, this.#count, size);
    const held = Float64Array.from(
      { length: this.#count - first },
      (_, index) => this.#samples[(first + index) % size] ?? 0,
    ).sort();
    const rank = (quantile: number) => held[Math.max(0, Math.ceil(quantile * held.length) - 1)] ?? null;
    return { p50: rank(0.5), p99: rank(0.99) };
  }
}
