/** Doublings after which any delay has reached its bound. */
const MAX_DOUBLINGS = 30;

/**
 * How long to wait before the next attempt: anything from 0 to a bound that doubles with each attempt. Where a thousand
 * viewers lose their server in one moment they come back spread out.
 */
export class BackOff {
  readonly #minDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor({ minDelayMs, maxDelayMs }: { minDelayMs: number; maxDelayMs: number }, random: () => number) {
    this.#minDelayMs = minDelayMs;
    this.#maxDelayMs = maxDelayMs;
    this.#random = random;
  }

  /** The delay before the next attempt, ms. */
  next(): number {
    const boundMs = Math.min(this.#maxDelayMs, this.#minDelayMs * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, MAX_DOUBLINGS);
    return this.#random() * boundMs;
  }

  /** An attempt has succeeded. */
  reset(): void {
    this.#attempts = 0;
  }
}
