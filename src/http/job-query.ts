import { z } from "zod";
import type { InputIssue } from "../input-issue.ts";
import { inputIssues } from "../input-issue.ts";
import { LISTED_STATES } from "../protocol/queue-summary.ts";
import { decodePageCursor } from "./page-cursor.ts";
import { queueNameSchema } from "./schemas.ts";

/** Jobs of a page, by default and at most. */
export const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;

const LIMIT_FORM = `one whole number from 1 to ${MAX_LIMIT}`;
const CURSOR_FORM = "`next` of the page before, as it was";

const querySchema = z.strictObject({
  queue: queueNameSchema.optional(),
  state: z.array(z.enum(LISTED_STATES, { error: `one of ${LISTED_STATES.join(", ")}` })).optional(),
  limit: z
    .string({ error: LIMIT_FORM })
    .regex(/^\d{1,3}$/, { error: LIMIT_FORM })
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= MAX_LIMIT, { error: LIMIT_FORM })
    .optional(),
  after: z
    .string({ error: CURSOR_FORM })
    .transform(decodePageCursor)
    .refine((slot) => slot !== null, { error: CURSOR_FORM })
    .optional(),
});

/** What `GET /ws/jobs` was asked for. */
export type JobPageRequest = z.infer<typeof querySchema>;

/** Reads `?queue=&state=&state=&limit=&after=`; answers what is wrong with it where something is. */
export function readJobQuery(query: string): { asked: JobPageRequest } | { issues: InputIssue[] } {
  const given = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query)) {
    const values = given.get(name);
    if (values) values.push(value);
    else given.set(name, [value]);
  }
  const input = Object.fromEntries(
    [...given].map(([name, values]) => [name, name !== "state" && values.length === 1 ? values[0] : values]),
  );
  const read = querySchema.safeParse(input);
  if (read.success) return { asked: read.data };
  const issues = inputIssues(read.error, input, "query");
  return { issues: issues.map((issue) => ({ ...issue, field: issue.field.replace(/^state\.\d+$/, "state") })) };
}
