/** Close codes a client meets; `docs/PROTOCOL.md` says after which of them it should reconnect. */
export const CLOSE_CODE = {
  /** The server is shutting down; reconnect with your cursors. */
  goingAway: 1001,
  /** The server failed on this connection; reconnect. */
  internalError: 1011,
  /** The client broke the protocol; do not reconnect. */
  badMessage: 4400,
  /** No valid credentials; do not reconnect. */
  unauthenticated: 4401,
  /** Valid credentials, but not for this; do not reconnect. */
  forbidden: 4403,
  /** No sign of life for `heartbeatTimeout` seconds; reconnect. */
  heartbeatTimeout: 4408,
  /** A newer connection took this client id; do not reconnect. */
  replaced: 4409,
  /** Disconnected by an administrator; do not reconnect. */
  disconnected: 4410,
  /** A client message was too large; do not reconnect. */
  tooLarge: 4413,
  /** A slow consumer: its outbox is full; reconnect with your cursors. */
  slowConsumer: 4290,
} as const;
