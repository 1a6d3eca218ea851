import type { Topic } from "../protocol/topic.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frame.ts";

/** What the connections need to know of the past of the queues; the notifier knows it. */
export interface History {
  /**
   * The cursors of the queues that these topics cover, by queue name. MUST be those of the messages published so far,
   * so that nothing can come between asking and the next publish.
   */
  cursors(topics: Iterable<Topic>): Record<string, string>;
  /**
   * What brings a connection to the present before it is subscribed to these topics; null when there is nothing to
   * bring it, so that it can be subscribed at once.
   *
   * @throws {InvalidCursorError} when a cursor is forged or damaged.
   */
  catchUp(connection: Connection, topics: readonly Topic[], since: readonly string[] | null): CatchUp | null;
  /** Topics have found their first subscriber, or lost their last. */
  interestChanged(): void;
}

/**
 * Brings one connection to the present. Whoever drives it MUST call `next()` until it answers null, and in that same
 * turn subscribe the connection and call `joined()`: then nothing is missed and nothing comes twice.
 */
export interface CatchUp {
  /** Whether everything since the cursors handed back has been given. */
  readonly recovered: boolean;
  /** The next frame; `"unready"` when `prepare()` must come first; null when the present is reached. */
  next(): Frame | "unready" | null;
  /** Asks for what is to be sent next. Resolves when `next()` can go on; MUST NOT reject. */
  prepare(): Promise<void>;
  /** The connection is subscribed now. */
  joined(): void;
  /** The connection is gone, or is subscribed; once, whatever happened before. */
  close(): void;
}

/** For a manager without queues. */
export const NO_HISTORY: History = { cursors: () => ({}), catchUp: () => null, interestChanged: () => undefined };
