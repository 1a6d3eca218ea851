import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { html, raw, SafeHtml } from "../../src/index.ts";

const CHARACTERS: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
const decoded = (text: string) => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => CHARACTERS[name] ?? "");

describe("html", () => {
  it("shows any text as that text, in elements and in quoted attributes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const made = html`<p title="${text}">${text}</p>`.toString();
        const [, attribute = "", content = ""] = /^<p title="([^"]*)">([^<]*)<\/p>$/s.exec(made) ?? [];
        expect([attribute, content].map(decoded)).toEqual([text, text]);
        expect(content).not.toMatch(/[<>"']/);
      }),
      { numRuns: 1000 },
    );
  });

  it("takes HTML made by itself or by raw() as it stands, and joins arrays", () => {
    const items = ["a", "<b>"].map((item) => html`<li>${item}</li>`);
    expect(String(html`<ul>${items}</ul>${raw("<hr>")}`)).toBe("<ul><li>a</li><li>&lt;b&gt;</li></ul><hr>");
  });

  it("shows numbers, and nothing for null, undefined and booleans", () => {
    expect(String(html`${0} ${10n} ${null}${undefined}${false}${true}`)).toBe("0 10 ");
  });

  it("is told from text that only looks like it", () => {
    const forged = { toString: () => "<script>" };
    // @ts-expect-error no value of a template
    expect(() => html`${forged}`).toThrow(/expected text, a number, SafeHtml/);
    expect(html`` instanceof SafeHtml).toBe(true);
  });

  it.each([
    { value: () => "x", says: /given a function/ },
    { value: Promise.resolve("x"), says: /a promise: await it first/ },
    { value: { a: 1 }, says: /given \{"a":1\}/ },
    { value: Symbol("x"), says: /given a symbol/ },
  ])("refuses what has no text: $says", ({ value, says }) => {
    expect(() => html`${value as never}`).toThrow(says);
  });
});
