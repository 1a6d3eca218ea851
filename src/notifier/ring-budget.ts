import type { Ring } from "./ring.ts";

/** Bounds of what is kept for those who come back: bytes of all queues together, and messages of one. */
const MAX_BYTES = 64 * 1024 ** 2;
const MAX_ENTRIES = 100_000;
/** Part of the largest ring that is dropped when all together are over their bound. */
const SHARE_DROPPED = 1 / 16;

/** Bounds the memory of all rings together. */
export class RingBudget {
  readonly #rings = new Set<Ring>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all rings. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Changes a ring and drops what is over a bound then. */
  change(ring: Ring, change: () => void): void {
    this.#rings.add(ring);
    this.#counted(ring, change);
    if (ring.length > MAX_ENTRIES) this.#counted(ring, () => ring.drop(ring.length - MAX_ENTRIES));
    while (this.#bytes > this.#maxBytes) {
      const largest = [...this.#rings].reduce((found, other) => (other.bytes > found.bytes ? other : found));
      if (largest.length === 0) return;
      this.#counted(largest, () => largest.drop(Math.ceil(largest.length * SHARE_DROPPED)));
    }
  }

  /** The ring is no longer used. */
  delete(ring: Ring): void {
    if (this.#rings.delete(ring)) this.#bytes -= ring.bytes;
  }

  #counted(ring: Ring, change: () => void): void {
    const before = ring.bytes;
    change();
    this.#bytes += ring.bytes - before;
  }
}
