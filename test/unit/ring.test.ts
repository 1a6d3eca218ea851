import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RingEntry } from "../../src/notifier/ring.ts";
import { covers, Ring } from "../../src/notifier/ring.ts";
import type { Position } from "../../src/sources/fact.ts";
import { at, entryAt, frameOf } from "./support/frames.ts";

/** A line of a job's own log, told where the streams stood so. */
const lineAt = (events: number) => entryAt(events, { stream: null, line: 0 });

function ringOf(start: number, ...entries: RingEntry[]): Ring {
  const ring = new Ring(at(start));
  for (const entry of entries) ring.append(entry);
  return ring;
}

const held = (ring: Ring) =>
  Array.from({ length: ring.length }, (_, index) => ring.at(ring.first + index)?.frame.bytes.toString());

describe("a position is found", () => {
  const ring = ringOf(10, entryAt(11), entryAt(13), entryAt(15));

  it.each([
    { position: 10, number: 0 },
    { position: 11, number: 1 },
    { position: 12, number: 1 },
    { position: 14, number: 2 },
    { position: 15, number: 3 },
    { position: 99, number: 3 },
  ])("at the first entry after $position: $number", ({ position, number }) => {
    expect(ring.find(at(position))).toBe(number);
  });

  it("only where everything since is held", () => {
    expect(ring.find(at(9))).toBeNull();
    expect(ring.find(at(99, 0))).toBe(3);
    const later = new Ring(at(10, 10));
    expect(later.find(at(10, 9))).toBeNull();
    expect(later.find(at(9, 10))).toBeNull();
    expect(later.find(at(10, 10))).toBe(0);
  });

  it("by the stream that is behind: an entry of either may be unseen", () => {
    const both = ringOf(
      0,
      entryAt(1),
      entryAt(1, { stream: "logs", logs: "1-0" }),
      entryAt(2, { logs: "1-0" }),
      entryAt(2, { stream: "logs", logs: "2-0" }),
    );
    expect(both.find(at(1, 1))).toBe(2);
    expect(both.find(at(2, 1))).toBe(3);
    expect(both.find(at(9, 0))).toBe(1);
    expect(both.find(at(0, 9))).toBe(0);
  });

  it("before lines that are in no stream, as a position does not say whether they were seen", () => {
    const ring = ringOf(0, lineAt(0), entryAt(1), lineAt(1), lineAt(1), entryAt(2), lineAt(2));
    expect(ring.find(at(0))).toBe(0);
    expect(ring.find(at(1))).toBe(2);
    expect(ring.find(at(2))).toBe(5);
    expect(ringOf(7, lineAt(7), lineAt(7)).find(at(7))).toBe(0);
  });

  it("also with numbers that exceed what a number holds exactly", () => {
    const id = (sequence: string) => ({ events: `1700000000000-${sequence}`, logs: "0-0" });
    const ring = new Ring(id("18446744073709551600"));
    ring.append({ ...entryAt(0), ...id("18446744073709551614") });
    ring.append({ ...entryAt(0), ...id("18446744073709551615") });
    expect(ring.find(id("18446744073709551614"))).toBe(1);
    expect(ring.find(id("18446744073709551615"))).toBe(2);
  });
});

describe("a number stays that of its entry", () => {
  it("when older ones are dropped", () => {
    const ring = ringOf(0, entryAt(1), entryAt(2), entryAt(3));
    ring.drop(2);
    expect(ring).toMatchObject({ first: 2, end: 3, length: 1, start: at(2) });
    expect(ring.at(1)).toBeUndefined();
    expect(ring.at(2)?.events).toBe("3-0");
    expect(ring.at(3)).toBeUndefined();
    expect(ring.find(at(1))).toBeNull();
    expect(ring.find(at(2))).toBe(2);
  });

  it("when older ones are put in front", () => {
    const ring = ringOf(10, entryAt(11));
    ring.drop(0);
    ring.prepend([entryAt(8), entryAt(9)], at(7));
    expect(ring).toMatchObject({ first: -2, end: 1, length: 3, start: at(7) });
    expect(ring.at(-2)?.events).toBe("8-0");
    expect(ring.at(0)?.events).toBe("11-0");
    expect(ring.find(at(8))).toBe(-1);
  });

  it("and none is used again after a restart", () => {
    const ring = ringOf(0, entryAt(1), entryAt(2));
    ring.restart(at(9));
    expect(ring).toMatchObject({ length: 0, bytes: 0, start: at(9) });
    expect(ring.first).toBeGreaterThanOrEqual(2);
    expect(ring.at(1)).toBeUndefined();
    ring.append(entryAt(10));
    expect(ring.at(ring.first)?.events).toBe("10-0");
    expect(ring.find(at(2))).toBeNull();
    expect(ring.find(at(9))).toBe(ring.first);
  });

  it("when more is dropped than there is", () => {
    const ring = ringOf(0, entryAt(1));
    ring.drop(5);
    expect(ring).toMatchObject({ first: 1, end: 1, length: 0, bytes: 0, start: at(1) });
  });
});

describe("the bytes of a ring", () => {
  it("grow and shrink with texts and lines", () => {
    const ring = ringOf(0, entryAt(1, { frame: frameOf("x".repeat(1000)), lines: null }));
    const before = ring.bytes;
    expect(before).toBeGreaterThanOrEqual(1000);
    ring.setLines(0, [{ line: 0, frame: frameOf("y".repeat(500)) }]);
    expect(ring.at(0)?.lines).toHaveLength(1);
    expect(ring.bytes).toBeGreaterThanOrEqual(before + 500);
    ring.drop(1);
    expect(ring.bytes).toBe(0);
  });
});

type Step = { append: ("events" | "logs" | null)[] } | { drop: number } | { prepend: number } | "restart";

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ append: fc.array(fc.constantFrom("events", "logs", null), { maxLength: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ drop: fc.integer({ min: 0, max: 60 }) }) },
  // Far enough for the array to be shortened.
  { weight: 1, arbitrary: fc.record({ drop: fc.constant(1100) }) },
  { weight: 1, arbitrary: fc.record({ append: fc.constant(Array.from({ length: 1200 }, () => "events" as const)) }) },
  { weight: 2, arbitrary: fc.record({ prepend: fc.integer({ min: 0, max: 20 }) }) },
  { weight: 1, arbitrary: fc.constant("restart" as const) },
);

it("a ring behaves as a plain list whatever is done with it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
      let position: [number, number] = [100_000, 100_000];
      const ring = new Ring(at(...position));
      let model: { number: number; entry: RingEntry }[] = [];
      let [start, first]: [Position, number] = [at(...position), 0];
      for (const what of steps) {
        if (what === "restart") {
          position = [position[0] + 3, position[1]];
          start = at(...position);
          ring.restart(start);
          expect(ring.first).toBeGreaterThanOrEqual(first + model.length);
          first = ring.first;
          model = [];
        } else if ("append" in what) {
          for (const stream of what.append) {
            if (stream === "events") position = [position[0] + 1, position[1]];
            if (stream === "logs") position = [position[0], position[1] + 1];
            const entry = { ...entryAt(0, { stream }), ...at(...position) };
            ring.append(entry);
            model.push({ number: first + model.length, entry });
          }
        } else if ("drop" in what) {
          const dropped = model.splice(0, what.drop).at(-1);
          if (dropped) {
            first = dropped.number + 1;
            start = { events: dropped.entry.events, logs: dropped.entry.logs };
          }
          ring.drop(what.drop);
        } else {
          const [events, logs] = [Number.parseInt(start.events, 10), Number.parseInt(start.logs, 10)];
          const older = Array.from({ length: what.prepend }, (_, index) => ({
            ...entryAt(0),
            ...at(events - what.prepend + index + 1, logs),
          }));
          first -= older.length;
          start = at(events - what.prepend, logs);
          model.unshift(...older.map((entry, index) => ({ number: first + index, entry })));
          ring.prepend(older, start);
        }
        expect({ first: ring.first, end: ring.end, length: ring.length, start: ring.start }).toEqual({
          first,
          end: first + model.length,
          length: model.length,
          start,
        });
        for (const { number, entry } of model) if (ring.at(number) !== entry) throw new Error(`${number} has moved`);
        expect([ring.at(first - 1), ring.at(ring.end)]).toEqual([undefined, undefined]);
        for (const [events, logs] of [position, [position[0] - 3, position[1] - 2], [0, 0]] as const) {
          expect(ring.find(at(events, logs))).toBe(naiveFind(model, start, first, at(events, logs)));
        }
      }
      expect(held(ring)).toEqual(model.map(({ entry }) => entry.frame.bytes.toString()));
      ring.drop(model.length);
      expect(ring.bytes).toBe(0);
    }),
    { numRuns: 60 },
  );
});

/** The first entry that a position does not include, or the lines in no stream right before it. */
function naiveFind(
  model: readonly { number: number; entry: RingEntry }[],
  start: Position,
  first: number,
  position: Position,
): number | null {
  if (!covers(position, start)) return null;
  const unseen = model.findIndex(({ entry }) => !covers(position, entry));
  let index = unseen === -1 ? model.length : unseen;
  while (model[index - 1]?.entry.stream === null) index -= 1;
  return first + index;
}
