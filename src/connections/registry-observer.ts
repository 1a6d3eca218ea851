import type { Connection } from "./connection.ts";

/**
 * Hears who comes and goes. Either may happen in the middle of a publish, so MUST NOT publish before the turn of whoever
 * called is over: in a microtask it may.
 */
export interface RegistryObserver {
  /** Comes before anything is done to the connection: that may close it already. */
  opened(connection: Connection): void;
  /** The code is null when the socket closed without one of the server's. */
  closed(connection: Connection, code: number | null, reason: string): void;
}

/** For a manager nobody observes. */
export const NOBODY: RegistryObserver = { opened: () => undefined, closed: () => undefined };
