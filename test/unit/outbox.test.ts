import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Frame } from "../../src/connections/frame.ts";
import { Outbox } from "../../src/connections/outbox.ts";

const frameOf = (text: string): Frame => ({ type: "test", bytes: Buffer.from(text) });

describe("an outbox", () => {
  it("holds nothing at first", () => {
    const outbox = new Outbox({ maxMessages: 10, maxBytes: 100 });
    expect(outbox).toMatchObject({ messages: 0, bytes: 0, oldestAcceptedAt: null });
    expect(outbox.shift()).toBeUndefined();
  });

  it("says how old its oldest message is, also after older ones have left", () => {
    const outbox = new Outbox({ maxMessages: 10, maxBytes: 100 });
    outbox.push(frameOf("a"), 1000);
    outbox.push(frameOf("b"), 2000);
    expect(outbox.oldestAcceptedAt).toBe(1000);
    outbox.shift();
    expect(outbox.oldestAcceptedAt).toBe(2000);
    outbox.shift();
    expect(outbox.oldestAcceptedAt).toBeNull();
  });

  it("refuses a message beyond its number of messages and keeps what it has", () => {
    const outbox = new Outbox({ maxMessages: 2, maxBytes: 100 });
    expect([outbox.push(frameOf("a"), 0), outbox.push(frameOf("b"), 0), outbox.push(frameOf("c"), 0)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(outbox).toMatchObject({ messages: 2, bytes: 2 });
  });

  it("refuses a message beyond its bytes, and takes one that fits exactly", () => {
    const outbox = new Outbox({ maxMessages: 10, maxBytes: 5 });
    expect(outbox.push(frameOf("abc"), 0)).toBe(true);
    expect(outbox.push(frameOf("def"), 0)).toBe(false);
    expect(outbox.push(frameOf("de"), 0)).toBe(true);
    expect(outbox.bytes).toBe(5);
  });

  it("takes any message while it holds none: it could not be sent otherwise", () => {
    const outbox = new Outbox({ maxMessages: 10, maxBytes: 5 });
    expect(outbox.push(frameOf("longer than allowed"), 0)).toBe(true);
    expect(outbox.push(frameOf("x"), 0)).toBe(false);
  });

  it("has room again for what has left", () => {
    const outbox = new Outbox({ maxMessages: 1, maxBytes: 3 });
    outbox.push(frameOf("abc"), 0);
    outbox.shift();
    expect(outbox.push(frameOf("def"), 0)).toBe(true);
  });

  it("answers how many messages it drops when it is cleared", () => {
    const outbox = new Outbox({ maxMessages: 10, maxBytes: 100 });
    for (const text of ["a", "b", "c"]) outbox.push(frameOf(text), 0);
    outbox.shift();
    expect(outbox.clear()).toBe(2);
    expect(outbox).toMatchObject({ messages: 0, bytes: 0, oldestAcceptedAt: null });
  });

  it("behaves as a bounded queue whatever is done with it, also over thousands of messages", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 300 }) }) },
      { weight: 5, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 300 }) }) },
      { weight: 1, arbitrary: fc.constant("clear" as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const limits = { maxMessages: 3000, maxBytes: 9000 };
        const outbox = new Outbox(limits);
        let model: { frame: Frame; at: number }[] = [];
        let next = 0;
        const bytes = () => model.reduce((sum, { frame }) => sum + frame.bytes.length, 0);
        for (const what of steps) {
          if (what === "clear") {
            expect(outbox.clear()).toBe(model.length);
            model = [];
          } else if ("push" in what) {
            let held = bytes();
            for (let count = 0; count < what.push; count += 1) {
              const at = next++;
              const frame = frameOf(String(at));
              const isWithinBytes = model.length === 0 || held + frame.bytes.length <= limits.maxBytes;
              const fits = model.length < limits.maxMessages && isWithinBytes;
              if (outbox.push(frame, at) !== fits) throw new Error("taken or refused against the limits");
              if (fits) {
                model.push({ frame, at });
                held += frame.bytes.length;
              }
            }
          } else {
            for (let count = 0; count < what.shift; count += 1) {
              if (outbox.shift() !== model.shift()?.frame) throw new Error("out of order");
            }
          }
          expect(outbox.messages).toBe(model.length);
          expect(outbox.bytes).toBe(bytes());
          expect(outbox.oldestAcceptedAt).toBe(model[0]?.at ?? null);
        }
      }),
      { numRuns: 60 },
    );
  });
});
