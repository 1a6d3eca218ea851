/** Jobs seen without a line after which a queue's jobs are taken not to log. */
const ENOUGH_SILENT_JOBS = 20;

/** What has been seen of the queues' jobs: whether they log, so that the lines of one that is gone may be missed. */
export class LogHabits {
  readonly #logging = new Set<string>();
  readonly #silentJobs = new Map<string, number>();

  /** Jobs of a queue were seen, some of them with lines. */
  note(queue: string, seen: { jobs: number; withLines: number }): void {
    if (seen.withLines > 0) this.#logging.add(queue);
    this.#silentJobs.set(queue, (this.#silentJobs.get(queue) ?? 0) + seen.jobs - seen.withLines);
  }

  forget(queue: string): void {
    this.#logging.delete(queue);
    this.#silentJobs.delete(queue);
  }

  /** Whether a job of the queue has been seen to log. */
  isLogging(queue: string): boolean {
    return this.#logging.has(queue);
  }

  /** Whether too few jobs of the queue have been seen to say that they do not log. */
  isUnknown(queue: string): boolean {
    return !this.isLogging(queue) && (this.#silentJobs.get(queue) ?? 0) < ENOUGH_SILENT_JOBS;
  }
}
