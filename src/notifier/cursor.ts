import { createHash } from "node:crypto";
import { InvalidCursorError } from "../errors.ts";
import type { Position } from "../sources/fact.ts";

/** What a cursor says. */
export interface DecodedCursor {
  /** Names the queue without saying its name. */
  queueTag: string;
  position: Position;
}

const STREAM_ID = "\\d{1,20}-\\d{1,20}";
const CURSOR = new RegExp(`^1:([0-9a-f]{12}):(${STREAM_ID}):(${STREAM_ID})$`);

/** A short name of a queue that tells nothing of its real one and is the same at every node. */
export function queueTag(prefix: string, queue: string): string {
  return createHash("sha256").update(`${prefix}\0${queue}`).digest("hex").slice(0, 12);
}

/** The opaque text of a position in one queue. */
export function encodeCursor(tag: string, { events, logs }: Position): string {
  return Buffer.from(`1:${tag}:${events}:${logs}`).toString("base64url");
}

/**
 * Reads a cursor that a client handed back.
 *
 * @throws {InvalidCursorError} when it has not the form of one.
 */
export function decodeCursor(cursor: string): DecodedCursor {
  const [, tag, events, logs] = CURSOR.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (!tag || !events || !logs) {
    throw new InvalidCursorError("since: expected a cursor as handed out in meta.cursor, given something else");
  }
  return { queueTag: tag, position: { events, logs } };
}
