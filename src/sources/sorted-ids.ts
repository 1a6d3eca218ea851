import type { StreamId } from "./fact.ts";
import { millisecondsOf } from "./fact.ts";

/** A set of stream ids in 16 bytes each; as strings they would take five times that. */
export class SortedIds {
  readonly #milliseconds: Float64Array;
  readonly #sequences: Float64Array;

  /** `ids` from the oldest to the newest. */
  constructor(ids: readonly StreamId[]) {
    this.#milliseconds = Float64Array.from(ids, millisecondsOf);
    this.#sequences = Float64Array.from(ids, sequenceOf);
  }

  has(id: StreamId): boolean {
    const [milliseconds, sequence] = [millisecondsOf(id), sequenceOf(id)];
    let [low, high] = [0, this.#milliseconds.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#millisecondsAt(middle) - milliseconds || this.#sequenceAt(middle) - sequence;
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  #millisecondsAt(index: number): number {
    return this.#milliseconds[index] as number;
  }

  #sequenceAt(index: number): number {
    return this.#sequences[index] as number;
  }
}

function sequenceOf(id: StreamId): number {
  return Number(id.slice(id.indexOf("-") + 1));
}
