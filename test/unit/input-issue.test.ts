import { describe, expect, it } from "vitest";
import { z } from "zod";
import { describeIssues, inputIssues } from "../../src/input-issue.ts";
import { clientEnvelopeSchema, subscribeContentSchema } from "../../src/protocol/client-message.ts";

function complaint(schema: z.ZodType, given: unknown): string {
  const { error } = schema.safeParse(given);
  if (!error) throw new Error("it was taken");
  return describeIssues(inputIssues(error, given, "content"));
}

describe("what is wrong with an input is said in plain words", () => {
  it.each([
    { schema: z.string(), given: 5, says: "a string" },
    { schema: z.number(), given: "5", says: "a number" },
    { schema: z.int(), given: 1.5, says: "a whole number" },
    { schema: z.boolean(), given: 1, says: "true or false" },
    { schema: z.array(z.string()), given: "a", says: "an array" },
    { schema: z.object({}), given: 5, says: "a JSON object" },
    { schema: z.record(z.string(), z.string()), given: [], says: "a JSON object" },
    { schema: z.string().max(3), given: "long", says: "at most 3 characters" },
    { schema: z.array(z.int()).min(1), given: [], says: "at least 1 items" },
    { schema: z.number().max(3), given: 4, says: "at most 3" },
    { schema: z.number().gt(3), given: 3, says: "more than 3" },
    { schema: z.union([z.string(), z.number()]), given: null, says: "a string or a number" },
    { schema: z.enum(["a", "b"]), given: "c", says: 'one of "a"|"b"' },
    { schema: z.custom(() => false), given: 1, says: "another value" },
    { schema: z.string({ error: "a colour" }), given: 1, says: "a colour" },
  ])("$says", ({ schema, given, says }) => {
    expect(complaint(schema, given)).toBe(`content: expected ${says}, given ${JSON.stringify(given)}`);
  });

  it("names fields, and those that are too many", () => {
    expect(complaint(z.strictObject({ a: z.string() }), { b: 1 })).toBe(
      "a: expected a string, given nothing; b: expected no such field, given 1",
    );
  });
});

describe("what a client message should have been is said in plain words", () => {
  it.each([
    { content: {}, says: "topics: expected an array of 1 to 1000 topics, given nothing" },
    { content: { topics: [] }, says: "topics: expected an array of 1 to 1000 topics, given []" },
    { content: { topics: Array(1001).fill("*") }, says: "topics: expected an array of 1 to 1000 topics, given [" },
    {
      content: { topics: [5] },
      says: "topics.0: expected `*`, `queue:<name>`, `job:<queue>:<id>`, `widget:<id>`, `stats` or `clients`, at most 512",
    },
    { content: { topics: ["*"], since: [] }, says: "since: expected an object of cursors by queue name, given []" },
    {
      content: { topics: ["*"], since: { a: 1 } },
      says: "since.a: expected a cursor: a string of at most 512 characters",
    },
  ])("$says", ({ content, says }) => {
    expect(complaint(subscribeContentSchema, content)).toContain(says);
  });

  it("its type", () => {
    for (const type of [undefined, 1, "", "x".repeat(65)]) {
      expect(complaint(clientEnvelopeSchema, { type })).toContain("type: expected a string of 1 to 64 characters");
    }
  });
});
