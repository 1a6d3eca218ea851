import type { Connection } from "./connection.ts";

/** Sweeps in one heartbeat interval; each visits the connections of one slot, which spreads the work. */
const SWEEPS_PER_INTERVAL = 10;

export interface HeartbeatOptions {
  /** How often each connection is pinged. */
  intervalSeconds: number;
  /** Silence after which a connection is cut. */
  timeoutSeconds: number;
}

/** What the heartbeat does to connections. */
export interface HeartbeatActions {
  /** Pings these connections. */
  ping(connections: Iterable<Connection>): void;
  /** Cuts a connection that showed no sign of life for too long. */
  cut(connection: Connection): void;
}

/**
 * One timer for all connections. Silence is counted in sweeps, not by the clock: a sweep that ran late (a busy event
 * loop, a suspended machine) counts as one, so it cuts nobody who had no chance to answer. Whoever has left a JSON ping
 * unanswered gets one that the WebSocket implementation itself answers in time, so a viewer that answers none stays. A
 * dead socket is cut within interval + timeout.
 */
export class Heartbeat {
  readonly #sweepMs: number;
  readonly #timeoutSweeps: number;
  readonly #actions: HeartbeatActions;
  readonly #slots: Set<Connection>[] = Array.from({ length: SWEEPS_PER_INTERVAL }, () => new Set());
  #sweep = 0;
  #nextSlot = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatOptions, actions: HeartbeatActions) {
    this.#sweepMs = (options.intervalSeconds * 1000) / SWEEPS_PER_INTERVAL;
    this.#timeoutSweeps = Math.ceil((options.timeoutSeconds * 1000) / this.#sweepMs);
    this.#actions = actions;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#runSweep(), this.#sweepMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  add(connection: Connection): void {
    connection.lastSeenSweep = this.#sweep;
    this.#slots[this.#nextSlot]?.add(connection);
    this.#nextSlot = (this.#nextSlot + 1) % SWEEPS_PER_INTERVAL;
  }

  delete(connection: Connection): void {
    for (const slot of this.#slots) slot.delete(connection);
  }

  /** Notes a sign of life. */
  sawLife(connection: Connection): void {
    connection.lastSeenSweep = this.#sweep;
    connection.lastSeenAt = Date.now();
  }

  #runSweep(): void {
    this.#sweep += 1;
    const due = this.#slots[this.#sweep % SWEEPS_PER_INTERVAL] ?? new Set();
    for (const connection of due) {
      if (this.#sweep - connection.lastSeenSweep > this.#timeoutSweeps) this.#actions.cut(connection);
    }
    this.#actions.ping(due);
  }
}
