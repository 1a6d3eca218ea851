import type { Logger } from "../logger.ts";
import { describeError } from "./redis-connections.ts";
import type { StreamQueries } from "./stream-queries.ts";

/**
 * A scan costs Redis about 1 ms for every thousand keys of the database (measured with 200,000); a pause so much longer
 * keeps that under half a percent.
 */
const PAUSE_PER_ROUND_MS = 200;
const MIN_PAUSE_MS = 2000;
const MAX_PAUSE_MS = 60_000;

/** Looks for queues again and again and reports each name once. */
export class QueueDiscovery {
  readonly #queries: StreamQueries;
  readonly #found: (queue: string) => void;
  readonly #logger: Logger;
  readonly #known = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #onFound: (() => void) | undefined;
  /** Resolves when a scan has succeeded. */
  readonly found = new Promise<void>((resolve) => {
    this.#onFound = resolve;
  });
  /** Why the last scan failed; null when it did not. */
  problem: string | null = null;

  constructor(queries: StreamQueries, found: (queue: string) => void, logger: Logger) {
    this.#queries = queries;
    this.#found = found;
    this.#logger = logger;
  }

  /** Scans once and goes on scanning; resolves after the first scan, failed or not. */
  async start(): Promise<void> {
    let pauseMs = MIN_PAUSE_MS;
    try {
      const { queues, rounds } = await this.#queries.findQueues();
      pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, rounds * PAUSE_PER_ROUND_MS));
      for (const queue of queues) {
        if (this.#isClosed || this.#known.has(queue)) continue;
        this.#known.add(queue);
        this.#found(queue);
      }
      this.problem = null;
      this.#onFound?.();
    } catch (error) {
      this.problem = describeError(error);
      this.#logger.debug({ reason: this.problem }, "queues not discovered");
    }
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.start(), pauseMs).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
