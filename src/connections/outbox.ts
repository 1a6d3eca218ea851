import type { Frame } from "./frame.ts";

/** Bounds of one outbox. */
export interface OutboxLimits {
  /** Most frames held. */
  maxMessages: number;
  /** Most bytes held, counted as frame text. */
  maxBytes: number;
}

/** Frames taken off the front before the array is shortened; keeps `shift` at constant cost. */
const COMPACT_AFTER = 1024;

/** Messages accepted for a connection and not yet handed to its socket: a bounded first-in-first-out queue. */
export class Outbox {
  readonly #limits: OutboxLimits;
  #frames: Frame[] = [];
  #acceptedAt: number[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Messages held. */
  get messages(): number {
    return this.#frames.length - this.#head;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest held message was accepted, epoch ms; null when nothing is held. */
  get oldestAcceptedAt(): number | null {
    return this.#acceptedAt[this.#head] ?? null;
  }

  /**
   * Takes a frame in, or answers false when that would break a limit; nothing is taken then. An empty outbox takes any
   * frame: one that is larger than the limit could otherwise never be sent.
   */
  push(frame: Frame, now: number): boolean {
    const isOver = this.#bytes + frame.bytes.length > this.#limits.maxBytes;
    if (this.messages >= this.#limits.maxMessages || (isOver && this.messages > 0)) return false;
    this.#frames.push(frame);
    this.#acceptedAt.push(now);
    this.#bytes += frame.bytes.length;
    return true;
  }

  /** Takes the oldest frame out. */
  shift(): Frame | undefined {
    const frame = this.#frames[this.#head];
    if (!frame) return undefined;
    this.#head += 1;
    this.#bytes -= frame.bytes.length;
    if (this.#head === this.#frames.length) this.clear();
    else if (this.#head >= COMPACT_AFTER) {
      this.#frames = this.#frames.slice(this.#head);
      this.#acceptedAt = this.#acceptedAt.slice(this.#head);
      this.#head = 0;
    }
    return frame;
  }

  /** Drops everything; answers how many messages that were. */
  clear(): number {
    const dropped = this.messages;
    this.#frames = [];
    this.#acceptedAt = [];
    this.#head = 0;
    this.#bytes = 0;
    return dropped;
  }
}
