import type { OutboxSize } from "../connections/outbox.ts";
import type { Statistics } from "../connections/statistics.ts";
import type { StatsSample } from "../protocol/admin.ts";

/** Samples kept: of the last 15 minutes, at one a second. */
const MAX_SAMPLES = 900;

/** Counters as they stood at the end of an interval. */
interface Mark {
  /** Ms of the monotonic clock. */
  at: number;
  in: number;
  out: number;
  dropped: number;
  conflated: number;
  events: number;
  /** How many facts have been timed. */
  timed: number;
}

/** Keeps what the bridge did of late, in samples of equal length: from counters alone, whoever is connected. */
export class StatsRecorder {
  readonly #statistics: Statistics;
  readonly #outboxes: () => OutboxSize;
  /** The oldest from `#next` on, once there are as many as are kept. */
  readonly #samples: StatsSample[] = [];
  #next = 0;
  #last: Mark;

  constructor(statistics: Statistics, outboxes: () => OutboxSize) {
    this.#statistics = statistics;
    this.#outboxes = outboxes;
    this.#last = this.#mark();
  }

  /** Oldest first. */
  get samples(): StatsSample[] {
    return [...this.#samples.slice(this.#next), ...this.#samples.slice(0, this.#next)];
  }

  /** The newest; null before the first. */
  get latest(): StatsSample | null {
    return this.#samples.at(this.#next - 1) ?? null;
  }

  /** Ends an interval. */
  sample(): void {
    const { connections, latencyMs, rttMs } = this.#statistics;
    const [mark, last] = [this.#mark(), this.#last];
    const seconds = (mark.at - last.at) / 1000;
    const rate = (counter: Exclude<keyof Mark, "at">) => round((mark[counter] - last[counter]) / seconds);
    this.#last = mark;
    this.#samples[this.#next] = {
      at: new Date().toISOString(),
      interval_ms: round(mark.at - last.at),
      in: rate("in"),
      out: rate("out"),
      dropped: rate("dropped"),
      conflated: rate("conflated"),
      events: rate("events"),
      connections: connections.current,
      outbox: this.#outboxes(),
      latency_ms: latencyMs.percentiles(mark.timed - last.timed),
      rtt_ms: rttMs.percentiles(),
    };
    this.#next = (this.#next + 1) % MAX_SAMPLES;
  }

  #mark(): Mark {
    const { messages, events, latencyMs } = this.#statistics;
    return { at: performance.now(), ...messages, events, timed: latencyMs.count };
  }
}

/** To hundredths: more is noise, and every digit is sent. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
