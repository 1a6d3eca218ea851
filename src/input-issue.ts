import type { z } from "zod";

/** One thing wrong with an input: where, what was expected, what came. */
export interface InputIssue {
  field: string;
  expected: string;
  given: string;
}

const MAX_GIVEN_LENGTH = 100;
/** Wrong fields named in one answer: an answer is not to be much larger than its question. */
const MAX_ISSUES = 10;

/** A value as it can be shown in an error text: JSON, at most 100 characters. */
export function describeGiven(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value instanceof Promise) return "a promise";
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Cycles and BigInts have no JSON; their kind is all that can be said.
  }
  text ??= `a ${typeof value}`;
  return text.length > MAX_GIVEN_LENGTH ? `${text.slice(0, MAX_GIVEN_LENGTH)}...` : text;
}

/** zod's names of types, as people call them. */
const KINDS: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "a JSON object",
  record: "a JSON object",
};

/** What has a size, by what it is counted in. */
const UNITS: Readonly<Record<string, string>> = {
  string: " characters",
  array: " items",
  set: " items",
  map: " items",
};

/** What was expected, in plain words: a schema's own where it has any, else a translation of zod's. */
function describeExpected(issue: z.core.$ZodIssue): string {
  if (!/^(Invalid |Too (big|small): )/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return KINDS[issue.expected] ?? issue.expected;
    case "too_big":
      return `${issue.inclusive === false ? "less than" : "at most"} ${sizeOf(issue.origin, issue.maximum)}`;
    case "too_small":
      return `${issue.inclusive === false ? "more than" : "at least"} ${sizeOf(issue.origin, issue.minimum)}`;
    case "invalid_union":
      return describeUnion(issue.errors);
    default:
      return issue.message
        .replace(/^Invalid \w+: /, "")
        .replace(/^expected /, "")
        .replace(/, received .*$/, "")
        .replace(/^Invalid input$/, "another value");
  }
}

function sizeOf(origin: string, size: number | bigint): string {
  return `${size}${UNITS[origin] ?? ""}`;
}

/** What each alternative would have taken. */
function describeUnion(alternatives: readonly (readonly z.core.$ZodIssue[])[]): string {
  const words = alternatives.flatMap(([first]) => (first ? [describeExpected(first)] : []));
  return [...new Set(words)].join(" or ") || "another value";
}

/** Turns what zod found into one line per wrong field. `root` names the input itself, for example `content`. */
export function inputIssues(error: z.ZodError, input: unknown, root: string): InputIssue[] {
  return error.issues.slice(0, MAX_ISSUES).flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.slice(0, MAX_ISSUES).map((key) => ({
        field: [...path, key].join("."),
        expected: "no such field",
        given: describeGiven(valueAt(valueAt(input, path), [key])),
      }));
    }
    return [
      {
        field: path.join(".") || root,
        expected: describeExpected(issue),
        given: describeGiven(valueAt(input, path)),
      },
    ];
  });
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The issues as one sentence, for messages and logs. */
export function describeIssues(issues: readonly InputIssue[]): string {
  return issues.map(({ field, expected, given }) => `${field}: expected ${expected}, given ${given}`).join("; ");
}
