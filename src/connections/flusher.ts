import type { Connection } from "./connection.ts";
import type { OutboxSize } from "./outbox.ts";
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
  /** Those of the pass under way. */
  #due: readonly Connection[] = [];
  /** Those whose sockets were full when it was their turn: they go on when these drain. */
  readonly #waiting = new Set<Connection>();
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

  /** The socket of a connection is full, and something is left. */
  waits(connection: Connection): void {
    this.#waiting.add(connection);
  }

  /** A connection has nothing to send any more. */
  delete(connection: Connection): void {
    this.#waiting.delete(connection);
  }

  /** What waits in all outboxes together; looks only at those in which something may. */
  get waiting(): OutboxSize {
    const total = { messages: 0, bytes: 0 };
    for (const { outbox } of new Set([...this.#pending, ...this.#due, ...this.#waiting])) {
      total.messages += outbox.messages;
      total.bytes += outbox.bytes;
    }
    return total;
  }

  /** Whose backlog is the largest; null when there is none. */
  get furthestBehind(): Connection | null {
    let furthest: Connection | null = null;
    for (const connection of this.#waiting) {
      if (connection.outbox.backlogBytes > (furthest?.outbox.backlogBytes ?? 0)) furthest = connection;
    }
    return furthest;
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
    this.#due = this.#pending;
    this.#pending = [];
    this.#slice(this.#due, 0, 0);
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
    this.#due = [];
    this.#notBefore = performance.now() + Math.min(passMs, this.#maxFlushDelayMs);
    this.#isScheduled = false;
    if (this.#pending.length > 0) this.#schedule();
  }
}
