import { z } from "zod";
import { parseTopic, TOPIC_FORMS } from "./topic.ts";

/** A client id names one connection; it stands in a URL path unescaped. */
export const CLIENT_ID_PATTERN = /^[A-Za-z0-9._~-]{1,128}$/;

/** Largest client message accepted, in bytes. */
export const MAX_CLIENT_MESSAGE_BYTES = 64 * 1024;

/** Most topics one connection can be subscribed to at a time. */
export const MAX_TOPICS = 1000;

const topicSchema = z.string().refine((topic) => parseTopic(topic) !== null, { error: TOPIC_FORMS });
const topicsSchema = z.array(topicSchema).min(1).max(MAX_TOPICS);
const requestIdSchema = z.union([z.string().max(128), z.number()], {
  error: "a string of at most 128 characters or a number",
});
const metaSchema = z.looseObject({ request_id: requestIdSchema.optional() }).default({});

/** The envelope of every client message; `type` says how to read the rest. */
export const clientEnvelopeSchema = z.object({
  type: z.string().min(1).max(64),
  content: z.unknown().optional(),
  meta: metaSchema,
});

/** One parsed client message. */
export type ClientMessage = z.infer<typeof clientEnvelopeSchema>;

export const subscribeContentSchema = z.strictObject({
  topics: topicsSchema,
  /** The newest cursor seen of each queue, by queue name. */
  since: z.record(z.string(), z.string().max(512)).optional(),
});

export const unsubscribeContentSchema = z.strictObject({ topics: topicsSchema });

/** One thing wrong with an input: where, what was expected, what came. */
export interface InputIssue {
  field: string;
  expected: string;
  given: string;
}

const MAX_GIVEN_LENGTH = 100;

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
  return error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
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
