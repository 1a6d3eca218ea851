/** Detached queues of which it is remembered when that was. */
const MAX_QUEUES = 1000;

/** Since when nothing has been told of queues that were detached, epoch ms; of the last 1,000. */
export class Absences {
  readonly #sinceMs = new Map<string, number>();

  note(queue: string, sinceMs: number): void {
    this.#sinceMs.set(queue, sinceMs);
    const [oldest] = this.#sinceMs.keys();
    if (this.#sinceMs.size > MAX_QUEUES && oldest !== undefined) this.#sinceMs.delete(oldest);
  }

  /** Undefined where the queue was never absent. */
  get(queue: string): number | undefined {
    return this.#sinceMs.get(queue);
  }

  /** It is told of again. */
  delete(queue: string): void {
    this.#sinceMs.delete(queue);
  }
}
