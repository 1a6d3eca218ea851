import fc from "fast-check";
import { expect, test } from "vitest";
import type { JobLogLine } from "../../src/sources/job-log-position.ts";
import { JobLogPosition, MAX_LINES } from "../../src/sources/job-log-position.ts";

const MISSING = { line: null, content: null, dropped: null };

/** Reads a list as Redis would answer, until nothing is left; answers what was told. */
function readAll(position: JobLogPosition, list: readonly string[]): JobLogLine[] {
  const told: JobLogLine[] = [];
  for (let round = 0; round < 10; round += 1) {
    const { lines, isComplete } = position.take(partOf(position, list));
    told.push(...lines);
    if (isComplete) return told;
  }
  throw new Error("the reading never ended");
}

function partOf({ next: { start, count } }: JobLogPosition, list: readonly string[]) {
  const lines = start < 0 ? list.slice(start) : list.slice(start, start + count);
  return { start, count, length: list.length, lines };
}

function makePosition(keepLogs: number | null = null): JobLogPosition {
  const position = new JobLogPosition();
  position.keepLogs = keepLogs;
  return position;
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
}

function plain(contents: readonly string[]): JobLogLine[] {
  return contents.map((content) => ({ line: null, content }));
}

test("lines are told once, numbered from 0", () => {
  const position = makePosition();
  expect(readAll(position, [])).toEqual([]);
  expect(position.hasShown).toBe(false);
  expect(readAll(position, ["a", "b"])).toEqual([
    { line: 0, content: "a" },
    { line: 1, content: "b" },
  ]);
  expect(readAll(position, ["a", "b"])).toEqual([]);
  expect(readAll(position, ["a", "b", "b"])).toEqual([{ line: 2, content: "b" }]);
  expect(position).toMatchObject({ told: 3, hasShown: true });
});

test("of more than 1,000 untold lines the last 1,000 are told, after a mark with the exact count of the others", () => {
  const position = makePosition();
  readAll(position, numbered(0, 5));
  const told = readAll(position, numbered(0, 2505));
  expect(told).toHaveLength(MAX_LINES + 1);
  expect(told[0]).toEqual({ line: 5, content: null, dropped: 1500 });
  expect(told[1]).toEqual({ line: 1505, content: "line 1505" });
  expect(told.at(-1)).toEqual({ line: 2504, content: "line 2504" });
  expect(position.told).toBe(2505);
  expect(readAll(position, numbered(0, 2506))).toEqual([{ line: 2505, content: "line 2505" }]);
});

test("exactly 1,000 untold lines are told without a mark", () => {
  const told = readAll(makePosition(), numbered(0, MAX_LINES));
  expect(told.map(({ line }) => line)).toEqual(Array.from({ length: MAX_LINES }, (_, index) => index));
});

test("an answer overtaken by a later one tells nothing again, and does not pass for a list that was cleared", () => {
  const position = makePosition();
  const first = partOf(position, ["a", "b"]);
  const second = partOf(position, ["a", "b", "c"]);
  expect(position.take(first).lines).toHaveLength(2);
  expect(position.take(second).lines).toEqual([{ line: 2, content: "c" }]);
  const overtaken = { ...first, length: 3 };
  expect(position.take(overtaken).lines).toEqual([]);
  expect(readAll(position, ["a", "b", "c", "d"])).toEqual([{ line: 3, content: "d" }]);
});

test("with keepLogs lines are numbered while the list is shorter, and then told by what is before them", () => {
  const position = makePosition(4);
  expect(readAll(position, numbered(0, 3)).map(({ line }) => line)).toEqual([0, 1, 2]);
  expect(readAll(position, numbered(0, 4))).toEqual(plain(["line 3"]));
  expect(position.told).toBeNull();
  expect(readAll(position, numbered(2, 6))).toEqual(plain(["line 4", "line 5"]));
  expect(readAll(position, numbered(2, 6))).toEqual([]);
  expect(readAll(position, numbered(5, 9))).toEqual(plain(["line 6", "line 7", "line 8"]));
});

test("with keepLogs a list without any line that was told is told after a mark, as is one that was full at first", () => {
  const position = makePosition(4);
  readAll(position, numbered(0, 3));
  expect(readAll(position, numbered(7, 11))).toEqual([MISSING, ...plain(numbered(7, 11))]);
  expect(readAll(position, numbered(8, 12))).toEqual(plain(["line 11"]));
  expect(readAll(makePosition(4), numbered(0, 4))).toEqual([MISSING, ...plain(numbered(0, 4))]);
});

test("equal lines of a list that has grown are all told", () => {
  const position = makePosition(10);
  readAll(position, Array(5).fill("tick"));
  expect(readAll(position, Array(10).fill("tick"))).toEqual(plain(Array(5).fill("tick")));
  expect(readAll(position, [...Array(9).fill("tick"), "tock"])).toEqual(plain(["tock"]));
});

test("a long list that is shortened is read in part where that shows its new lines, and wholly where it does not", () => {
  const position = makePosition(900);
  readAll(position, numbered(0, 899));
  const few = position.take(partOf(position, numbered(50, 950)));
  expect(few).toEqual({ lines: [], isComplete: false });
  expect(position.next.count).toBeLessThan(MAX_LINES);
  expect(readAll(position, numbered(50, 950))).toEqual(plain(numbered(899, 950)));
  expect(readAll(position, numbered(750, 1650))).toEqual(plain(numbered(950, 1650)));
  expect(readAll(position, numbered(5000, 5900))).toEqual([MISSING, ...plain(numbered(5000, 5900))]);
});

test("a list that was cleared invents nothing, and what is logged next is told without a mark if it was seen empty", () => {
  const position = makePosition();
  readAll(position, ["a", "b", "c"]);
  expect(readAll(position, [])).toEqual([]);
  expect(readAll(position, [])).toEqual([]);
  expect(readAll(position, ["d"])).toEqual(plain(["d"]));
  expect(readAll(position, ["d", "e"])).toEqual(plain(["e"]));
  expect(position.told).toBeNull();
});

test("a list cleared down to its last lines tells none of them again", () => {
  const position = makePosition();
  readAll(position, numbered(0, 10));
  expect(readAll(position, numbered(8, 10))).toEqual([]);
  expect(readAll(position, numbered(8, 11))).toEqual(plain(["line 10"]));
});

test("a list cleared and grown beyond what was told is noticed, and its lines are told after a mark", () => {
  const position = makePosition();
  readAll(position, ["a", "b"]);
  expect(readAll(position, ["x", "y", "z"])).toEqual([MISSING, ...plain(["x", "y", "z"])]);
});

test("lines that are told apart are told once and in order, or a mark says that some are missing", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(steps, fc.option(fc.integer({ min: 1, max: 30 })), (counts, keepLogs) => {
      const position = makePosition(keepLogs);
      let logged = 0;
      let next = 0;
      for (const count of counts) {
        logged += count;
        const list = numbered(keepLogs === null ? 0 : Math.max(0, logged - keepLogs), logged);
        let isMarked = false;
        for (const { line, content } of readAll(position, list)) {
          if (content === null) {
            isMarked = true;
            continue;
          }
          const number = Number(content.slice("line ".length));
          if (line !== null) expect(line).toBe(number);
          if (isMarked) expect(number).toBeGreaterThanOrEqual(next);
          else expect(number).toBe(next);
          isMarked = false;
          next = number + 1;
        }
        expect(next, "all that is there is told").toBe(logged);
      }
    }),
    { numRuns: 500 },
  );
});
