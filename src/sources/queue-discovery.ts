import type { Logger } from "../logger.ts";
import { describeError } from "./redis-connections.ts";
import type { StreamQueries } from "./stream-queries.ts";

/** A scan costs Redis time for every key of the database; a pause so many times as long keeps that under half a percent. */
const PAUSE_FACTOR = 200;
const MIN_PAUSE_MS = 2000;
/** However long a scan took: it may have been the network that was slow. */
const MAX_PAUSE_MS = 60_000;

/** Looks for queues again and again and reports each name once. */
export class QueueDiscovery {
  readonly #queries: StreamQueries;
  readonly #found: (queue: string) => void;
  readonly #logger: Logger;
  readonly #known = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Why the last scan failed; null when it did not. */
  problem: string | null = null;

  constructor(queries: StreamQueries, found: (queue: string) => void, logger: Logger) {
    this.#queries = queries;
    this.#found = found;
    this.#logger = logger;
  }

  /** Scans once and goes on scanning; resolves after the first scan, failed or not. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    let pauseMs = MIN_PAUSE_MS;
    try {
      for (const queue of await this.#queries.findQueues()) {
        if (this.#isClosed || this.#known.has(queue)) continue;
        this.#known.add(queue);
        this.#found(queue);
      }
      this.problem = null;
      pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, (performance.now() - startedAt) * PAUSE_FACTOR));
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
