import type { JobPage } from "../../../protocol/job-summary.ts";
import type { FilterState } from "./job-filter.ts";
import type { JobTable } from "./job-table.ts";

/** Jobs asked for at a time: first a screenful of each state, then as much as the server gives. */
const FIRST_LIMIT = 100;
const NEXT_LIMIT = 200;

/** Asks the server for one page. */
export type FetchPage = (query: URLSearchParams, signal: AbortSignal) => Promise<JobPage>;

/** How far the jobs of one state have been read. */
interface Reading {
  next: string | null;
  /** When the last job of the last page was added, epoch ms. */
  reachedMs: number;
}

/**
 * Reads the jobs there are into a table, each state for itself: one list of all states would begin with ten thousand
 * waiting jobs. Of several states the one whose next jobs are the newest goes on.
 */
export class JobPages {
  readonly #fetchPage: FetchPage;
  readonly #table: JobTable;
  readonly #queue: string | null;
  readonly #giveUp = new AbortController();
  #readings = new Map<FilterState, Reading>();

  constructor(fetchPage: FetchPage, table: JobTable, queue: string | null) {
    this.#fetchPage = fetchPage;
    this.#table = table;
    this.#queue = queue;
  }

  /** Whether the first page of each of these states has been read. */
  isBegun(states: readonly FilterState[]): boolean {
    return states.every((state) => this.#readings.has(state));
  }

  /** Whether there is no more to be read of these states. */
  isAtEnd(states: readonly FilterState[]): boolean {
    return states.every((state) => this.#readings.get(state)?.next === null);
  }

  /** Reads on: the first page of each state, or the next of one. Rejects when the server does not answer as it should. */
  async read(states: readonly FilterState[]): Promise<void> {
    const fresh = states.filter((state) => !this.#readings.has(state));
    if (fresh.length > 0) {
      await Promise.all(fresh.map((state) => this.#readPage(state, null, FIRST_LIMIT)));
      return;
    }
    let newest: [FilterState, Reading] | null = null;
    for (const state of states) {
      const reading = this.#readings.get(state);
      if (reading?.next && (!newest || reading.reachedMs > newest[1].reachedMs)) newest = [state, reading];
    }
    if (newest) await this.#readPage(newest[0], newest[1].next, NEXT_LIMIT);
  }

  /** What was read is out of date: the next read begins anew. */
  restart(): void {
    this.#readings = new Map();
  }

  close(): void {
    this.#giveUp.abort();
  }

  async #readPage(state: FilterState, after: string | null, limit: number): Promise<void> {
    const readings = this.#readings;
    const query = new URLSearchParams({ limit: `${limit}` });
    for (const listed of state === "waiting" ? ["waiting", "paused"] : [state]) query.append("state", listed);
    if (this.#queue !== null) query.set("queue", this.#queue);
    if (after !== null) query.set("after", after);
    const read = this.#table.beginRead();
    try {
      const { jobs, next } = await this.#fetchPage(query, this.#giveUp.signal);
      if (this.#giveUp.signal.aborted) return;
      read.merge(jobs);
      readings.set(state, { next, reachedMs: Date.parse(jobs.at(-1)?.added_at ?? "") || 0 });
    } finally {
      read.end();
    }
  }
}
