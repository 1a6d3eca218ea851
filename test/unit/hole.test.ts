import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_SEQUENCE } from "../../src/sources/fact.ts";
import type { ReadMark, StreamState } from "../../src/sources/hole.ts";
import { findHole } from "../../src/sources/hole.ts";

const idOf = (number: number) => `${number}-0`;
const mark = (number: number, fields: Partial<ReadMark> = {}): ReadMark => ({
  id: idOf(number),
  isEntry: true,
  added: number,
  ...fields,
});
/** A stream that has the entries from one number to another, all that was ever added being counted. */
const holding = (first: number, last: number, fields: Partial<StreamState> = {}): StreamState => ({
  exists: true,
  length: last - first + 1,
  firstId: first > last ? null : idOf(first),
  lastId: idOf(last),
  added: last,
  ...fields,
});
const GONE: StreamState = { exists: false, length: 0, firstId: null, lastId: "0-0", added: 0 };
/** Where reading begins when entries came between a queue's being attached and its stream's being found. */
const MIDDLE: ReadMark = { id: `5-${MAX_SEQUENCE}`, isEntry: false, added: null };
const reads = (...numbers: number[]) => numbers.map(idOf);

describe("no hole is found", () => {
  it.each([
    { when: "the entry read last is still there", from: mark(5), read: [6], hasEntry: true, state: holding(3, 6) },
    { when: "there was never a stream", from: mark(0, { isEntry: false }), read: [], hasEntry: false, state: GONE },
    {
      when: "exactly the entry read last was trimmed, and the count shows it",
      from: mark(5),
      read: [6, 7],
      hasEntry: false,
      state: holding(6, 7),
    },
    {
      when: "what was read has been trimmed since",
      from: mark(5),
      read: [6, 7, 8],
      hasEntry: false,
      state: holding(8, 9),
    },
    { when: "all there was has been read and trimmed", from: mark(5), read: [], hasEntry: false, state: holding(6, 5) },
    {
      when: "all that was read now has been trimmed since",
      from: mark(5),
      read: [6, 7],
      hasEntry: false,
      state: holding(8, 7),
    },
    {
      when: "reading began before the stream's first entry, and none has ever been trimmed",
      from: MIDDLE,
      read: [9, 10],
      hasEntry: false,
      state: holding(9, 10, { added: 2 }),
    },
    {
      when: "reading began where no entry was, and older ones stand",
      from: mark(5, { isEntry: false }),
      read: [],
      hasEntry: false,
      state: holding(3, 4, { lastId: idOf(9) }),
    },
  ])("when $when", ({ from, read, hasEntry, state }) => {
    expect(findHole(from, reads(...read), hasEntry, state)).toBeNull();
  });
});

describe("a hole is found", () => {
  it.each([
    {
      when: "entries were trimmed before they were read",
      from: mark(5),
      read: [9, 10],
      state: holding(9, 10),
      hole: { missed: 3, mark: mark(5, { added: 8 }) },
    },
    {
      when: "reading began where no entry was, but the count says that some came and went",
      from: mark(5, { isEntry: false }),
      read: [],
      state: holding(9, 10),
      hole: { missed: 3, mark: mark(5, { isEntry: false, added: 8 }) },
    },
    {
      when: "all there was is gone",
      from: mark(5),
      read: [],
      state: holding(9, 8),
      hole: { missed: 3, mark: mark(5, { added: 8 }) },
    },
    {
      when: "reading began in the middle of entries, the first of which may be gone",
      from: MIDDLE,
      read: [9],
      state: holding(9, 9),
      hole: { missed: null, mark: { ...MIDDLE, added: 8 } },
    },
    {
      when: "the server counts nothing and the entry read last is gone",
      from: mark(5, { added: null }),
      read: [9],
      state: holding(9, 9, { added: null }),
      hole: { missed: null, mark: mark(5, { isEntry: false, added: null }) },
    },
    {
      when: "the newest entries are lost and none has come since",
      from: mark(8),
      read: [],
      state: holding(1, 5),
      hole: { missed: null, mark: { id: idOf(5), isEntry: false, added: 5 } },
    },
    {
      when: "the newest entries are lost and others have come since",
      from: mark(8),
      read: [9],
      state: holding(1, 9, { length: 6, added: 6 }),
      hole: { missed: null, mark: mark(8, { isEntry: false, added: null }) },
    },
    {
      when: "the stream was deleted",
      from: mark(8),
      read: [],
      state: GONE,
      hole: { missed: null, mark: { id: "0-0", isEntry: false, added: 0 } },
    },
    {
      when: "the stream was deleted and made anew",
      from: mark(8),
      read: [9],
      state: holding(9, 9, { added: 1 }),
      hole: { missed: null, mark: mark(8, { isEntry: false, added: 0 }) },
    },
    {
      when: "the stream was made anew by a clock set back",
      from: mark(8),
      read: [],
      state: holding(2, 3, { added: 2 }),
      hole: { missed: null, mark: { id: idOf(3), isEntry: false, added: 2 } },
    },
  ])("when $when", ({ from, read, state, hole }) => {
    expect(findHole(from, reads(...read), false, state)).toEqual(hole);
  });

  it("only once", () => {
    const state = holding(9, 10);
    const hole = findHole(mark(5), reads(9), false, state);
    expect(hole?.missed).toBe(3);
    expect(hole && findHole(hole.mark, reads(9), false, state)).toBeNull();
    expect(findHole(mark(10), [], true, state)).toBeNull();
  });

  it.each([
    { when: "of which the number is not known", from: MIDDLE, state: holding(9, 10) },
    { when: "of a stream made anew", from: mark(8), state: holding(9, 10, { added: 2 }) },
  ])("only once, also one $when", ({ from, state }) => {
    const hole = findHole(from, [], false, state);
    expect(hole?.missed).toBeNull();
    expect(hole && findHole(hole.mark, reads(9, 10), false, state)).toBeNull();
    const more = { ...state, length: 1, firstId: idOf(12), lastId: idOf(12), added: (state.added ?? 0) + 2 };
    expect(hole && findHole(hole.mark, reads(12), false, more)).toMatchObject({ missed: 3 });
  });
});

/** A stream as Redis keeps it, with a reader that asks about holes after every read. */
class Simulation {
  readonly taken: number[] = [];
  readonly isCounted: boolean;
  #entries: number[] = [];
  #added = 0;
  #trimmed: number[] = [];
  mark: ReadMark;
  missed = 0;
  holes = 0;
  /** What was added and lost before reading began is nobody's business. */
  readonly #begin: number;

  constructor(earlier: number, isCounted: boolean) {
    this.isCounted = isCounted;
    this.add(earlier);
    this.#begin = earlier;
    this.mark = { id: idOf(earlier), isEntry: false, added: isCounted ? earlier : null };
  }

  add(count: number): void {
    for (let each = 0; each < count; each += 1) {
      this.#added += 1;
      this.#entries.push(this.#added);
    }
  }

  trim(keep: number): void {
    this.#trimmed.push(...this.#entries.splice(0, Math.max(0, this.#entries.length - keep)));
  }

  /** How many entries can never be read. */
  get lost(): number {
    const taken = new Set(this.taken);
    return this.#trimmed.filter((number) => number > this.#begin && !taken.has(number)).length;
  }

  /** Reads some entries; `meanwhile` happens before Redis is asked about the stream. Answers whether a hole was found. */
  read(count: number, meanwhile: () => void): boolean {
    const after = (id: string) => (number: number) => number > Number.parseInt(id, 10);
    const read = this.#entries.filter(after(this.mark.id)).slice(0, count);
    meanwhile();
    const hasEntry = this.#entries.some((number) => idOf(number) === this.mark.id);
    const [first] = this.#entries;
    const hole = findHole(this.mark, read.map(idOf), hasEntry, {
      exists: this.#added > 0,
      length: this.#entries.length,
      firstId: first === undefined ? null : idOf(first),
      lastId: idOf(this.#added),
      added: this.isCounted ? this.#added : null,
    });
    if (hole) {
      this.mark = hole.mark;
      this.missed += hole.missed ?? 0;
      this.holes += 1;
    }
    const fresh = read.filter(after(this.mark.id));
    const last = fresh.at(-1);
    this.taken.push(...fresh);
    if (last !== undefined) {
      const added = this.mark.added === null ? null : this.mark.added + fresh.length;
      this.mark = { id: idOf(last), isEntry: true, added };
    }
    return hole !== null;
  }
}

const size = (max: number) => fc.integer({ min: 0, max });
const step = fc.oneof(
  fc.record({ add: size(6) }),
  fc.record({ keep: size(8) }),
  fc.record({ count: fc.integer({ min: 1, max: 5 }), add: size(6), keep: size(12) }),
);
const steps = fc.array(step, { minLength: 1, maxLength: 40, size: "max" });

describe("whatever is added, trimmed and read, and whenever", () => {
  it("every entry is read or counted as missed, once, where the server counts", () => {
    fc.assert(
      fc.property(size(5), steps, (earlier, plan) => {
        const stream = new Simulation(earlier, true);
        for (const { count, add = 0, keep = Number.POSITIVE_INFINITY } of plan as Partial<
          Record<"count" | "add" | "keep", number>
        >[]) {
          const happen = () => {
            stream.add(add);
            stream.trim(keep);
          };
          if (count === undefined) {
            happen();
            continue;
          }
          stream.read(count, happen);
          expect(stream.missed).toBe(stream.lost);
          expect(stream.holes > 0).toBe(stream.lost > 0);
        }
        expect(stream.taken).toEqual([...new Set(stream.taken)].toSorted((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });

  it("no entry after one that was read is lost untold where the server does not count", () => {
    fc.assert(
      fc.property(steps, (plan) => {
        const stream = new Simulation(0, false);
        let lostBefore = 0;
        for (const { count, add = 0, keep = Number.POSITIVE_INFINITY } of plan as Partial<
          Record<"count" | "add" | "keep", number>
        >[]) {
          const happen = () => {
            stream.add(add);
            stream.trim(keep);
          };
          if (count === undefined) {
            happen();
            continue;
          }
          const { isEntry } = stream.mark;
          const isFound = stream.read(count, happen);
          if (isEntry && stream.lost > lostBefore) expect(isFound).toBe(true);
          lostBefore = stream.lost;
        }
      }),
      { numRuns: 500 },
    );
  });
});
