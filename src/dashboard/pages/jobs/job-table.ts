import type { ServerMessage } from "../../../client/index.ts";
import { isFinished } from "../../../client/job-view.ts";
import { jobOf } from "../../../client/server-message.ts";
import type { JobSummary } from "../../../protocol/job-summary.ts";
import { jobTopic } from "../../../protocol/topic.ts";
import type { JobFilter } from "./job-filter.ts";
import { makeTest, NO_FILTER } from "./job-filter.ts";
import { compareRows, JobRow } from "./job-row.ts";

/** Rows let go at a time: to find one costs as much as to find many. */
const LET_GO_AT_ONCE = 500;

/** What a table tells of its rows. */
export interface TableObserver {
  /** Something shown may have changed. Called for each message. */
  changed(): void;
  /** A row may be out of date (after a gap), or is so no more. */
  doubted(row: JobRow, isStale: boolean): void;
}

/**
 * The jobs of one queue or of all, the newest first, told of by messages and by pages that were read. Each message
 * changes one row in place, and nothing is ever sorted as a whole but a page.
 */
export class JobTable {
  /** Rows held at most, but for some more that are let go together. */
  readonly maxRows: number;
  readonly #observer: TableObserver;
  readonly #rows = new Map<string, JobRow>();
  /** The oldest first, so that new jobs come last. */
  #order: JobRow[] = [];
  /** Those that pass the filter, the newest first; null where it has to be made anew. */
  #shown: readonly JobRow[] | null = null;
  #passes = makeTest(NO_FILTER);
  /** Counts messages, to tell what was heard before a read from what was heard since. */
  #heard = 0;
  /** The reads under way, and what was removed during them, which they must not bring back. */
  readonly #reads = new Set<object>();
  readonly #removed = new Map<string, number>();
  #hasLetGo = false;

  constructor(observer: TableObserver, { maxRows = 10_000 } = {}) {
    this.#observer = observer;
    this.maxRows = maxRows;
  }

  /** How many rows are held. */
  get size(): number {
    return this.#rows.size;
  }

  /** Whether there is no room for older jobs: what does not pass the filter makes room, what is shown does not. */
  get isFull(): boolean {
    return this.shown.length >= this.maxRows;
  }

  /** Whether rows were let go since the filter was set, so that what was read is not all here any more. */
  get hasLetGo(): boolean {
    return this.#hasLetGo;
  }

  /** The rows that pass the filter, the newest first. The same array as long as none comes or goes. */
  get shown(): readonly JobRow[] {
    this.#shown ??= this.#order.filter(({ isShown }) => isShown).reverse();
    return this.#shown;
  }

  get(queue: string, id: string): JobRow | undefined {
    return this.#rows.get(jobTopic(queue, id));
  }

  setFilter(filter: JobFilter): void {
    this.#passes = makeTest(filter);
    for (const row of this.#order) row.isShown = this.#passes(row);
    this.#shown = null;
    this.#hasLetGo = false;
  }

  /** Takes in any message of the server. */
  receive(message: ServerMessage): void {
    if (message.type === "gap") return this.#receiveGap(message);
    const job = jobOf(message);
    if (!job) return;
    this.#heard += 1;
    const key = jobTopic(job.queue, job.id);
    const held = this.#rows.get(key);
    const row = held ?? new JobRow(job.queue, job.id, Date.parse(message.timestamp));
    const wasShown = held?.isShown ?? false;
    const isChanged = row.receive(message);
    row.heardAt = this.#heard;
    // A line of a job that was let go, for example, does not bring it back without its state.
    if (row.view.state === "unknown" || message.type === "task_removed") {
      return this.#remove(row, message.type === "task_removed" || message.type === "snapshot");
    }
    if (!isChanged) return;
    this.#place(row, held !== undefined);
    this.#settle(row, wasShown);
    if (this.size > this.maxRows + LET_GO_AT_ONCE) this.#letGo();
  }

  /**
   * Begins to read jobs elsewhere: what is heard from now on wins over what is read. `merge` takes in what was read;
   * `end` must be called when there is no more.
   */
  beginRead(): { merge(jobs: readonly JobSummary[]): void; end(): void } {
    const read = {
      merge: (jobs: readonly JobSummary[]) => this.#merge(jobs, since),
      end: () => {
        this.#reads.delete(read);
        if (this.#reads.size === 0) this.#removed.clear();
      },
    };
    const since = this.#heard;
    this.#reads.add(read);
    return read;
  }

  /** A queue is not watched any more, or none has been: of the jobs held nothing will be told, or something was not. */
  removeJobs(queue: string | null): void {
    const isGone = (row: JobRow) => queue === null || row.queue === queue;
    const gone = this.#order.filter(isGone);
    if (gone.length === 0) return;
    this.#order = this.#order.filter((row) => !isGone(row));
    for (const row of gone) {
      this.#rows.delete(row.key);
      this.#observer.doubted(row, false);
    }
    this.#shown = null;
    this.#observer.changed();
  }

  #merge(jobs: readonly JobSummary[], since: number): void {
    const { isFull } = this;
    for (const job of jobs) {
      const key = jobTopic(job.queue, job.id);
      if ((this.#removed.get(key) ?? 0) > since) continue;
      const held = this.#rows.get(key);
      if (!held && isFull) continue;
      const row = held ?? new JobRow(job.queue, job.id, Date.parse(job.added_at ?? "") || 0);
      const wasShown = row.isShown;
      row.read(job, { isOlder: row.heardAt > since });
      this.#place(row, held !== undefined);
      this.#settle(row, wasShown);
    }
    if (this.size > this.maxRows + LET_GO_AT_ONCE) this.#letGo();
    this.#observer.changed();
  }

  #receiveGap(message: ServerMessage): void {
    for (const row of this.#order) if (row.receive(message)) this.#observer.doubted(row, true);
    this.#observer.changed();
  }

  /** Puts a row where it belongs: mostly last, as it is new, or where it is already. */
  #place(row: JobRow, isHeld: boolean): void {
    const addedAtMs = row.view.addedAt === null ? row.addedAtMs : Date.parse(row.view.addedAt);
    if (isHeld && addedAtMs === row.addedAtMs) return;
    if (isHeld) this.#order.splice(this.#indexOf(row), 1);
    row.addedAtMs = addedAtMs;
    this.#order.splice(this.#indexOf(row), 0, row);
    this.#rows.set(row.key, row);
    this.#shown = null;
  }

  #settle(row: JobRow, wasShown: boolean): void {
    row.isShown = this.#passes(row);
    if (row.isShown !== wasShown) this.#shown = null;
    if (!row.view.isStale) this.#observer.doubted(row, false);
    this.#observer.changed();
  }

  /** @param isGone whether the job is known not to be there any more. */
  #remove(row: JobRow, isGone: boolean): void {
    if (isGone && this.#reads.size > 0) this.#removed.set(row.key, this.#heard);
    if (!this.#rows.delete(row.key)) return;
    this.#order.splice(this.#indexOf(row), 1);
    if (row.isShown) this.#shown = null;
    this.#observer.doubted(row, false);
    this.#observer.changed();
  }

  /** Where a row is, or belongs. */
  #indexOf(row: JobRow): number {
    let [low, high] = [0, this.#order.length];
    const last = this.#order.at(-1);
    if (last && compareRows(last, row) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#order[middle];
      if (other && compareRows(other, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Lets rows go: those that are not shown first, then those that have ended, each the oldest first. */
  #letGo(): void {
    const kinds: ((row: JobRow) => boolean)[] = [
      ({ isShown, view }) => !isShown && isFinished(view),
      ({ isShown }) => !isShown,
      ({ view }) => isFinished(view),
      () => true,
    ];
    for (const isWanted of kinds) {
      let left = this.size - this.maxRows;
      if (left <= 0) break;
      this.#order = this.#order.filter((row) => {
        if (left <= 0 || !isWanted(row)) return true;
        left -= 1;
        this.#rows.delete(row.key);
        this.#observer.doubted(row, false);
        return false;
      });
    }
    this.#hasLetGo = true;
    this.#shown = null;
  }
}
