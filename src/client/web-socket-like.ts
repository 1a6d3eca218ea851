import { BullcastClientError } from "./bullcast-client-error.ts";

/** The part of a WebSocket that the client uses; those of browsers and of `ws` have it. */
export interface WebSocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

/**
 * The WebSocket to use: the one given, else that of the platform.
 *
 * @throws {BullcastClientError} `NO_WEB_SOCKET` when there is neither.
 */
export function findWebSocket(given: WebSocketConstructor | undefined): WebSocketConstructor {
  const found = given ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  if (found) return found;
  throw new BullcastClientError(
    "NO_WEB_SOCKET",
    'there is no WebSocket here: give one, for example `import { WebSocket } from "ws"` and `new BullcastClient({ url, WebSocket })`',
  );
}
