import { REAL_CLOCK } from "../../../client/clock.ts";
import type { BullcastClient } from "../../../client/index.ts";
import { JobRefresher } from "../../../client/job-refresher.ts";
import type { Topic } from "../../../protocol/topic.ts";
import { ALL_TOPIC, queueTopic } from "../../../protocol/topic.ts";
import type { FilterState, JobFilter } from "./job-filter.ts";
import { FILTER_STATES, NO_FILTER } from "./job-filter.ts";
import type { FetchPage } from "./job-pages.ts";
import { JobPages } from "./job-pages.ts";
import type { JobRow } from "./job-row.ts";
import { JobTable } from "./job-table.ts";

/** How long reading waits for the connection, ms: what is read before is read again after. */
const CONNECTION_PATIENCE_MS = 2000;
/** How long after a gap, at the earliest, the next one makes it read again, ms. */
const REREAD_INTERVAL_MS = 5000;

/** What the feed needs of the page's connection. */
export interface FeedConnection {
  readonly client: BullcastClient;
  /** Watches topics until what is answered is called. */
  watch(topics: readonly Topic[]): () => void;
}

/** Live and past jobs of one queue, or of all: what the table is fed with, and how far that has come. */
export class JobsFeed {
  readonly table: JobTable;
  readonly #connection: FeedConnection;
  readonly #pages: JobPages;
  readonly #refresher: JobRefresher;
  readonly #queue: string | null;
  readonly #topic: string;
  readonly #onChange: () => void;
  readonly #stops: (() => void)[] = [];
  readonly #stale = new Map<string, JobRow>();
  /** Those read, as far as they are known; null until any are. */
  #queues: ReadonlySet<string> | null = null;
  #filter: JobFilter = NO_FILTER;
  #isClosed = false;
  #isReading = false;
  #error: unknown = null;
  #hasAsked = false;
  #rereadAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** @param onChange hears, for each message, that something may have changed. */
  constructor(connection: FeedConnection, fetchPage: FetchPage, queue: string | null, onChange: () => void) {
    const { client } = connection;
    this.#connection = connection;
    this.#onChange = onChange;
    this.#queue = queue;
    this.#topic = queue === null ? ALL_TOPIC : queueTopic(queue);
    this.#refresher = new JobRefresher(
      { watch: (job) => client.watchJob(job.queue, job.id), stale: () => this.#stale.values() },
      REAL_CLOCK,
    );
    this.table = new JobTable({ changed: onChange, doubted: (row, isStale) => this.#doubted(row, isStale) });
    this.#pages = new JobPages(fetchPage, this.table, queue);
  }

  /** Whether jobs are being asked for. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Why the last read failed; null when it did not. */
  get error(): unknown {
    return this.#error;
  }

  /** Whether the jobs that are there have been read at least once for the states wanted. */
  get isBegun(): boolean {
    return this.#pages.isBegun(this.#states);
  }

  /** Whether older jobs can be read: there are some, and there is room. */
  get hasMore(): boolean {
    return !this.table.isFull && !this.#pages.isAtEnd(this.#states);
  }

  /** Begins to listen, and reads what there is once nothing can happen unheard any more. */
  start(): void {
    const { client } = this.#connection;
    this.#stops.push(
      client.on("message", (message) => this.table.receive(message)),
      client.on("snapshot", () => this.#refresher.snapshot()),
      client.on("gap", () => {
        this.#refresher.gap();
        this.#readAgain();
      }),
      this.#connection.watch([this.#topic]),
    );
    // Asked for together with the watch, in one request; only that this one is told of the answer.
    client.subscribe([this.#topic]).then(
      ({ cursors }) => {
        // What was read before may have changed since, unheard.
        if (this.#hasAsked) this.table.removeJobs(null);
        // Not those of the first statistics: one of these may have come since what is read now was asked for.
        this.#queues ??= new Set(Object.keys(cursors));
        this.#readAgain();
      },
      (error: unknown) => this.#failed(error),
    );
    this.#timer = setTimeout(() => void this.readOn(), CONNECTION_PATIENCE_MS);
  }

  setFilter(filter: JobFilter): void {
    // Jobs that were read and let go may be among those wanted now.
    if (this.table.hasLetGo) this.#pages.restart();
    this.#filter = filter;
    this.table.setFilter(filter);
    this.#onChange();
    if (this.#hasAsked && !this.isBegun) void this.readOn();
  }

  /** Takes in which queues the bridge watches: what one has that is new is read, and what is told of none any more goes. */
  setQueues(queues: readonly string[]): void {
    const before = this.#queues;
    // Before anything is read there is nothing to be compared.
    if (!before) return;
    this.#queues = new Set(queues.filter((queue) => this.#queue === null || queue === this.#queue));
    for (const queue of before) if (!this.#queues.has(queue)) this.table.removeJobs(queue);
    if ([...this.#queues].some((queue) => !before.has(queue))) this.#readAgain();
  }

  /** Reads older jobs; not if it does so already. */
  async readOn(): Promise<void> {
    if (this.#isReading || this.#isClosed) return;
    this.#isReading = this.#hasAsked = true;
    this.#onChange();
    try {
      // What is wanted may change meanwhile, and so may what was read.
      do await this.#pages.read(this.#states);
      while (!this.#isClosed && !this.isBegun);
      this.#error = null;
    } catch (error) {
      this.#error = error;
    }
    this.#isReading = false;
    if (!this.#isClosed) this.#onChange();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
    this.#refresher.close();
    this.#pages.close();
  }

  get #states(): readonly FilterState[] {
    return this.#filter.states.length > 0 ? this.#filter.states : FILTER_STATES;
  }

  /** What was read may be out of date. A queue that loses its history all the time must not make it read all the time. */
  #readAgain(): void {
    if (this.#isClosed) return;
    if (this.#timer) clearTimeout(this.#timer);
    const waitMs = Math.max(0, this.#rereadAtMs + REREAD_INTERVAL_MS - Date.now());
    this.#timer = setTimeout(() => {
      this.#rereadAtMs = Date.now();
      this.#pages.restart();
      void this.readOn();
    }, waitMs);
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    this.#error = error;
    this.#onChange();
  }

  #doubted(row: JobRow, isStale: boolean): void {
    if (isStale) this.#stale.set(row.key, row);
    else if (this.#stale.delete(row.key)) this.#refresher.settled(row.queue, row.id);
  }
}
