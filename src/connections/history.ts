import type { Topic } from "../protocol/topic.ts";

/** What the connections need to know of the past of the queues; the notifier knows it. */
export interface History {
  /**
   * The cursors of the queues that these topics cover, by queue name. MUST be those of the messages published so far,
   * so that nothing can come between asking and the next publish.
   */
  cursors(topics: Iterable<Topic>): Record<string, string>;
  /**
   * The names of the queues whose messages since these cursors cannot be given any more; null for a cursor of a queue
   * that is not attached (any more, or yet).
   *
   * @throws {InvalidCursorError} when a cursor is forged or damaged.
   */
  missedSince(cursors: readonly string[]): (string | null)[];
}

/** For a manager without queues. */
export const NO_HISTORY: History = { cursors: () => ({}), missedSince: () => [] };
