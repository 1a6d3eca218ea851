const DEFAULT_SIZE = 1024;

/** Bounds of the parts into which all samples are counted, ms; the last part has none. */
const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** How all samples there have been are spread. */
export interface Distribution {
  /** Each the upper bound of the samples counted at its place, itself included. */
  readonly boundsMs: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** The newest samples of one duration, for percentiles over the recent past, and counts of all; constant memory. */
export class SampleWindow {
  readonly #samples: Float64Array;
  readonly #counts = BOUNDS_MS.map(() => 0).concat(0);
  #sumMs = 0;
  #count = 0;

  constructor(size = DEFAULT_SIZE) {
    this.#samples = new Float64Array(size);
  }

  add(ms: number): void {
    this.#samples[this.#count % this.#samples.length] = ms;
    this.#count += 1;
    this.#sumMs += ms;
    let part = 0;
    while (ms > (BOUNDS_MS[part] ?? Number.POSITIVE_INFINITY)) part += 1;
    this.#counts[part] = (this.#counts[part] ?? 0) + 1;
  }

  get distribution(): Distribution {
    return { boundsMs: BOUNDS_MS, counts: [...this.#counts], sumMs: this.#sumMs };
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
