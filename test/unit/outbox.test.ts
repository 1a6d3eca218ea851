import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame } from "../../src/connections/frame.ts";
import { encodeFrame } from "../../src/connections/frame.ts";
import type { OutboxLimits } from "../../src/connections/outbox.ts";
import { HIGH_WATER_MARK, Outbox } from "../../src/connections/outbox.ts";
import { WebSocketMessage } from "../../src/protocol/message.ts";
import type { SentMessage } from "./support/fake-socket.ts";
import { messagesIn } from "./support/fake-socket.ts";
import { frameOf } from "./support/frames.ts";

const WHOLE = Number.POSITIVE_INFINITY;

function makeOutbox(limits: Partial<OutboxLimits> = {}) {
  const losses = { dropped: 0, conflated: 0 };
  const total = { bytes: 0, maxBytes: Number.POSITIVE_INFINITY };
  return { outbox: new Outbox({ maxMessages: 10_000, maxBytes: 1024 ** 3, ...limits }, losses, total), losses, total };
}

/** As a connection does whose socket is full. */
const push = (outbox: Outbox, frame: Frame) => outbox.push(frame) || outbox.pushBehind(frame);
/** What was taken, as messages again. */
const takeRun = (outbox: Outbox, maxBytes: number) => messagesIn(outbox.take(maxBytes));
const of = (type: string, jobId: string, content: unknown): Frame =>
  encodeFrame(new WebSocketMessage({ type, content, meta: { queue: "q", task_id: jobId, name: "mail", cursor: "c" } }));
const told = (messages: readonly SentMessage[]) => messages.map(({ type, content }) => [type, content]);
/** Messages that are never lost, up to the high-water mark. */
const fill = (outbox: Outbox, count = HIGH_WATER_MARK) => {
  for (let number = 0; number < count; number += 1) push(outbox, of("task_added", "x", null));
};

describe("an outbox", () => {
  it("holds nothing at first", () => {
    expect(makeOutbox().outbox).toMatchObject({ messages: 0, bytes: 0, oldestMadeAt: null });
  });

  it("gives out what it took, in order, in runs of so many bytes but of one message at least", () => {
    const { outbox } = makeOutbox();
    const frames = ["aaa", "bb", "c", "dddddd"].map(frameOf);
    for (const frame of frames) push(outbox, frame);
    expect(outbox).toMatchObject({ messages: 4, bytes: 12 });
    expect(["aaabb", "c", "dddddd"].map(() => outbox.take(5).toString())).toEqual(["aaabb", "c", "dddddd"]);
    expect(outbox).toMatchObject({ messages: 0, bytes: 0 });
  });

  it("says how old its oldest message is", () => {
    const { outbox } = makeOutbox();
    const frames = [1000, 2000].map((encodedAt) => ({ ...frameOf("a"), encodedAt }));
    for (const frame of frames) push(outbox, frame);
    expect(outbox.oldestMadeAt).toBe(1000);
    outbox.take(1);
    expect(outbox.oldestMadeAt).toBe(2000);
    outbox.take(1);
    expect(outbox.oldestMadeAt).toBeNull();
  });

  it("refuses a message beyond its number of messages or its bytes, and keeps what it has", () => {
    const byCount = makeOutbox({ maxMessages: 2 }).outbox;
    expect(["a", "b", "c"].map((text) => push(byCount, frameOf(text)))).toEqual([true, true, false]);
    expect(byCount).toMatchObject({ messages: 2, bytes: 2 });
    const byBytes = makeOutbox({ maxBytes: 5 }).outbox;
    expect(["abc", "def", "de"].map((text) => push(byBytes, frameOf(text)))).toEqual([true, false, true]);
    expect(byBytes.bytes).toBe(5);
  });

  it("takes any message while it holds none: it could not be sent otherwise", () => {
    const { outbox } = makeOutbox({ maxBytes: 5 });
    expect(push(outbox, frameOf("longer than allowed"))).toBe(true);
    expect(push(outbox, frameOf("x"))).toBe(false);
  });

  it("answers how many messages it drops when it is cleared", () => {
    const { outbox } = makeOutbox();
    for (const text of ["a", "b", "c"]) push(outbox, frameOf(text));
    outbox.take(1);
    expect(outbox.clear()).toBe(2);
    expect(outbox).toMatchObject({ messages: 0, bytes: 0, oldestMadeAt: null });
  });
});

describe("above the high-water mark", () => {
  it("an older report of a job's progress goes for a newer one, which is put last", () => {
    const { outbox, losses } = makeOutbox();
    push(outbox, of("task_progress", "1", 10));
    push(outbox, of("task_progress", "2", 20));
    fill(outbox, HIGH_WATER_MARK - 2);
    push(outbox, of("task_progress", "1", 11));
    push(outbox, of("task_success", "1", "done"));
    push(outbox, of("task_progress", "1", 12));
    expect(losses).toEqual({ dropped: 0, conflated: 2 });
    const progress = told(takeRun(outbox, WHOLE)).filter(([type]) => type !== "task_added");
    expect(progress).toEqual([
      ["task_progress", 20],
      ["task_success", "done"],
      ["task_progress", 12],
    ]);
  });

  it("lines go, the oldest first, and one mark for each job says how many, where the first was", () => {
    const { outbox, losses } = makeOutbox();
    push(outbox, of("logs", "1", "a"));
    push(outbox, of("logs", "2", "b"));
    push(outbox, of("logs", "1", "c"));
    push(outbox, of("logs", "1", "d"));
    fill(outbox, HIGH_WATER_MARK - 4);
    for (let more = 0; more < 4; more += 1) push(outbox, of("task_success", "1", more));
    expect(losses).toEqual({ dropped: 4, conflated: 0 });
    const [first, second, third] = takeRun(outbox, WHOLE);
    expect(first).toMatchObject({ type: "logs", content: null, meta: { queue: "q", task_id: "1", dropped: 3 } });
    expect(first?.meta).not.toHaveProperty("cursor");
    expect(second).toMatchObject({ type: "logs", content: null, meta: { task_id: "2", dropped: 1 } });
    expect(third?.type).toBe("task_added");
  });

  it("lines go until a message fits by its bytes", () => {
    const { outbox, losses } = makeOutbox({ maxBytes: 400_000 });
    for (let line = 0; line < 900; line += 1) push(outbox, of("logs", "1", `${line}${"x".repeat(100)}`));
    fill(outbox, HIGH_WATER_MARK - 900);
    const { bytes } = outbox;
    expect(push(outbox, of("task_success", "1", "x".repeat(400_000 - bytes)))).toBe(true);
    expect(outbox.bytes).toBeLessThanOrEqual(400_000);
    expect(losses.dropped).toBeGreaterThan(1);
  });

  it("what is neither progress nor a line is kept until nothing more fits", () => {
    const { outbox, losses } = makeOutbox({ maxMessages: HIGH_WATER_MARK + 2 });
    fill(outbox, HIGH_WATER_MARK + 2);
    expect(push(outbox, of("task_success", "1", null))).toBe(false);
    expect(losses).toEqual({ dropped: 0, conflated: 0 });
    expect(takeRun(outbox, WHOLE)).toHaveLength(HIGH_WATER_MARK + 2);
  });
});

interface Sent {
  type: string;
  jobId: string;
  content: number;
}

const sent = fc.record({
  type: fc.constantFrom("task_progress", "logs", "task_success"),
  jobId: fc.constantFrom("1", "2", "3"),
  content: fc.nat(),
});
const step = fc.oneof(
  fc.record({ push: fc.array(sent, { minLength: 1, maxLength: 300 }) }),
  fc.record({ take: fc.integer({ min: 100, max: 200_000 }) }),
);

it("whatever is done with it: ends are all there, lines are there or counted, the newest progress is there, in order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
      const { outbox, losses } = makeOutbox({ maxMessages: 4000, maxBytes: 500_000 });
      const accepted: Sent[] = [];
      const received: SentMessage[] = [];
      for (const what of steps) {
        if ("take" in what) received.push(...takeRun(outbox, what.take));
        else
          for (const message of what.push) {
            const numbered = { ...message, content: accepted.length };
            if (push(outbox, of(message.type, message.jobId, numbered.content))) accepted.push(numbered);
          }
        expect(outbox.messages).toBeLessThanOrEqual(4000);
        expect(outbox.bytes).toBeLessThanOrEqual(500_000);
      }
      while (outbox.messages > 0) received.push(...takeRun(outbox, 1000));
      expect(outbox).toMatchObject({ messages: 0, bytes: 0 });
      check(accepted, received, losses);
    }),
    { numRuns: 40 },
  );
});

function check(
  accepted: readonly Sent[],
  received: readonly SentMessage[],
  losses: { dropped: number; conflated: number },
) {
  const numbers = received.flatMap(({ content }) => (content === null ? [] : [content as number]));
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  const got = new Set(numbers);
  for (const jobId of ["1", "2", "3"]) {
    const own = accepted.filter((message) => message.jobId === jobId);
    for (const { type, content } of own) if (type === "task_success") expect(got.has(content)).toBe(true);
    const newest = own.findLast(({ type }) => type === "task_progress");
    if (newest) expect(got.has(newest.content)).toBe(true);
    // Read as a viewer does: the lines, and how many are missing where.
    const logs = received.filter(({ type, meta }) => type === "logs" && meta.task_id === jobId);
    const lines = own.filter(({ type }) => type === "logs").map(({ content }) => content);
    let next = 0;
    for (const { content, meta } of logs) {
      if (content === null) next += meta.dropped as number;
      else expect(lines[next++]).toBe(content);
    }
    expect(next).toBe(lines.length);
  }
  const dropped = received.reduce((sum, { meta }) => sum + ((meta.dropped as number | undefined) ?? 0), 0);
  expect(losses.dropped).toBe(dropped);
  expect(accepted.length - numbers.length).toBe(losses.dropped + losses.conflated);
}
