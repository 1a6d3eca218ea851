import { z } from "zod";
import { parseTopic, TOPIC_FORMS } from "./topic.ts";

/** A client id names one connection; it stands in a URL path unescaped. */
export const CLIENT_ID_PATTERN = /^[A-Za-z0-9._~-]{1,128}$/;

/** Largest client message accepted, in bytes. */
export const MAX_CLIENT_MESSAGE_BYTES = 64 * 1024;

/** Most topics one connection can be subscribed to at a time. */
export const MAX_TOPICS = 1000;

const topicSchema = z
  .string({ error: TOPIC_FORMS })
  .refine((topic) => parseTopic(topic) !== null, { error: TOPIC_FORMS });
const TOPICS = { error: `an array of 1 to ${MAX_TOPICS} topics` };
const topicsSchema = z.array(topicSchema, TOPICS).min(1, TOPICS).max(MAX_TOPICS, TOPICS);
const CURSORS = { error: "an object of cursors by queue name" };
const CURSOR = { error: "a cursor: a string of at most 512 characters" };
const TYPE = { error: "a string of 1 to 64 characters" };
const requestIdSchema = z.union([z.string().max(128), z.number()], {
  error: "a string of at most 128 characters or a number",
});
const metaSchema = z.looseObject({ request_id: requestIdSchema.optional() }).default({});

/** The envelope of every client message; `type` says how to read the rest. */
export const clientEnvelopeSchema = z.object({
  type: z.string(TYPE).min(1, TYPE).max(64, TYPE),
  content: z.unknown().optional(),
  meta: metaSchema,
});

/** One parsed client message. */
export type ClientMessage = z.infer<typeof clientEnvelopeSchema>;

export const subscribeContentSchema = z.strictObject({
  topics: topicsSchema,
  /** The newest cursor seen of each queue, by queue name. */
  since: z.record(z.string(), z.string(CURSOR).max(512, CURSOR), CURSORS).optional(),
});

export const unsubscribeContentSchema = z.strictObject({ topics: topicsSchema });
