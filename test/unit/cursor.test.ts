import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidCursorError } from "../../src/errors.ts";
import { decodeCursor, encodeCursor, queueTag } from "../../src/notifier/cursor.ts";

const streamId = fc
  .tuple(fc.nat(Number.MAX_SAFE_INTEGER), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(([atMs, sequence]) => `${atMs % 8_640_000_000_000_00}-${sequence}`);
const position = fc.record({ events: streamId, logs: streamId });
const text = (decoded: string) => Buffer.from(decoded).toString("base64url");

function attempt(cursor: string): "read" | "refused" {
  try {
    const { queueTag: tag, position: at } = decodeCursor(cursor);
    // What was read has the form of what is handed out.
    expect(decodeCursor(encodeCursor(tag, at))).toEqual({ queueTag: tag, position: at });
    return "read";
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidCursorError);
    return "refused";
  }
}

describe("a cursor", () => {
  it("says the position it was made of", () => {
    fc.assert(
      fc.property(fc.string(), position, (queue, at) => {
        const tag = queueTag("bull", queue);
        expect(decodeCursor(encodeCursor(tag, at))).toEqual({ queueTag: tag, position: at });
      }),
    );
  });

  it("stands in a URL and a message as it is, and is short", () => {
    fc.assert(
      fc.property(fc.string(), position, (queue, at) => {
        expect(encodeCursor(queueTag("bull", queue), at)).toMatch(/^[A-Za-z0-9_-]{1,200}$/);
      }),
    );
  });

  it("does not say the queue's name", () => {
    const decoded = Buffer.from(encodeCursor(queueTag("bull", "payroll"), { events: "1-0", logs: "2-0" }), "base64url");
    expect(decoded.toString()).not.toContain("payroll");
  });

  it("is of one queue under one prefix, the same at every node", () => {
    const tags = [queueTag("bull", "a"), queueTag("bull", "b"), queueTag("other", "a"), queueTag("bul", "la")];
    expect(new Set(tags).size).toBe(4);
    expect(queueTag("bull", "a")).toBe(tags[0]);
  });

  const tag = queueTag("bull", "a");
  it.each([
    { what: "nothing", cursor: "" },
    { what: "plain text", cursor: "forged" },
    { what: "not base64url at all", cursor: "ÿ☃ %%%" },
    { what: "another version", cursor: text(`2:${tag}:1-0:1-0`) },
    { what: "no tag", cursor: text("1::1-0:1-0") },
    { what: "a queue's name for a tag", cursor: text("1:emails:1-0:1-0") },
    { what: "one position only", cursor: text(`1:${tag}:1-0`) },
    { what: "a position without a sequence", cursor: text(`1:${tag}:1:1-0`) },
    { what: "a negative position", cursor: text(`1:${tag}:-1-0:1-0`) },
    { what: "a special id", cursor: text(`1:${tag}:$:1-0`) },
    { what: "too many digits", cursor: text(`1:${tag}:${"1".repeat(30)}-0:1-0`) },
    { what: "something after it", cursor: text(`1:${tag}:1-0:1-0 `) },
    { what: "a line end after it", cursor: text(`1:${tag}:1-0:1-0\n`) },
    { what: "something before it", cursor: text(` 1:${tag}:1-0:1-0`) },
  ])("is refused when it is $what", ({ cursor }) => {
    expect(() => decodeCursor(cursor)).toThrow(InvalidCursorError);
  });

  it("is refused, or read as another, when it is damaged; nothing else ever happens", () => {
    const damage = fc.record({ at: fc.nat(200), cut: fc.nat(4), put: fc.string({ maxLength: 4, unit: "binary" }) });
    fc.assert(
      fc.property(position, damage, (at, { at: where, cut, put }) => {
        const cursor = encodeCursor(tag, at);
        attempt(cursor.slice(0, where) + put + cursor.slice(where + cut));
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String()), (given) => void attempt(given)));
  });
});
