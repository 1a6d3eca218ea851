import type { Clock } from "./clock.ts";

/** Notices when nothing has been heard for too long. One timer however much is heard. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #limitMs = 0;
  #heardAtMs = 0;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /** Begins to watch, or goes on with another limit; null stops. */
  start(limitMs: number | null): void {
    this.stop();
    if (limitMs === null) return;
    this.#limitMs = limitMs;
    this.heard();
    this.#wait(limitMs);
  }

  heard(): void {
    this.#heardAtMs = this.#clock.nowMs();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #wait(delayMs: number): void {
    this.#cancel = this.#clock.after(delayMs, () => {
      const leftMs = this.#heardAtMs + this.#limitMs - this.#clock.nowMs();
      if (leftMs > 0) return this.#wait(leftMs);
      this.stop();
      this.#onSilence();
    });
  }
}
