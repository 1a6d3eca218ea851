import type { Frame } from "../connections/frame.ts";

/** Bounds of what is remembered of all queues together; the oldest is forgotten first. */
const MAX_ENDS = 20_000;
const MAX_BYTES = 32 * 1024 ** 2;

/** How jobs have ended: it answers for those that were removed with their end. Keys are `<queue>:<job id>`. */
export class RecentEnds {
  readonly #ends = new Map<string, Frame>();
  #bytes = 0;

  get(key: string): Frame | undefined {
    return this.#ends.get(key);
  }

  /** Notes an end; the newest of a job counts. */
  set(key: string, frame: Frame): void {
    this.delete(key);
    this.#ends.set(key, frame);
    this.#bytes += frame.bytes.length;
    for (const [oldest] of this.#ends) {
      if (this.#ends.size <= MAX_ENDS && this.#bytes <= MAX_BYTES) return;
      this.delete(oldest);
    }
  }

  /** The job lives again, or is somebody else's. */
  delete(key: string): void {
    const frame = this.#ends.get(key);
    if (!frame) return;
    this.#ends.delete(key);
    this.#bytes -= frame.bytes.length;
  }

  /** Forgets the jobs of a queue. */
  forget(queue: string): void {
    for (const key of [...this.#ends.keys()]) if (key.startsWith(`${queue}:`)) this.delete(key);
  }
}
