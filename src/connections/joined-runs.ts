import type { Frame } from "./frame.ts";

interface Run {
  frames: readonly Frame[];
  bytes: Buffer;
}

/** Joins runs of frames to what is written at once; connections with the same run get the same bytes. */
export class JoinedRuns {
  /** By the last frame of the run, as connections with the same topics end with the same one. */
  readonly #runs = new Map<Frame, Run>();

  /** The bytes of these frames in a row; there must be one at least. */
  join(frames: readonly Frame[]): Buffer {
    const last = frames.at(-1) as Frame;
    if (frames.length === 1) return last.bytes;
    const known = this.#runs.get(last);
    if (known && isSame(known.frames, frames)) return known.bytes;
    const bytes = Buffer.concat(frames.map((frame) => frame.bytes));
    this.#runs.set(last, { frames, bytes });
    return bytes;
  }

  /** Forgets the runs, so that their bytes live no longer than their writes. */
  clear(): void {
    this.#runs.clear();
  }
}

function isSame(one: readonly Frame[], other: readonly Frame[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) if (one[index] !== other[index]) return false;
  return true;
}
