import { z } from "zod";
import type { JobDetails, JobPage } from "../protocol/job-summary.ts";
import type { QueueSummary } from "../protocol/queue-summary.ts";
import { LISTED_STATES } from "../protocol/queue-summary.ts";
import { snapshotSchema } from "./schemas.ts";

const instantSchema = z.iso.datetime();
const stateSchema = z.enum(LISTED_STATES);
const { attempt, attempts, parent } = snapshotSchema.shape;

export const queuesSchema = z.object({
  queues: z.array(
    z.object({
      queue: z.string(),
      is_paused: z.boolean().nullable(),
      counts: z
        .object(
          Object.fromEntries(LISTED_STATES.map((state) => [state, z.int()])) as Record<
            (typeof LISTED_STATES)[number],
            z.ZodInt
          >,
        )
        .nullable()
        .describe("How many jobs the queue has, by state; null until they could be counted."),
      counted_at: instantSchema
        .nullable()
        .describe("When they were counted: older ones stay while Redis does not answer."),
      lag_ms: z.number().nullable().describe("Age of its newest event when it was handed on."),
      state: z.enum(["connecting", "reading", "reconnecting", "taken_over", "closed"]),
      events_total: z.int().describe("Events read of it since it was attached."),
    }),
  ),
}) satisfies z.ZodType<{ queues: QueueSummary[] }>;

export const jobPageSchema = z.object({
  jobs: z.array(
    z.object({
      queue: z.string(),
      id: z.string(),
      name: z.string().nullable(),
      state: stateSchema.describe("`paused` is what BullMQ 5 makes of `waiting` while the queue is paused."),
      progress: z.unknown().describe("What the job last reported; null where it takes more than 1 KiB of JSON."),
      attempt,
      attempts,
      added_at: instantSchema.nullable(),
      started_at: instantSchema.nullable(),
      finished_at: instantSchema.nullable(),
      failed_reason: z
        .string()
        .nullable()
        .describe("Why the last attempt that ended failed; its first 1,000 characters."),
      parent,
    }),
  ),
  next: z.string().nullable().describe("What to hand back as `after` for the next page; null at the end."),
}) satisfies z.ZodType<JobPage>;

export const jobDetailsSchema = snapshotSchema.extend({
  data: z.unknown().describe("What the job was given; null where it takes more than 256 KiB."),
  data_bytes: z.int().nullable().describe("How many bytes of JSON that is."),
  stacktrace: z
    .array(z.string())
    .describe(
      "What its attempts that failed threw, oldest first: the newest 50, each with its first 8,000 characters.",
    ),
  options: z.unknown().describe("The job's options as BullMQ keeps them; null where they take more than 256 KiB."),
  delay_until: instantSchema.nullable().describe("When a delayed job is due."),
  processed_by: z.string().nullable().describe("The name of the worker that took it last, where it has one."),
}) satisfies z.ZodType<JobDetails>;
