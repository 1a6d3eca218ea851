import { parseTopic } from "../protocol/topic.ts";
import type { JobKey } from "../sources/job-key.ts";
import { jobKeyOf, keyOf } from "../sources/job-key.ts";
import type { NotifierContext } from "./context.ts";
import { topicsOf } from "./messages.ts";

/** Changes within this time are taken together, ms; with very many topics longer, so that choosing stays a small part. */
const SETTLE_MS = 5;
const SHARE = 20;

/** Chooses whose logs are followed: jobs at work that are watched by their ids first, then those of viewed queues. */
export class LogTails {
  readonly #context: NotifierContext;
  /** Most jobs followed at a time. */
  readonly #maxTailedJobs: number;
  /** Queues that somebody watches, whose jobs at work are known. */
  readonly #known = new Set<string>();
  /** The tracker's count at the last choice. */
  #activity = 0;
  #settleMs = SETTLE_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(context: NotifierContext, maxTailedJobs: number) {
    this.#context = context;
    this.#maxTailedJobs = maxTailedJobs;
  }

  /** Jobs have begun or ended, or somebody watches other topics: the choice is made anew in a moment. */
  changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const startedAt = performance.now();
      this.#choose();
      this.#settleMs = Math.max(SETTLE_MS, SHARE * (performance.now() - startedAt));
    }, this.#settleMs).unref();
  }

  /** Facts were told: most change nothing of the choice. */
  told(): void {
    if (this.#context.tracker.activity !== this.#activity) this.changed();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #choose(): void {
    const { manager, tracker, reader, histories } = this.#context;
    this.#activity = tracker.activity;
    const byId = new Set<string>();
    const watchedQueues = new Set<string>();
    for (const topic of manager.topics()) {
      const parsed = parseTopic(topic);
      if (parsed?.kind === "job") byId.add(keyOf({ queue: parsed.queue, jobId: parsed.id }));
      if (parsed?.kind === "queue" || parsed?.kind === "job") watchedQueues.add(parsed.queue);
    }
    for (const queue of histories.keys()) {
      if (manager.isWatched(topicsOf(queue, null))) watchedQueues.add(queue);
    }
    if (this.#maxTailedJobs > 0) void this.#meet(watchedQueues);
    const chosen: JobKey[] = [];
    for (const wantsById of [true, false]) {
      for (const key of tracker.active) {
        if (chosen.length >= this.#maxTailedJobs) break;
        const job = jobKeyOf(key);
        if (byId.has(key) !== wantsById || tracker.get(key)?.hasLogStream) continue;
        if (wantsById || manager.isWatched(topicsOf(job.queue, null))) chosen.push(job);
      }
    }
    reader.tail(chosen);
  }

  /** Asks which jobs are at work in queues that have found their first viewer: they may have begun long ago. */
  async #meet(watchedQueues: ReadonlySet<string>): Promise<void> {
    for (const queue of this.#known) if (!watchedQueues.has(queue)) this.#known.delete(queue);
    const { tracker, reader, histories, logger } = this.#context;
    const met = [...watchedQueues].filter((queue) => histories.has(queue) && !this.#known.has(queue));
    for (const queue of met) this.#known.add(queue);
    await Promise.all(
      met.map(async (queue) => {
        try {
          await reader.lookForLogs(queue);
          for (const jobId of (await reader.jobsSince(queue, reader.now())).ids) {
            const phase = tracker.get(keyOf({ queue, jobId }))?.phase ?? "unknown";
            if (phase !== "unknown") continue;
            tracker.learn({ queue, jobId }, { phase: "active", name: null, attemptsMade: null, atMs: 0 });
            this.changed();
          }
        } catch (error) {
          this.#known.delete(queue);
          logger.debug({ queue, reason: String(error) }, "jobs at work not found");
        }
      }),
    );
  }
}
