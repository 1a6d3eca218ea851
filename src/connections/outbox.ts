import type { OutboxLosses } from "./backlog.ts";
import { Backlog } from "./backlog.ts";
import type { Frame } from "./frame.ts";
import { joinFrames, Run } from "./run.ts";

/** Bounds of one outbox. */
export interface OutboxLimits {
  /** Most frames held. */
  maxMessages: number;
  /** Most bytes held, counted as frames. */
  maxBytes: number;
}

/** What waits in an outbox, or in several. */
export interface OutboxSize {
  messages: number;
  bytes: number;
}

/** What waits in the backlogs of all outboxes together. */
export interface BacklogTotal {
  /** Bytes, counted for each outbox, although frames are shared. */
  bytes: number;
  /** Most bytes; above, the connection furthest behind is to be closed. */
  readonly maxBytes: number;
}

/** Messages in an outbox from which on the loss rules hold: enough that a healthy viewer never comes near. */
export const HIGH_WATER_MARK = 1000;

/** Part of the bytes an outbox may hold from which on it is a backlog, if the socket takes no more. */
const HIGH_WATER_SHARE = 1 / 4;

const EMPTY = Buffer.alloc(0);

/**
 * Messages accepted for a connection and not yet handed to its socket, bounded. What waits for a healthy viewer is a run
 * that it shares with others; above the high-water mark it becomes a backlog of the connection's own, until it is empty.
 */
export class Outbox {
  /** What the loss rules have taken out of it. */
  readonly losses: OutboxLosses = { dropped: 0, conflated: 0 };
  readonly #limits: OutboxLimits;
  readonly #totalLosses: OutboxLosses;
  readonly #total: BacklogTotal;
  #run: Run | null = null;
  #backlog: Backlog | null = null;

  /** `totalLosses` and `total` are those of all outboxes. */
  constructor(limits: OutboxLimits, totalLosses: OutboxLosses, total: BacklogTotal) {
    this.#limits = limits;
    this.#totalLosses = totalLosses;
    this.#total = total;
  }

  /** Messages held. */
  get messages(): number {
    return this.#run?.length ?? this.#backlog?.messages ?? 0;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#run?.size ?? this.#backlog?.bytes ?? 0;
  }

  /** Those of them that count towards the total. */
  get backlogBytes(): number {
    return this.#backlog?.bytes ?? 0;
  }

  /** Whether a good part of what may wait does. */
  get isHalfFull(): boolean {
    return this.messages * 2 >= this.#limits.maxMessages || this.bytes * 2 >= this.#limits.maxBytes;
  }

  /** When the oldest held message was made, epoch ms; null when nothing is held. */
  get oldestMadeAt(): number | null {
    return this.#run?.oldest.encodedAt ?? this.#backlog?.oldestMadeAt ?? null;
  }

  /** Takes a frame in; false when that needs a look at the socket first, as so much waits already. */
  push(frame: Frame): boolean {
    const run = this.#run;
    if (run) {
      const { maxMessages, maxBytes } = this.#limits;
      if (run.length >= Math.min(HIGH_WATER_MARK, maxMessages)) return false;
      if (run.size + frame.bytes.length > maxBytes * HIGH_WATER_SHARE) return false;
      this.#run = run.with(frame);
      return true;
    }
    if (this.#backlog) return false;
    // Also one that is larger than the limit: it could otherwise never be sent.
    this.#run = Run.of(frame);
    return true;
  }

  /**
   * The same for a connection whose socket has taken all it can: above the high-water mark the loss rules make room.
   * False when a limit would be broken all the same; nothing is taken then.
   */
  pushBehind(frame: Frame): boolean {
    const backlog = this.#backlog ?? (this.#run && this.#fallBehind(this.#run));
    if (!backlog) return this.push(frame);
    const { maxMessages, maxBytes } = this.#limits;
    const bytesBefore = backlog.bytes;
    if (backlog.messages >= HIGH_WATER_MARK) backlog.makeRoom(frame, maxBytes);
    const fits = backlog.messages < maxMessages && backlog.bytes + frame.bytes.length <= maxBytes;
    if (fits) backlog.push(frame);
    this.#total.bytes += backlog.bytes - bytesBefore;
    return fits;
  }

  /** Takes the oldest messages out and answers their bytes, at most so many, but one message at least. */
  take(maxBytes: number): Buffer {
    const run = this.#run;
    if (run && run.size <= maxBytes) {
      this.#run = null;
      return run.bytes;
    }
    const backlog = this.#backlog ?? (run && this.#fallBehind(run));
    if (!backlog) return EMPTY;
    const bytesBefore = backlog.bytes;
    const { frames, size } = backlog.take(maxBytes);
    this.#total.bytes += backlog.bytes - bytesBefore;
    if (backlog.messages === 0) this.#backlog = null;
    return joinFrames(frames, size);
  }

  /** Drops everything; answers how many messages that were. */
  clear(): number {
    const dropped = this.messages;
    this.#total.bytes -= this.#backlog?.bytes ?? 0;
    this.#run = null;
    this.#backlog = null;
    return dropped;
  }

  #fallBehind(run: Run): Backlog {
    this.#run = null;
    this.#backlog = new Backlog(run.frames, run.size, [this.losses, this.#totalLosses]);
    this.#total.bytes += run.size;
    return this.#backlog;
  }
}
