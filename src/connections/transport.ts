/**
 * What a connection needs of a socket. `ConnectionManager` runs on anything that keeps these rules.
 *
 * Whoever implements it MUST call the connection's `drained()` each time `isFull` turns false, and `ConnectionManager.remove()` exactly once when the socket is closed, for whatever
 * reason. No method may throw, also not on a socket that is closing or closed.
 */
export interface Transport {
  /** Whether the socket has more to write than it should hold; what is to be sent waits in the outbox then. */
  readonly isFull: boolean;
  /** Writes whole WebSocket frames. MUST NOT keep or change `bytes`: they are shared with other connections. */
  send(bytes: Buffer): void;
  /** Begins the closing handshake. */
  close(code: number, reason: string): void;
  /** Destroys the socket at once. */
  terminate(): void;
}
