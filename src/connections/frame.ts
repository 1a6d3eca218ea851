import { InvalidMessageError } from "../errors.ts";
import { WebSocketMessage } from "../protocol/message.ts";

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

/**
 * The same, but a content that alone would fill a good part of an outbox, say a job's result of megabytes, is left out,
 * and `meta.omitted_bytes` says how large the frame would have been.
 */
export function encodeBounded(message: WebSocketMessage, maxBytes: number): Frame {
  const frame = encodeFrame(message);
  if (frame.bytes.length <= maxBytes) return frame;
  const meta = { ...message.meta, omitted_bytes: frame.bytes.length };
  return encodeFrame(new WebSocketMessage({ ...message, content: null, meta }));
}
