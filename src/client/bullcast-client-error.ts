/** What went wrong; stable across versions. */
export type ClientErrorCode =
  /** There is no `WebSocket` here and none was given. */
  | "NO_WEB_SOCKET"
  /** The URL, the client id or a delay cannot be used. */
  | "INVALID_OPTIONS"
  /** A topic, queue name or job id cannot be used. */
  | "INVALID_TOPIC"
  /** The server takes no more topics on one connection. */
  | "TOO_MANY_TOPICS"
  /** The message is too large, or of a type that is not the application's. */
  | "INVALID_MESSAGE"
  /** There is no connection to send on. */
  | "NOT_OPEN"
  /** The connection could not be made; the client goes on trying. */
  | "CONNECT_FAILED"
  /** The server closed the connection for a reason that trying again does not mend; see `closeCode` and `reason`. */
  | "REFUSED"
  /** The server answered with an `error` message; see `serverCode`. */
  | "SERVER_ERROR"
  /** The server sent something that is no message. */
  | "UNREADABLE"
  /** What was waited for was given up: unsubscribed, or the client or the watch was closed. */
  | "CLOSED";

/** Facts about an error that only some have. */
export interface ClientErrorDetails {
  closeCode?: number;
  reason?: string;
  serverCode?: string;
  cause?: unknown;
}

/** Every error of the client; `code` tells which. */
export class BullcastClientError extends Error {
  readonly code: ClientErrorCode;
  /** The WebSocket close code; null when the connection was not closed. */
  readonly closeCode: number | null;
  /** The close reason or the server's words; null when there are none. */
  readonly reason: string | null;
  /** The code within the server's `error` message, for example `bad_message`; null when it is no such error. */
  readonly serverCode: string | null;

  constructor(code: ClientErrorCode, message: string, details: ClientErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "BullcastClientError";
    this.code = code;
    this.closeCode = details.closeCode ?? null;
    this.reason = details.reason ?? null;
    this.serverCode = details.serverCode ?? null;
  }
}
