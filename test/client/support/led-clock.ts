import type { Clock } from "../../../src/client/clock.ts";
import { Latch } from "./latch.ts";

/** A clock that moves only when the test says so. */
export class LedClock implements Clock {
  /** Delays asked for so far, ms. */
  readonly delays: number[] = [];
  readonly #latch = new Latch();
  readonly #timers = new Set<{ atMs: number; run: () => void }>();
  #nowMs = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    this.delays.push(delayMs);
    this.#latch.changed();
    return () => void this.#timers.delete(timer);
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((one, other) => one.atMs - other.atMs);
      if (!next || next.atMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }

  /** Waits until a delay is being asked for that the test wants. */
  async asked(wanted: (delayMs: number) => boolean): Promise<void> {
    await this.#latch.until(() => this.delays.some(wanted), "a delay as wanted was asked for");
  }
}
