import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Transport } from "../connections/transport.ts";

/** A WebSocket close reason holds at most this many bytes (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;

/** A `ws` socket as the connections see it. */
export class WsTransport implements Transport {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;

  /** `socket` is the one the WebSocket was upgraded on: it says when it has more to write than it should. */
  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Past the `ws` sender, whose frames go to the socket in the turn in which they are sent, so that none is split. */
  send(bytes: Buffer): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#socket.write(bytes);
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, fitReason(reason));
  }

  terminate(): void {
    this.#webSocket.terminate();
  }
}

/** Cuts a close reason to what a close frame holds, between characters. */
export function fitReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_REASON_BYTES) return reason;
  let end = MAX_REASON_BYTES - 3;
  // Bytes 10xxxxxx continue a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${bytes.toString("utf8", 0, end)}...`;
}
