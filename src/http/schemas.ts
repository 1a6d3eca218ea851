import { z } from "zod";
import { QUEUE_NAME_PATTERN } from "../handed-in.ts";
import type { About, ClientReport, Health, Stats, StatsHistory } from "../protocol/admin.ts";
import { CLIENT_ID_PATTERN } from "../protocol/client-message.ts";
import { CUSTOM_TYPE_FORM, CUSTOM_TYPE_PATTERN, isProtocolType } from "../protocol/message.ts";
import { JOB_STATES } from "../protocol/snapshot.ts";

/** Largest request body accepted, in bytes. */
export const MAX_BODY_BYTES = 256 * 1024;

export const clientIdSchema = z
  .string()
  .regex(CLIENT_ID_PATTERN, { error: "1 to 128 of the characters A-Z a-z 0-9 . _ ~ -" });

export const queueNameSchema = z.string().regex(QUEUE_NAME_PATTERN, { error: "1 to 256 characters without a colon" });

export const sendMessageSchema = z.strictObject({
  type: z
    .string()
    .regex(CUSTOM_TYPE_PATTERN, { error: CUSTOM_TYPE_FORM })
    .refine((type) => !isProtocolType(type), { error: "a type of your own: this one is the protocol's" })
    .describe("A type of the application's own."),
  content: z
    .unknown()
    .refine((content) => content !== undefined, { error: "any JSON" })
    .describe("Any JSON."),
  meta: z
    .record(z.string(), z.unknown())
    .refine((meta) => !("cursor" in meta), { error: "no `cursor`, which clients keep to resume" })
    .optional()
    .describe("Any JSON object."),
  client_id: clientIdSchema.optional().describe("Whom to send it to; everybody when absent."),
});

export const sentSchema = z.object({ reached: z.int().describe("How many connections took the message.") });

const percentilesSchema = z.object({ p50: z.number().nullable(), p99: z.number().nullable() });
const outboxSchema = z.object({ messages: z.int(), bytes: z.int() });
const instantSchema = z.iso.datetime();

export const statsSchema = z.object({
  uptime_seconds: z.number(),
  connections: z.object({ current: z.int(), peak: z.int(), total: z.int() }),
  messages: z.object({
    in: z.int().describe("Messages received from clients."),
    out: z.int().describe("Messages handed to connections: one for each that gets it."),
    dropped: z.int().describe("Messages lost to slow consumers, which were disconnected for it."),
    conflated: z.int().describe("Progress messages left out as newer ones of their jobs were waiting."),
    by_type: z.record(z.string(), z.int()).describe("`out` by message type."),
  }),
  outbox: outboxSchema.describe("What waits in all outboxes together."),
  heartbeat: z.object({ pings: z.int(), pongs: z.int(), timeouts: z.int(), rtt_ms: percentilesSchema }),
  sources: z.array(
    z.object({
      kind: z.enum(["event-stream", "queue-events", "log-stream", "log-pub-sub", "job-log-tail"]),
      queue: z.string().nullable(),
      state: z.enum(["connecting", "reading", "reconnecting", "taken_over", "closed"]),
      lag_ms: z.number().nullable(),
      malformed: z.int(),
      gaps: z.int().describe("Times history was found missing."),
      mode: z.enum(["tracking", "polling"]).optional().describe("How the logs of jobs are followed."),
    }),
  ),
  latency_ms: percentilesSchema.describe("From Redis' timestamp of a fact to its message handed to the connections."),
}) satisfies z.ZodType<Stats>;

export const statsHistorySchema = z.object({
  interval_ms: z.int().describe("How often a sample is taken."),
  samples: z
    .array(
      z.object({
        at: instantSchema.describe("End of the interval."),
        interval_ms: z.number().describe("Its length. Rates are per second."),
        in: z.number().describe("Messages received from clients."),
        out: z.number().describe("Messages handed to connections: one for each that gets it."),
        dropped: z.number().describe("Messages lost to slow consumers."),
        conflated: z.number().describe("Progress messages left out as newer ones of their jobs were waiting."),
        events: z.number().describe("Job events and log lines read from Redis."),
        connections: z.int().describe("Open connections at its end."),
        outbox: outboxSchema.describe("What waited in all outboxes together at its end."),
        latency_ms: percentilesSchema.describe("As in `/stats`, of this interval only; null without messages."),
        rtt_ms: percentilesSchema.describe("Round trips of the newest JSON pings that were answered."),
      }),
    )
    .describe("The last 15 minutes, oldest first."),
}) satisfies z.ZodType<StatsHistory>;

const clientSchema = z.object({
  client_id: z.string(),
  connected_at: instantSchema,
  remote_address: z.string().nullable(),
  principal: z.string().nullable(),
  is_admin: z.boolean().describe("Whether it may subscribe to the topics of administrators."),
  topics: z.array(z.string()),
  outbox: outboxSchema.describe("What waits as its socket takes no more."),
  lag_ms: z.number().describe("Age of the oldest message in its outbox."),
  rtt_ms: z.number().nullable(),
  dropped: z.int().describe("Lines of logs dropped for it, as it did not keep up."),
  conflated: z.int().describe("Progress messages left out for it, as newer ones of their jobs were waiting."),
  last_seen_at: instantSchema,
}) satisfies z.ZodType<ClientReport>;

export const clientsSchema = z.object({ total: z.int(), clients: z.array(clientSchema) });

export const snapshotSchema = z.object({
  state: z.enum(JOB_STATES),
  name: z.string().nullable(),
  progress: z.unknown().describe("What the job last reported; null before that."),
  attempt: z.int().nullable().describe("The attempt under way, else the last one made; 0 before the first."),
  attempts: z.number().nullable().describe("How many attempts the job has."),
  result: z.unknown().describe("What a completed job returned; null for others."),
  failed_reason: z.string().nullable().describe("Why the last attempt that ended failed."),
  logs: z
    .array(
      z.object({
        line: z.int().nullable().describe("Number of the line in the job's log, from 0; null where it is inexact."),
        level: z.string().nullable(),
        content: z.string(),
        timestamp: instantSchema.nullable(),
      }),
    )
    .describe("The newest lines of the job's log, oldest first: at most 1,000 of them and 256 KiB."),
  logs_truncated: z.boolean().describe("Whether there are, or may have been, older lines."),
  added_at: instantSchema.nullable(),
  started_at: instantSchema.nullable(),
  finished_at: instantSchema.nullable(),
  parent: z.object({ queue: z.string(), id: z.string() }).nullable(),
  children: z
    .object({ total: z.int(), done: z.int().describe("Those the job waits for no more.") })
    .nullable()
    .describe("Null for a job without children, and where the Redis user may not count them."),
});

const healthStatusSchema = z.enum(["healthy", "degraded", "unhealthy"]);

export const healthSchema = z.object({
  status: healthStatusSchema,
  checks: z.record(z.string(), z.object({ status: healthStatusSchema, reason: z.string().optional() })),
}) satisfies z.ZodType<Health>;

export const aboutSchema = z.object({
  version: z.string(),
  read_only: z.boolean().describe("Whether nothing can be sent and nobody disconnected."),
  insecure: z.boolean().describe("Whether everybody is served who can reach the port."),
  needs_token: z.boolean().describe("Whether there is an admin token."),
  base_path: z.string(),
  prefix: z.string().describe("BullMQ's key prefix."),
}) satisfies z.ZodType<About>;

/** What whoever comes without the admin token is told. */
export const tokenNeededSchema = z.strictObject({ needs_token: z.literal(true) });

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), expected: z.string(), given: z.string() })).optional(),
});
