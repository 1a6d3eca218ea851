import type { Frame } from "./frame.ts";

/**
 * Frames in a row, waiting to be written at once. Runs are never changed: adding a frame makes a longer one, and whoever
 * adds the same frame to the same run gets the same longer one. So connections that are sent the same share one run,
 * however many they are, and its bytes are joined once for all of them.
 */
export class Run {
  /** The newest run of a single frame, and all runs that have a longer one, until the next `release()`. */
  static #first: Run | null = null;
  static #shorter: Run[] = [];

  /** Frames in it. */
  readonly length: number;
  /** Their bytes. */
  readonly size: number;
  readonly #before: Run | null;
  readonly #last: Frame;
  /** The run that was made of this one last; what is published goes to all connections before anything else is. */
  #longer: Run | null = null;
  #joined: Buffer | null = null;

  private constructor(before: Run | null, last: Frame) {
    this.#before = before;
    this.#last = last;
    this.length = (before?.length ?? 0) + 1;
    this.size = (before?.size ?? 0) + last.bytes.length;
  }

  /** The run of one frame. */
  static of(frame: Frame): Run {
    const known = Run.#first;
    if (known && known.#last === frame) return known;
    Run.#first = new Run(null, frame);
    return Run.#first;
  }

  /** A pass is over: a run keeps no longer ones from here on, nor its bytes, for which others may have waited. */
  static release(): void {
    Run.#first = null;
    for (const run of Run.#shorter) {
      run.#longer = null;
      run.#joined = null;
    }
    Run.#shorter = [];
  }

  /** This run and one more frame. */
  with(frame: Frame): Run {
    const known = this.#longer;
    if (known && known.#last === frame) return known;
    if (!known) Run.#shorter.push(this);
    this.#longer = new Run(this, frame);
    return this.#longer;
  }

  get frames(): Frame[] {
    const frames = new Array<Frame>(this.length);
    let run: Run | null = this;
    for (let index = this.length - 1; run; index -= 1, run = run.#before) frames[index] = run.#last;
    return frames;
  }

  get oldest(): Frame {
    let run: Run = this;
    while (run.#before) run = run.#before;
    return run.#last;
  }

  /** What is written. */
  get bytes(): Buffer {
    if (!this.#before) return this.#last.bytes;
    this.#joined ??= joinFrames(this.frames, this.size);
    return this.#joined;
  }
}

/** The bytes of frames in a row, of so many in all. */
export function joinFrames(frames: readonly Frame[], size: number): Buffer {
  const [only] = frames;
  if (only && frames.length === 1) return only.bytes;
  return Buffer.concat(
    frames.map(({ bytes }) => bytes),
    size,
  );
}
