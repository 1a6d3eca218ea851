import { SampleWindow } from "./sample-window.ts";

/** Most types counted by themselves: an application may send messages of any number of its own. */
const MAX_TYPES = 1000;

/** The types beyond that, together; no message can have this one. */
const OTHER_TYPES = "(others)";

/** Counters of one `ConnectionManager` since it was made. */
export class Statistics {
  readonly startedAt = Date.now();
  readonly connections = { current: 0, peak: 0, total: 0 };
  readonly messages = { in: 0, out: 0, dropped: 0, conflated: 0 };
  /** Job events and log lines read from Redis. */
  events = 0;
  readonly #byType = new Map<string, number>();
  readonly heartbeat = { pings: 0, pongs: 0, timeouts: 0 };
  readonly rttMs = new SampleWindow();
  /** From the moment a fact happened, by Redis' clock, to its message being handed to the connections. */
  readonly latencyMs = new SampleWindow();

  connectionOpened(): void {
    this.connections.total += 1;
    this.connections.current += 1;
    this.connections.peak = Math.max(this.connections.peak, this.connections.current);
  }

  connectionClosed(): void {
    this.connections.current -= 1;
  }

  /** A message was accepted for so many connections. */
  messagesSent(type: string, count: number): void {
    if (count === 0) return;
    this.messages.out += count;
    const isCounted = this.#byType.size < MAX_TYPES || this.#byType.has(type);
    const counted = isCounted ? type : OTHER_TYPES;
    this.#byType.set(counted, (this.#byType.get(counted) ?? 0) + count);
  }

  /** Messages sent, by type. */
  get byType(): Record<string, number> {
    return Object.fromEntries(this.#byType);
  }
}
