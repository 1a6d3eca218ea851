import type { Connection } from "./connection.ts";
import { Run } from "./run.ts";

/** How long a pass may go on before other work gets its turn. */
const SLICE_MS = 10;
/** Connections flushed between two looks at the clock. */
const CONNECTIONS_PER_LOOK = 32;

/**
 * Hands what waits in outboxes to the sockets, in passes: one write for each connection and pass. While there is little
 * to do a pass comes in the turn in which something was delivered. Under load it clocks itself: the next pass begins as
 * long after the last one as that took, but no longer than `maxFlushDelayMs`; meanwhile messages gather, and each write
 * carries more of them.
 */
export class Flusher {
  readonly #maxFlushDelayMs: number;
  /** Connections with something in their outboxes, each once. */
  #pending: Connection[] = [];
  #isScheduled = false;
  /** When the next pass may begin, ms of the monotonic clock. */
  #notBefore = 0;

  constructor(maxFlushDelayMs: number) {
    this.#maxFlushDelayMs = maxFlushDelayMs;
  }

  /** A connection has something to send. */
  add(connection: Connection): void {
    this.#pending.push(connection);
    if (!this.#isScheduled) this.#schedule();
  }

  #schedule(): void {
    this.#isScheduled = true;
    const waitMs = this.#notBefore - performance.now();
    if (waitMs <= 0) process.nextTick(() => this.flush());
    else if (waitMs < 1) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), waitMs);
  }

  /** Makes a pass now; one that takes long is made in slices. */
  flush(): void {
    this.#isScheduled = true;
    const due = this.#pending;
    this.#pending = [];
    this.#slice(due, 0, 0);
  }

  #slice(due: readonly Connection[], start: number, spentMs: number): void {
    const startedAt = performance.now();
    let next = start;
    let elapsedMs = 0;
    while (next < due.length && elapsedMs < SLICE_MS) {
      const end = Math.min(due.length, next + CONNECTIONS_PER_LOOK);
      for (; next < end; next += 1) {
        (due[next] as Connection).flushPending();
      }
      elapsedMs = performance.now() - startedAt;
    }
    if (next < due.length) setImmediate(() => this.#slice(due, next, spentMs + elapsedMs));
    else this.#end(spentMs + elapsedMs);
  }

  #end(passMs: number): void {
    Run.release();
    this.#notBefore = performance.now() + Math.min(passMs, this.#maxFlushDelayMs);
    this.#isScheduled = false;
    if (this.#pending.length > 0) this.#schedule();
  }
}
