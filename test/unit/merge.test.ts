import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Position, StreamId } from "../../src/sources/fact.ts";
import { compareStreamIds, millisecondsOf } from "../../src/sources/fact.ts";
import type { StreamEntry, StreamPart } from "../../src/sources/merge.ts";
import { mergeStreams } from "../../src/sources/merge.ts";

type StreamName = keyof Position;

const BEGINNING: Position = { events: "0-0", logs: "0-0" };

const entryOf = (stream: StreamName, id: StreamId): StreamEntry => ({ id, stream, content: ["event", "x"] });
const partOf = (stream: StreamName, ids: readonly StreamId[], isComplete = true): StreamPart => ({
  entries: ids.map((id) => entryOf(stream, id)),
  isComplete,
});
const namesOf = (entries: readonly StreamEntry[]) => entries.map(({ stream, id }) => `${stream} ${id}`);

/** Appends to the two streams of a queue in the order in which they happened: times never fall, as Redis' clock. */
const history = fc
  .array(
    fc.record({ stream: fc.constantFrom<StreamName>("events", "logs"), laterMs: fc.constantFrom(0, 0, 0, 1, 1, 3) }),
    { maxLength: 40, size: "max" },
  )
  .map((appends) => {
    let atMs = 1000;
    const last: Record<StreamName, { atMs: number; sequence: number }> = {
      events: { atMs: 0, sequence: 0 },
      logs: { atMs: 0, sequence: 0 },
    };
    return appends.map(({ stream, laterMs }): StreamEntry => {
      atMs += laterMs;
      const sequence = last[stream].atMs === atMs ? last[stream].sequence + 1 : 0;
      last[stream] = { atMs, sequence };
      return entryOf(stream, `${atMs}-${sequence}`);
    });
  });

/** What one read of one stream returns: at most `count` entries after a position. */
function read(existing: readonly StreamEntry[], stream: StreamName, position: Position, count: number): StreamPart {
  const entries = existing
    .filter((entry) => entry.stream === stream && compareStreamIds(entry.id, position[stream]) > 0)
    .slice(0, count);
  return { entries, isComplete: entries.length < count };
}

interface Taken {
  entry: StreamEntry;
  /** What existed when it was read. */
  existing: readonly StreamEntry[];
}

/** Reads again and again while the streams grow, until nothing is left. */
function readAll(
  appends: readonly StreamEntry[],
  counts: Record<StreamName, number>,
  growths: readonly number[],
): Taken[] {
  const taken: Taken[] = [];
  let position = BEGINNING;
  let existing: readonly StreamEntry[] = [];
  for (let round = 0; ; round += 1) {
    const isGrown = round >= growths.length;
    existing = isGrown ? appends : appends.slice(0, existing.length + (growths[round] ?? 0));
    const events = read(existing, "events", position, counts.events);
    const logs = read(existing, "logs", position, counts.logs);
    const { entries, end } = mergeStreams(events, logs, position);
    if (events.entries.length + logs.entries.length > 0 && entries.length === 0) throw new Error("no progress");
    if (entries.length === 0 && isGrown) return taken;
    taken.push(...entries.map((entry) => ({ entry, existing })));
    for (const stream of ["events", "logs"] as const) {
      const last = entries.findLast((entry) => entry.stream === stream);
      expect(end[stream]).toBe(last?.id ?? position[stream]);
    }
    position = end;
  }
}

describe("reading two streams as one", () => {
  const counts = fc.record({ events: fc.integer({ min: 1, max: 6 }), logs: fc.integer({ min: 1, max: 6 }) });
  const growths = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 10, size: "max" });

  it("yields every entry exactly once, each stream in order, however the reads are cut", () => {
    fc.assert(
      fc.property(history, counts, growths, (appends, perRead, grown) => {
        const taken = readAll(appends, perRead, grown).map(({ entry }) => entry);
        for (const stream of ["events", "logs"] as const) {
          const idsOf = (entries: readonly StreamEntry[]) =>
            entries.filter((entry) => entry.stream === stream).map(({ id }) => id);
          expect(idsOf(taken)).toEqual(idsOf(appends));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("yields every log entry before the events of its millisecond and later, if it was there to be read", () => {
    fc.assert(
      fc.property(history, counts, growths, (appends, perRead, grown) => {
        const seen = new Set<StreamEntry>();
        for (const { entry, existing } of readAll(appends, perRead, grown)) {
          if (entry.stream === "events") {
            const overtaken = existing.filter(
              (other) =>
                other.stream === "logs" && millisecondsOf(other.id) <= millisecondsOf(entry.id) && !seen.has(other),
            );
            expect(namesOf(overtaken)).toEqual([]);
          }
          seen.add(entry);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("yields streams that do not grow in the order of time, log entries first within a millisecond", () => {
    fc.assert(
      fc.property(history, counts, (appends, perRead) => {
        const rank = ({ stream }: StreamEntry) => (stream === "logs" ? 0 : 1);
        const ordered = appends.toSorted(
          (a, b) => millisecondsOf(a.id) - millisecondsOf(b.id) || rank(a) - rank(b) || compareStreamIds(a.id, b.id),
        );
        expect(namesOf(readAll(appends, perRead, []).map(({ entry }) => entry))).toEqual(namesOf(ordered));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("joining what one read returned", () => {
  it("stays where it is when there is nothing", () => {
    const start = { events: "5-0", logs: "7-0" };
    expect(mergeStreams(partOf("events", []), partOf("logs", []), start)).toEqual({ entries: [], end: start });
  });

  it("puts a line written before a job ended before its end", () => {
    const { entries } = mergeStreams(partOf("events", ["10-0", "12-0"]), partOf("logs", ["12-0", "12-1"]), BEGINNING);
    expect(namesOf(entries)).toEqual(["events 10-0", "logs 12-0", "logs 12-1", "events 12-0"]);
  });

  it("leaves events for the next read that unread log entries may still precede", () => {
    const { entries, end } = mergeStreams(
      partOf("events", ["10-0", "11-0", "12-0"]),
      partOf("logs", ["9-0", "11-0"], false),
      BEGINNING,
    );
    expect(namesOf(entries)).toEqual(["logs 9-0", "events 10-0", "logs 11-0"]);
    expect(end).toEqual({ events: "10-0", logs: "11-0" });
  });

  it("leaves log entries for the next read that unread events may still precede", () => {
    const { entries, end } = mergeStreams(
      partOf("events", ["10-0", "11-0"], false),
      partOf("logs", ["11-0", "12-0"]),
      BEGINNING,
    );
    expect(namesOf(entries)).toEqual(["events 10-0", "logs 11-0", "events 11-0"]);
    expect(end).toEqual({ events: "11-0", logs: "11-0" });
  });

  it("does not take again what was taken before", () => {
    const { entries } = mergeStreams(partOf("events", ["10-0", "10-1", "10-10"]), partOf("logs", ["10-0"]), {
      events: "10-1",
      logs: "10-0",
    });
    expect(namesOf(entries)).toEqual(["events 10-10"]);
  });
});

describe("stream ids", () => {
  const part = fc.oneof(
    fc.bigInt({ min: 0n, max: 3n }),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: 2n ** 64n - 4n, max: 2n ** 64n - 1n }),
  );

  it("are ordered by their milliseconds, then by their sequence, exactly, up to the largest Redis has", () => {
    fc.assert(
      fc.property(part, part, part, part, (aMs, aSequence, bMs, bSequence) => {
        const expected = aMs === bMs ? aSequence - bSequence : aMs - bMs;
        const order = compareStreamIds(`${aMs}-${aSequence}`, `${bMs}-${bSequence}`);
        expect(Math.sign(order)).toBe(expected === 0n ? 0 : expected < 0n ? -1 : 1);
      }),
    );
  });
});
