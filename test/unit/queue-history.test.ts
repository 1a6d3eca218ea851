import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Past, PastSource } from "../../src/notifier/queue-history.ts";
import { QueueHistory } from "../../src/notifier/queue-history.ts";
import type { LineFrame, RingEntry } from "../../src/notifier/ring.ts";
import { NO_LINES } from "../../src/notifier/ring.ts";
import { RingBudget } from "../../src/notifier/ring-budget.ts";
import type { Position } from "../../src/sources/fact.ts";
import { MAX_SEQUENCE } from "../../src/sources/fact.ts";
import { at, entryAt, frameOf } from "./support/frames.ts";
import type { Latch } from "./support/latch.ts";
import { latch } from "./support/latch.ts";

/** What the streams hold from one entry to another, all after `start`. */
function pastOf(start: number, from: number, to: number): Past {
  const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return {
    start: at(start),
    ids: new Set(numbers.map((number) => `${number}-0`)),
    entries: numbers.map((number) => entryAt(number)),
  };
}

/** A history whose reads of the past are answered by the test. */
function makeHistory() {
  const reads: (Latch<Past> & { upTo: Position })[] = [];
  const lineReads: (Latch<LineFrame[][]> & { jobs: (string | null)[] })[] = [];
  const source: PastSource = {
    isUnreadable: () => false,
    readPast: (_queue, upTo) => {
      const read = { ...latch<Past>(), upTo };
      reads.push(read);
      return read.promise;
    },
    readLines: (_queue, ends) => {
      const read = { ...latch<LineFrame[][]>(), jobs: ends.map(({ jobId }) => jobId) };
      lineReads.push(read);
      return read.promise;
    },
  };
  const budget = new RingBudget();
  const history = new QueueHistory({
    queue: "emails",
    tag: "tag",
    isLate: false,
    source,
    budget,
    attachedAtMs: () => 0,
  });
  /** Publishes the entries of these numbers. */
  const publish = (...numbers: number[]) => {
    for (const number of numbers) {
      history.moveTo(at(number));
      const { stream, jobId, line, frame, lines } = entryAt(number);
      history.append({ stream, jobId, line, frame, lines });
    }
  };
  return { history, reads, lineReads, publish, budget };
}

/** The same, with entries 11 to 13 published. */
function makeRunning() {
  const made = makeHistory();
  made.history.moveTo(at(10));
  made.publish(11, 12, 13);
  return made;
}

const held = ({ ring }: QueueHistory) =>
  Array.from({ length: ring.length }, (_, index) => ring.at(ring.first + index)?.events);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a cursor within the ring", () => {
  it("is reached without reading the streams", async () => {
    const { history, reads } = makeRunning();
    expect(await history.reach(at(12))).toBe(2);
    expect(await history.reach(at(10))).toBe(0);
    expect(await history.reach(at(13))).toBe(3);
    expect(reads).toEqual([]);
  });
});

describe("a cursor from before the ring", () => {
  it("is reached once the streams have been read, which is done once however many ask", async () => {
    const { history, reads } = makeRunning();
    const answers = [at(5), at(7), at(5)].map((cursor) => history.reach(cursor));
    await turn();
    expect(reads.map(({ upTo }) => upTo)).toEqual([at(10)]);
    reads[0]?.open(pastOf(4, 5, 10));
    expect(await Promise.all(answers)).toEqual([-5, -3, -5]);
    expect(held(history)).toEqual(["5-0", "6-0", "7-0", "8-0", "9-0", "10-0", "11-0", "12-0", "13-0"]);
    expect(history.isFilled).toBe(true);
    expect(await history.reach(at(4))).toBe(-6);
    expect(await history.reach(at(3))).toBeNull();
    expect(reads).toHaveLength(1);
  });

  it("is not reached when the streams hold nothing that old", async () => {
    const { history, reads } = makeRunning();
    const answer = history.reach(at(5));
    await turn();
    reads[0]?.open(pastOf(8, 8, 10));
    expect(await answer).toBeNull();
  });

  it("joins what was published while the streams were read", async () => {
    const { history, reads, publish } = makeRunning();
    const answer = history.reach(at(9));
    await turn();
    publish(14);
    reads[0]?.open(pastOf(8, 9, 10));
    expect(await answer).toBe(-1);
    expect(held(history)).toEqual(["9-0", "10-0", "11-0", "12-0", "13-0", "14-0"]);
  });

  it("is not reached when history turned out to be missing meanwhile: nothing joins across it", async () => {
    const { history, reads } = makeRunning();
    const answer = history.reach(at(9));
    await turn();
    history.restartAt(at(20));
    reads[0]?.open(pastOf(8, 9, 10));
    await turn();
    reads[1]?.open({ start: at(20), entries: [], ids: new Set() });
    expect(await answer).toBeNull();
    expect(held(history)).toEqual([]);
    expect(reads.map(({ upTo }) => upTo)).toEqual([at(10), at(20)]);
  });

  it("is read for anew when the ring has dropped its oldest meanwhile", async () => {
    const { history, reads } = makeRunning();
    const answer = history.reach(at(9));
    await turn();
    history.ring.drop(1);
    reads[0]?.open(pastOf(8, 9, 10));
    await turn();
    expect(reads.map(({ upTo }) => upTo)).toEqual([at(10), at(11)]);
    reads[1]?.open(pastOf(8, 9, 11));
    expect(await answer).toBe(-1);
    expect(held(history)).toEqual(["9-0", "10-0", "11-0", "12-0", "13-0"]);
  });

  it("is asked for again after a failure", async () => {
    const { history, reads } = makeRunning();
    const answers = [history.reach(at(9)), history.reach(at(8))];
    await turn();
    reads[0]?.fail(new Error("no connection"));
    await Promise.all(answers.map((answer) => expect(answer).rejects.toThrow("no connection")));
    expect(history.isFilled).toBe(false);
    const again = history.reach(at(9));
    await turn();
    reads[1]?.open(pastOf(8, 9, 10));
    expect(await again).toBe(-1);
  });
});

describe("a cursor that is not of this history", () => {
  async function reach(cursor: Position) {
    const { history, reads } = makeRunning();
    const answer = history.reach(cursor);
    await turn();
    const past = pastOf(4, 5, 10);
    reads[0]?.open({ ...past, ids: new Set(["5-0", "8-0", "10-0"]) });
    return answer;
  }

  it("is refused where the streams have no such entry", async () => {
    expect(await reach(at(6))).toBeNull();
    expect(await reach({ events: "8-1", logs: "0-0" })).toBeNull();
    expect(await reach(at(8))).toBe(-2);
  });

  it("is none that says where reading began, or where what is held begins or ends", async () => {
    expect(await reach({ events: `6-${MAX_SEQUENCE}`, logs: "0-0" })).toBe(-4);
    expect(await reach(at(4))).toBe(-6);
    expect(await reach(at(10))).toBe(0);
  });
});

describe("a cursor ahead of what has been published", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("waits for publishing to come there", async () => {
    const { history, publish } = makeRunning();
    const answer = history.reach(at(15));
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    publish(14);
    await vi.advanceTimersByTimeAsync(2900);
    expect(isAnswered).toBe(false);
    publish(15, 16);
    expect(await answer).toBe(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is given up after three seconds", async () => {
    const { history } = makeRunning();
    const answer = history.reach(at(15));
    await vi.advanceTimersByTimeAsync(3000);
    expect(await answer).toBeNull();
  });

  it("waits without end for the streams to be found, which takes as long as Redis is away", async () => {
    const { history, publish } = makeHistory();
    const answer = history.reach(at(11));
    await vi.advanceTimersByTimeAsync(60_000);
    history.moveTo(at(10));
    publish(11, 12);
    expect(await answer).toBe(1);
  });

  it("is given up when the queue is detached", async () => {
    const { history } = makeHistory();
    const [answer, published] = [history.reach(at(11)), history.published(at(5), 1000)];
    history.close();
    expect(await answer).toBeNull();
    await published;
    expect(await history.reach(at(1))).toBeNull();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of a snapshot is waited for, but not longer than asked", async () => {
    const { history, publish } = makeRunning();
    await history.published(at(13), 1000);
    const published = history.published(at(14), 1000);
    publish(14);
    await published;
    const late = history.published(at(99), 1000);
    await vi.advanceTimersByTimeAsync(1000);
    await late;
  });
});

describe("the lines before an end", () => {
  const line: LineFrame = { line: 0, frame: frameOf("line") };

  function withEnds() {
    const made = makeRunning();
    made.history.moveTo(at(14));
    for (const jobId of ["a", "b"]) {
      made.history.append({ stream: "events", jobId, line: null, frame: frameOf(jobId), lines: null });
    }
    const numbers = [3, 4];
    const ends = numbers.map((number) => made.history.ring.at(number)).filter((entry): entry is RingEntry => !!entry);
    return { ...made, ends, numbers };
  }

  it("are read once, however many ask", async () => {
    const { history, lineReads, ends, numbers, budget } = withEnds();
    const bytes = budget.bytes;
    const answers = [history.readLines(numbers), history.readLines(numbers)];
    await turn();
    expect(lineReads.map(({ jobs }) => jobs)).toEqual([["a", "b"]]);
    lineReads[0]?.open([[line], []]);
    await Promise.all(answers);
    await history.readLines(numbers);
    expect(lineReads).toHaveLength(1);
    expect(ends.map(({ lines }) => lines)).toEqual([[line], NO_LINES]);
    expect(budget.bytes).toBeGreaterThan(bytes);
    expect(budget.bytes).toBe(history.ring.bytes);
  });

  it("are asked for again after a failure", async () => {
    const { history, lineReads, ends, numbers } = withEnds();
    const failed = history.readLines(numbers);
    const waiting = history.readLines(numbers);
    await turn();
    lineReads[0]?.fail(new Error("no connection"));
    await expect(failed).rejects.toThrow("no connection");
    await turn();
    lineReads[1]?.open([[], [line]]);
    await waiting;
    expect(ends.map(({ lines }) => lines)).toEqual([NO_LINES, [line]]);
  });

  it("count for nothing when their end has been dropped meanwhile", async () => {
    const { history, lineReads, numbers, budget } = withEnds();
    const read = history.readLines(numbers);
    await turn();
    budget.change(history.ring, () => history.ring.drop(history.ring.length));
    lineReads[0]?.open([[line], [line]]);
    await read;
    expect(history.ring.bytes).toBe(0);
    expect(budget.bytes).toBe(0);
  });
});

describe("who stands in the past when history is lost", () => {
  it("does not find its place among what is read of the past anew", async () => {
    const { history, reads, publish } = makeRunning();
    const reached = history.reach(at(5));
    await turn();
    reads[0]?.open(pastOf(0, 1, 10));
    const place = { next: await reached };
    history.places.add(place);
    expect(history.ring.at(place.next as number)?.events).toBe("6-0");
    history.restartAt(at(20));
    publish(21);
    // Longer than the past before: its numbers come to where that was.
    const filled = history.fill();
    await turn();
    reads[1]?.open(pastOf(0, 1, 20));
    await filled;
    expect(history.ring.first).toBeLessThan(-4);
    expect(place.next).toBeLessThan(history.ring.first);
  });

  it("keeps its place where it is told of what came after", async () => {
    const { history, reads } = makeRunning();
    const place = { next: await history.reach(at(12)) };
    history.places.add(place);
    const filled = history.fill();
    await turn();
    reads[0]?.open(pastOf(0, 1, 10));
    await filled;
    expect(history.ring.at(place.next as number)?.events).toBe("13-0");
  });
});
