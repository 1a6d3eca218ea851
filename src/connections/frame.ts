import { InvalidMessageError } from "../errors.ts";
import { WebSocketMessage } from "../protocol/message.ts";

/** One message encoded once, shared by every connection it goes to; never changed after it is made. */
export interface Frame {
  readonly type: string;
  /** The whole WebSocket frame as it goes to the socket: header and text. */
  readonly bytes: Buffer;
  /** What a slow viewer may do without: a job's progress once there is newer, a line of a log; null for all else. */
  readonly expendable: "progress" | "line" | null;
  /** Whose progress or line it is. */
  readonly subject: string | null;
  /** When it was encoded, epoch ms. */
  readonly encodedAt: number;
}

/** Limits of the two shorter forms of a frame's header (RFC 6455, section 5.2). */
const MAX_LENGTH_IN_7_BITS = 125;
const MAX_LENGTH_IN_16_BITS = 0xffff;
const FINAL_TEXT_FRAME = 0x81;
const EMPTY_PING_FRAME = Buffer.from([0x89, 0]);

/**
 * Encodes a message as one WebSocket frame.
 *
 * @throws {InvalidMessageError} when content or meta hold what JSON cannot say (a cycle, a BigInt).
 */
export function encodeFrame(message: WebSocketMessage): Frame {
  let text: string;
  try {
    text = JSON.stringify(message);
  } catch (cause) {
    throw new InvalidMessageError(`message "${message.type}" cannot be written as JSON: ${String(cause)}`, { cause });
  }
  const expendable = expendableOf(message);
  const subject = expendable && subjectOf(message);
  return { type: message.type, bytes: withHeader(text), expendable, subject, encodedAt: Date.now() };
}

/**
 * The same, but a content that alone would fill a good part of an outbox, say a job's result of megabytes, is left out,
 * and `meta.omitted_bytes` says how large the frame would have been; null where JSON cannot say the content.
 *
 * @throws {InvalidMessageError} when it is not the content that JSON cannot say.
 */
export function encodeBounded(message: WebSocketMessage, maxBytes: number): Frame {
  let frame: Frame;
  try {
    frame = encodeFrame(message);
  } catch (error) {
    // For example a value nested too deeply to be written as JSON again: that it happened is told all the same.
    if (!(error instanceof InvalidMessageError) || message.content === null) throw error;
    const meta = { ...message.meta, omitted_bytes: null };
    return encodeFrame(new WebSocketMessage({ ...message, content: null, meta }));
  }
  if (frame.bytes.length <= maxBytes) return frame;
  const meta = { ...message.meta, omitted_bytes: frame.bytes.length };
  const bare = encodeFrame(new WebSocketMessage({ ...message, content: null, meta }));
  if (bare.bytes.length <= maxBytes) return bare;
  // The fields of a log call, then.
  return encodeFrame(new WebSocketMessage({ ...message, content: null, meta: { ...meta, data: undefined } }));
}

/** A frame followed by a protocol ping, so that both are one write. */
export function withPing(frame: Frame): Frame {
  return { ...frame, bytes: Buffer.concat([frame.bytes, EMPTY_PING_FRAME]) };
}

/** The JSON text of a frame. */
export function textOf({ bytes }: Frame): string {
  return bytes.toString("utf8", headerLengthOf(bytes));
}

function withHeader(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const headerLength = length <= MAX_LENGTH_IN_7_BITS ? 2 : length <= MAX_LENGTH_IN_16_BITS ? 4 : 10;
  const bytes = Buffer.allocUnsafe(headerLength + length);
  bytes[0] = FINAL_TEXT_FRAME;
  if (headerLength === 2) bytes[1] = length;
  else if (headerLength === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeBigUInt64BE(BigInt(length), 2);
  }
  // Text without a character beyond ASCII is copied as it is, which is faster.
  bytes.write(text, headerLength, length === text.length ? "latin1" : "utf8");
  return bytes;
}

function headerLengthOf(bytes: Buffer): number {
  const length = bytes[1] ?? 0;
  return length <= MAX_LENGTH_IN_7_BITS ? 2 : length === 126 ? 4 : 10;
}

function expendableOf({ type, content }: WebSocketMessage): Frame["expendable"] {
  if (type === "task_progress") return "progress";
  // A line without content is the mark of missing ones.
  return type === "logs" && content !== null ? "line" : null;
}

function subjectOf({ meta }: WebSocketMessage): string {
  return `${meta.channel ?? ""}:${meta.queue ?? ""}:${meta.task_id ?? ""}`;
}
