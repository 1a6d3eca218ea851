import { jsonOf } from "./job-fields.ts";
import type { JobKey } from "./job-key.ts";
import type { RedisConnection } from "./redis-connections.ts";
import type { Reply } from "./reply.ts";
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
const MAX_TRACES = 50;
const MAX_TRACE_LENGTH = 8000;
/** A delayed job's score is its time in ms, times this, and a number within the millisecond. */
const SCORES_PER_MS = 0x1000;
/** The last moment that can be written as a date, ms. */
const MAX_TIME_MS = 8.64e15;
/** A command that does not block is answered by then, or never. */
const ANSWER_TIMEOUT_MS = 1500;

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
  const pipeline = connection.client.pipeline();
  pipeline.hmget(`${prefix}:${queue}:${jobId}`, ...FIELDS);
  pipeline.zscore(`${prefix}:${queue}:delayed`, jobId);
  const replies = ((await connection.inTime(pipeline.exec(), ANSWER_TIMEOUT_MS)) ?? []) as Reply[];
  const [values, score] = replies.map(answerOf) as [(string | null)[] | null, string | null];
  const [data = null, options = null, stacktrace = null, processedBy = null] = values ?? [];
  const dueAtMs = score === null ? null : Math.floor(Number(score) / SCORES_PER_MS);
  return {
    data: boundedJson(data),
    dataBytes: data === null ? null : Buffer.byteLength(data),
    stacktrace: tracesOf(jsonOf(stacktrace)),
    options: boundedJson(options),
    delayUntilMs: dueAtMs !== null && Math.abs(dueAtMs) <= MAX_TIME_MS ? dueAtMs : null,
    processedBy,
  };
}

function boundedJson(text: string | null): unknown {
  return text !== null && Buffer.byteLength(text) <= MAX_JSON_BYTES ? jsonOf(text) : null;
}

function tracesOf(value: unknown): string[] {
  const traces = Array.isArray(value) ? value.filter((trace) => typeof trace === "string") : [];
  return traces.slice(-MAX_TRACES).map((trace) => trace.slice(0, MAX_TRACE_LENGTH));
}
