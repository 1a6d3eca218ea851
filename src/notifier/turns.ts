/** How long work may go on before other work, such as heartbeats and requests, gets its turn. */
const TURN_MS = 10;
/** Bytes made meanwhile after which sockets are to take them; what is written at once to each. */
const TURN_BYTES = 256 * 1024;

/** Divides long work into turns of the event loop. */
export class Turns {
  #startedAt = performance.now();
  #bytes = 0;

  /** Counts what was done in this turn; whether it is over. */
  isOver(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes > TURN_BYTES || performance.now() - this.#startedAt > TURN_MS;
  }

  /** Resolves in a turn of its own. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#startedAt = performance.now();
    this.#bytes = 0;
  }
}
