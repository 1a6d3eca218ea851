import type { Topic } from "../protocol/topic.ts";
import { jobTopic } from "../protocol/topic.ts";
import type { Clock } from "./clock.ts";
import type { JobView } from "./job-view.ts";
import type { JobWatch } from "./job-watches.ts";

/** How long after a gap, or after the last snapshot following it, no more are expected. */
const SETTLE_MS = 1000;
/** How long a stream of snapshots can put that off. */
const MAX_SETTLE_MS = 10_000;
/** Jobs asked for at a time. */
const MAX_ASKED = 50;

/** Which job. */
export type JobKey = Pick<JobView, "queue" | "id">;

/** What the refresher needs of its owner. */
export interface RefresherActions {
  /** Begins to watch a job, whose snapshot then comes; may throw when there is no room. */
  watch(job: JobKey): JobWatch;
  /** The jobs whose state may be out of date. */
  stale(): Iterable<JobKey>;
}

/**
 * After a gap asks, one by one, for the jobs that the snapshots following it have left out: one of them may have ended
 * unseen, and would otherwise be shown as active for ever.
 */
export class JobRefresher {
  readonly #actions: RefresherActions;
  readonly #clock: Clock;
  readonly #asked = new Map<Topic, JobWatch>();
  #gapAtMs: number | null = null;
  #cancel: (() => void) | null = null;

  constructor(actions: RefresherActions, clock: Clock) {
    this.#actions = actions;
    this.#clock = clock;
  }

  /** There was a gap: snapshots follow. */
  gap(): void {
    this.#gapAtMs ??= this.#clock.nowMs();
    this.#settle();
  }

  /** A snapshot came: others may follow. */
  snapshot(): void {
    if (this.#gapAtMs !== null) this.#settle();
  }

  /** A job is up to date, or is not of interest any more. */
  settled(queue: string, id: string): void {
    const topic = jobTopic(queue, id);
    const watch = this.#asked.get(topic);
    if (!watch) return;
    this.#asked.delete(topic);
    watch.close();
    if (this.#gapAtMs === null) this.#ask();
  }

  close(): void {
    this.#cancel?.();
    for (const watch of this.#asked.values()) watch.close();
    this.#asked.clear();
  }

  #settle(): void {
    const latestMs = (this.#gapAtMs ?? 0) + MAX_SETTLE_MS - this.#clock.nowMs();
    this.#cancel?.();
    this.#cancel = this.#clock.after(Math.max(0, Math.min(SETTLE_MS, latestMs)), () => {
      this.#gapAtMs = null;
      this.#ask();
    });
  }

  #ask(): void {
    if (this.#asked.size >= MAX_ASKED) return;
    for (const job of this.#actions.stale()) {
      const topic = jobTopic(job.queue, job.id);
      if (this.#asked.has(topic)) continue;
      try {
        this.#asked.set(topic, this.#actions.watch(job));
      } catch {
        // No room for topics: it is asked for when another has been answered, or after the next gap, and is shown as stale until then.
        return;
      }
      if (this.#asked.size >= MAX_ASKED) return;
    }
  }
}
