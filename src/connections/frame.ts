import { InvalidMessageError } from "../errors.ts";
import type { WebSocketMessage } from "../protocol/message.ts";

/** One message encoded once, shared by every connection it goes to; never changed after it is made. */
export interface Frame {
  readonly type: string;
  /** The text of the WebSocket frame, UTF-8. */
  readonly bytes: Buffer;
}

/**
 * Encodes a message as the text of one frame.
 *
 * @throws {InvalidMessageError} when content or meta hold what JSON cannot say (a cycle, a BigInt).
 */
export function encodeFrame(message: WebSocketMessage): Frame {
  try {
    return { type: message.type, bytes: Buffer.from(JSON.stringify(message)) };
  } catch (cause) {
    throw new InvalidMessageError(`message "${message.type}" cannot be written as JSON: ${String(cause)}`, { cause });
  }
}
