import { jsonOf } from "./job-fields.ts";
import type { JobKey } from "./job-key.ts";
import type { RedisConnection } from "./redis-connections.ts";
import { answerOf } from "./reply.ts";

/** What a job is, beside how it stands. Null is what is not set, or cannot be read. */
export interface JobDetail {
  data: unknown;
  /** Of the data as JSON, also where it is too large to be told. */
  dataBytes: number | null;
  /** Oldest first. */
  stacktrace: string[];
  options: unknown;
  /** When a delayed job is due, epoch ms. */
  delayUntilMs: number | null;
  processedBy: string | null;
}

const FIELDS = ["data", "opts", "stacktrace", "pb"] as const;
const MAX_JSON_BYTES = 256 * 1024;
/** More is not looked into: reading it would hold up everybody. */
const MAX_STACKTRACE_BYTES = 4 * 1024 * 1024;
const MAX_TRACES = 50;
const MAX_TRACE_LENGTH = 8000;
/** A delayed job's score is its time in ms, times this, and a number within the millisecond. */
const SCORES_PER_MS = 0x1000;
/** The last moment that can be written as a date, ms. */
const MAX_TIME_MS = 8.64e15;

/**
 * Reads what a job was given and what it threw.
 *
 * @throws {Error} when Redis does not answer, or does not let its user read jobs.
 */
export async function readJobDetail(
  connection: RedisConnection,
  prefix: string,
  { queue, jobId }: JobKey,
): Promise<JobDetail> {
  const replies = await connection.ask((pipeline) => {
    pipeline.hmget(`${prefix}:${queue}:${jobId}`, ...FIELDS);
    pipeline.zscore(`${prefix}:${queue}:delayed`, jobId);
  });
  const [values, score] = replies.map(answerOf) as [(string | null)[] | null, string | null];
  const [data = null, options = null, stacktrace = null, processedBy = null] = values ?? [];
  const dueAtMs = score === null ? null : Math.floor(Number(score) / SCORES_PER_MS);
  return {
    data: boundedJson(data, MAX_JSON_BYTES),
    dataBytes: data === null ? null : Buffer.byteLength(data),
    stacktrace: tracesOf(boundedJson(stacktrace, MAX_STACKTRACE_BYTES)),
    options: boundedJson(options, MAX_JSON_BYTES),
    delayUntilMs: dueAtMs !== null && Math.abs(dueAtMs) <= MAX_TIME_MS ? dueAtMs : null,
    processedBy,
  };
}

function boundedJson(text: string | null, maxBytes: number): unknown {
  return text !== null && Buffer.byteLength(text) <= maxBytes ? jsonOf(text) : null;
}

function tracesOf(value: unknown): string[] {
  const traces = Array.isArray(value) ? value.filter((trace) => typeof trace === "string") : [];
  return traces.slice(-MAX_TRACES).map((trace) => trace.slice(0, MAX_TRACE_LENGTH));
}
