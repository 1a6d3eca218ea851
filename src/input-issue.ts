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
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Cycles and BigInts have no JSON; their kind is all that can be said.
  }
  text ??= `a ${typeof value}`;
  return text.length > MAX_GIVEN_LENGTH ? `${text.slice(0, MAX_GIVEN_LENGTH)}...` : text;
}

function describeExpected(issue: z.core.$ZodIssue): string {
  return issue.message
    .replace(/^(Invalid \w+|Too big|Too small): /, "")
    .replace(/^expected /, "")
    .replace(/, received .*$/, "");
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
