import type { Connection } from "./connection.ts";

/** How long `end()` waits for closing handshakes before it destroys the sockets. */
const GRACE_MS = 1000;

/** Connections no longer served whose sockets are not gone yet. */
export class ClosingConnections {
  readonly #connections = new Set<Connection>();
  #onAllGone: (() => void) | undefined;

  add(connection: Connection): void {
    this.#connections.add(connection);
  }

  /** The socket of one is gone. */
  delete(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onAllGone?.();
  }

  /** Resolves when all sockets are gone; those that are not in time are destroyed. */
  async end(): Promise<void> {
    if (this.#connections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GRACE_MS);
      this.#onAllGone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    for (const connection of this.#connections) connection.terminate();
  }
}
