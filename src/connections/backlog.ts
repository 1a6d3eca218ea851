import { WebSocketMessage } from "../protocol/message.ts";
import type { Frame } from "./frame.ts";
import { encodeFrame, textOf } from "./frame.ts";

/** Counts what the loss rules have taken out of outboxes. */
export interface OutboxLosses {
  /** Lines dropped. */
  dropped: number;
  /** Progress messages taken out for newer ones. */
  conflated: number;
}

/** What a marker of missing lines takes, about. */
const MARKER_BYTES = 256;

/** Emptied slots from which on they are left out. */
const COMPACT_AFTER = 1024;

/** Stands where lines were dropped, until it is sent. */
interface Marker {
  /** One of the dropped lines: it says whose they were. */
  line: Frame;
  dropped: number;
}

type Slot = Frame | Marker | null;

/**
 * What waits for a connection that does not keep up. Making room takes out an unsent progress message for which there is
 * a newer one of its job, or the oldest line of a log; for each job one counted marker stands where its first missing
 * line was. Everything else is kept.
 */
export class Backlog {
  /** Wherever they are counted. */
  readonly #losses: readonly OutboxLosses[];
  #slots: Slot[];
  /** The number of the first slot; numbers stay when slots before them are taken. */
  #first = 0;
  #messages: number;
  #bytes: number;
  /** The number of the newest progress message of each job. */
  readonly #progress = new Map<string | null, number>();
  /** Unsent markers by whose lines they stand for. */
  readonly #markers = new Map<string | null, Marker>();
  /** The number from which on there may be lines. */
  #nextLine = 0;

  constructor(frames: Frame[], bytes: number, losses: readonly OutboxLosses[]) {
    this.#slots = frames;
    this.#messages = frames.length;
    this.#bytes = bytes;
    this.#losses = losses;
    for (const [number, { expendable, subject }] of frames.entries()) {
      if (expendable === "progress") this.#progress.set(subject, number);
    }
  }

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest message was made, epoch ms; null when there is none. */
  get oldestMadeAt(): number | null {
    const oldest = this.#slots.find((slot) => slot !== null);
    return oldest ? (isMarker(oldest) ? oldest.line : oldest).encodedAt : null;
  }

  push(frame: Frame): void {
    if (this.#slots.length > 2 * this.#messages + COMPACT_AFTER) this.#compact();
    this.#slots.push(frame);
    this.#messages += 1;
    this.#bytes += frame.bytes.length;
    if (frame.expendable === "progress") this.#progress.set(frame.subject, this.#end - 1);
  }

  /** Makes room for one frame and so many bytes in all, as far as what is held may be lost. */
  makeRoom(frame: Frame, maxBytes: number): void {
    const older = frame.expendable === "progress" ? this.#progress.get(frame.subject) : undefined;
    if (older !== undefined && older >= this.#first) {
      this.#empty(older);
      for (const losses of this.#losses) losses.conflated += 1;
    } else this.#dropLine();
    while (this.#bytes + frame.bytes.length > maxBytes && this.#dropLine());
  }

  /** Takes the oldest frames out, at most so many bytes of them, but one at least. */
  take(maxBytes: number): { frames: Frame[]; size: number } {
    const frames: Frame[] = [];
    let size = 0;
    let taken = 0;
    for (const slot of this.#slots) {
      if (slot !== null) {
        const frame = isMarker(slot) ? markerFrame(slot) : slot;
        if (frames.length > 0 && size + frame.bytes.length > maxBytes) break;
        if (isMarker(slot)) this.#markers.delete(slot.line.subject);
        else if (this.#progress.get(slot.subject) === this.#first + taken) this.#progress.delete(slot.subject);
        size += frame.bytes.length;
        frames.push(frame);
        this.#messages -= 1;
        this.#bytes -= sizeOf(slot);
      }
      taken += 1;
    }
    this.#slots = this.#slots.slice(taken);
    this.#first += taken;
    return { frames, size };
  }

  get #end(): number {
    return this.#first + this.#slots.length;
  }

  /** Drops the oldest line; false when there is none. */
  #dropLine(): boolean {
    this.#nextLine = Math.max(this.#nextLine, this.#first);
    for (; this.#nextLine < this.#end; this.#nextLine += 1) {
      const slot = this.#slots[this.#nextLine - this.#first];
      if (!slot || isMarker(slot) || slot.expendable !== "line") continue;
      for (const losses of this.#losses) losses.dropped += 1;
      const marker = this.#markers.get(slot.subject);
      if (marker) {
        marker.dropped += 1;
        this.#empty(this.#nextLine);
      } else {
        const first = { line: slot, dropped: 1 };
        this.#markers.set(slot.subject, first);
        this.#slots[this.#nextLine - this.#first] = first;
        this.#bytes += MARKER_BYTES - slot.bytes.length;
      }
      return true;
    }
    return false;
  }

  /** Leaves out what has been emptied; what is left is numbered anew. */
  #compact(): void {
    this.#first = this.#end;
    this.#slots = this.#slots.filter((slot) => slot !== null);
    this.#progress.clear();
    for (const [index, slot] of this.#slots.entries()) {
      if (slot && !isMarker(slot) && slot.expendable === "progress")
        this.#progress.set(slot.subject, this.#first + index);
    }
  }

  #empty(number: number): void {
    const slot = this.#slots[number - this.#first];
    if (!slot) return;
    this.#slots[number - this.#first] = null;
    this.#messages -= 1;
    this.#bytes -= sizeOf(slot);
  }
}

function isMarker(slot: Frame | Marker): slot is Marker {
  return "line" in slot;
}

function sizeOf(slot: Frame | Marker): number {
  return isMarker(slot) ? MARKER_BYTES : slot.bytes.length;
}

/** The message in place of dropped lines. It has no cursor: those around it have. */
function markerFrame({ line, dropped }: Marker): Frame {
  const { meta, timestamp } = JSON.parse(textOf(line)) as WebSocketMessage;
  const { queue, task_id, name, attempt, channel } = meta;
  const origin = { queue, task_id, name, attempt, channel, level: null, logged_at: null };
  return encodeFrame(new WebSocketMessage({ type: "logs", content: null, meta: { ...origin, dropped }, timestamp }));
}
