import { WebSocketMessage } from "../protocol/message.ts";
import type { Frame } from "./frame.ts";
import { encodeFrame, textOf } from "./frame.ts";

/** Bounds of one outbox. */
export interface OutboxLimits {
  /** Most frames held. */
  maxMessages: number;
  /** Most bytes held, counted as frames. */
  maxBytes: number;
}

/** Counts what the loss rules have taken out of outboxes. */
export interface OutboxLosses {
  /** Lines dropped. */
  dropped: number;
  /** Progress messages taken out for newer ones. */
  conflated: number;
}

/** Messages in an outbox from which on the loss rules hold: enough that a healthy viewer never comes near. */
export const HIGH_WATER_MARK = 1000;

/** What a marker of missing lines takes, about. */
const MARKER_BYTES = 256;

/** Stands where lines were dropped, until it is sent. */
interface Marker {
  /** One of the dropped lines: it says whose they were. */
  line: Frame;
  dropped: number;
}

type Slot = Frame | Marker | null;

const EMPTY: Slot[] = [];

/**
 * Messages accepted for a connection and not yet handed to its socket: a bounded queue that is emptied in runs. Above
 * the high-water mark an unsent progress message goes when there is a newer one of its job, and lines of logs go, the
 * oldest first, leaving one counted marker for each job where the first of them was. Everything else is kept.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  readonly #losses: OutboxLosses;
  #slots: Slot[] = EMPTY;
  /** The number of the first slot; numbers stay when slots before them are taken. */
  #first = 0;
  #messages = 0;
  #bytes = 0;
  #relief: Relief | null = null;

  constructor(limits: OutboxLimits, losses: OutboxLosses) {
    this.#limits = limits;
    this.#losses = losses;
  }

  /** Messages held. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest held message was made, epoch ms; null when nothing is held. */
  get oldestMadeAt(): number | null {
    if (this.#messages === 0) return null;
    const oldest = this.#slots.find((slot) => slot !== null);
    return oldest ? (isMarker(oldest) ? oldest.line : oldest).encodedAt : null;
  }

  /**
   * Takes a frame in, or answers false when that would break a limit although the loss rules have done what they can;
   * nothing is taken then. An empty outbox takes any frame: one that is larger than the limit could otherwise never be
   * sent.
   */
  push(frame: Frame): boolean {
    const { length } = frame.bytes;
    if (this.#messages >= HIGH_WATER_MARK) this.#relieve(frame);
    if (this.#messages > 0) {
      if (this.#messages >= this.#limits.maxMessages) return false;
      if (this.#bytes + length > this.#limits.maxBytes) return false;
    }
    if (this.#slots === EMPTY) this.#slots = [frame];
    else this.#slots.push(frame);
    this.#messages += 1;
    this.#bytes += length;
    if (this.#relief && frame.expendable === "progress") this.#relief.progress.set(frame.subject, this.#end - 1);
    return true;
  }

  /** Takes the oldest frames out, at most so many bytes of them, but one at least. */
  takeRun(maxBytes: number): Frame[] {
    if (this.#relief === null && this.#bytes <= maxBytes) {
      // Without losses there are neither markers nor empty slots.
      const run = this.#slots as Frame[];
      this.clear();
      return run;
    }
    const run: Frame[] = [];
    let bytes = 0;
    let taken = 0;
    for (const slot of this.#slots) {
      if (slot !== null) {
        const size = sizeOf(slot);
        if (run.length > 0 && bytes + size > maxBytes) break;
        bytes += size;
        run.push(isMarker(slot) ? markerFrame(slot) : slot);
        if (isMarker(slot)) this.#relief?.markers.delete(slot.line.subject);
      }
      taken += 1;
    }
    this.#messages -= run.length;
    this.#bytes -= bytes;
    if (this.#messages === 0) this.clear();
    else {
      this.#slots = this.#slots.slice(taken);
      this.#first += taken;
    }
    return run;
  }

  /** Drops everything; answers how many messages that were. */
  clear(): number {
    const dropped = this.#messages;
    this.#slots = EMPTY;
    this.#first = 0;
    this.#messages = 0;
    this.#bytes = 0;
    this.#relief = null;
    return dropped;
  }

  get #end(): number {
    return this.#first + this.#slots.length;
  }

  /** Makes room for one frame, as far as what is held may be lost. */
  #relieve(frame: Frame): void {
    this.#relief ??= newRelief(this.#slots, this.#first);
    const older = frame.expendable === "progress" ? this.#relief.progress.get(frame.subject) : undefined;
    if (older !== undefined && older >= this.#first) {
      this.#empty(older);
      this.#losses.conflated += 1;
    } else this.#dropLine();
    while (this.#bytes + frame.bytes.length > this.#limits.maxBytes && this.#dropLine());
  }

  /** Drops the oldest line; false when there is none. */
  #dropLine(): boolean {
    const relief = this.#relief;
    if (!relief) return false;
    relief.nextLine = Math.max(relief.nextLine, this.#first);
    for (; relief.nextLine < this.#end; relief.nextLine += 1) {
      const slot = this.#slots[relief.nextLine - this.#first];
      if (!slot || isMarker(slot) || slot.expendable !== "line") continue;
      const marker = relief.markers.get(slot.subject);
      this.#losses.dropped += 1;
      if (marker) {
        marker.dropped += 1;
        this.#empty(relief.nextLine);
      } else {
        const first = { line: slot, dropped: 1 };
        relief.markers.set(slot.subject, first);
        this.#slots[relief.nextLine - this.#first] = first;
        this.#bytes += MARKER_BYTES - slot.bytes.length;
      }
      return true;
    }
    return false;
  }

  #empty(number: number): void {
    const slot = this.#slots[number - this.#first];
    if (!slot) return;
    this.#slots[number - this.#first] = null;
    this.#messages -= 1;
    this.#bytes -= sizeOf(slot);
  }
}

/** What the loss rules need to know of an outbox above its high-water mark, until it is empty again. */
interface Relief {
  /** The number of the newest progress message of each job. */
  progress: Map<string | null, number>;
  /** Unsent markers by whose lines they stand for. */
  markers: Map<string | null, Marker>;
  /** The number from which on there may be lines. */
  nextLine: number;
}

function newRelief(slots: readonly Slot[], first: number): Relief {
  const progress = new Map<string | null, number>();
  for (const [index, slot] of slots.entries()) {
    if (slot && !isMarker(slot) && slot.expendable === "progress") progress.set(slot.subject, first + index);
  }
  return { progress, markers: new Map(), nextLine: first };
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
