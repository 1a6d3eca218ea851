import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitReason } from "../../src/http/ws-transport.ts";

describe("a close reason", () => {
  it("is left as it is when it fits", () => {
    const reason = `${"é".repeat(61)}x`;
    expect(Buffer.byteLength(reason)).toBe(123);
    expect(fitReason(reason)).toBe(reason);
    expect(fitReason("")).toBe("");
  });

  it("ends with dots when it was cut", () => {
    expect(fitReason("x".repeat(124))).toBe(`${"x".repeat(120)}...`);
  });

  it("is never over 123 bytes and never holds a broken character", () => {
    const unit = fc.oneof(
      fc.constantFrom("a", "é", "€", "👍", "\u{10ffff}", "\u0301"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    );
    const reason = fc
      .array(unit, { maxLength: 200, size: "max" })
      .map((units) => units.join("").replaceAll("\ufffd", "?"));
    fc.assert(
      fc.property(reason, (given) => {
        const fitted = fitReason(given);
        expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(123);
        expect(fitted).not.toContain("\ufffd");
        if (fitted === given) return;
        expect(fitted.endsWith("...")).toBe(true);
        expect(given.startsWith(fitted.slice(0, -3))).toBe(true);
        // No more is cut than has to be: the longest character has four bytes.
        expect(Buffer.byteLength(fitted)).toBeGreaterThanOrEqual(120);
      }),
      { numRuns: 1000 },
    );
  });
});
